//! A proxy between a function and the services it calls. It counts the calls and can hold one of them,
//! so that the function can be dropped exactly there, or goes on when something else has happened. It can also lose the answer of one call
//! to AWS after it took effect, so that the SDK repeats it.
//!
//! Point 2k is before call k is sent on; point 2k+1 is after it took effect and before its answer.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sandbox::aws::lambda::Entry;
use serde_json::Value;
use shared::platform::http::Http;
use tokio::sync::Notify;

use super::spent::{Spent, asking_for_units};

/// What all taps of one function share.
#[derive(Default)]
pub struct Tap {
    calls: AtomicUsize,
    /// The points to hold at.
    hold: Mutex<Vec<usize>>,
    /// How long every answer of AWS takes.
    delay: Mutex<Duration>,
    held: Notify,
    released: Notify,
    /// Whether every call to a store is refused.
    store_fails: AtomicBool,
    /// Whether VTpass's answers are lost after they took effect.
    vtpass_silent: AtomicBool,
    /// The operations that went through, in order.
    seen: Mutex<Vec<String>>,
    /// What was done to which table or queue, as IAM names it.
    used: Mutex<BTreeSet<(String, String)>>,
    loss: Mutex<Option<Loss>>,
    /// What the calls cost, where it is counted.
    spent: Mutex<Option<Spent>>,
}

/// A call to AWS whose first answer is lost.
struct Loss {
    operation: &'static str,
    /// What the request holds.
    holds: &'static str,
    /// How many calls like it come before it.
    before: usize,
    /// The SDK's id of the call, once it came. The SDK's repeats carry the same.
    invocation: Option<String>,
    took_effect: bool,
    repeats: usize,
}

impl Loss {
    /// Whether the answer to this request is to be lost.
    fn meets(&mut self, operation: &str, invocation: Option<&str>, body: &str) -> bool {
        let Some(invocation) = invocation else { return false };
        if let Some(lost) = &self.invocation {
            self.repeats += usize::from(lost == invocation);
            return false;
        }
        if operation != self.operation || !body.contains(self.holds) {
            return false;
        }
        if self.before > 0 {
            self.before -= 1;
            return false;
        }
        self.invocation = Some(invocation.to_owned());
        true
    }
}

#[derive(Clone)]
struct Line {
    tap: Arc<Tap>,
    target: Arc<str>,
    http: Http,
    is_store: bool,
}

impl Tap {
    /// Listens in front of `target` and gives the URL to call instead.
    pub async fn before(self: &Arc<Self>, target: &str, is_store: bool) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let line =
            Line { tap: self.clone(), target: Arc::from(target), http: Http::new(), is_store };
        let app = Router::new().fallback(pass).with_state(line);
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    /// From now on the calls are counted anew and held at `point`.
    pub fn hold_at(&self, point: Option<usize>) {
        self.hold_at_all(point.into_iter().collect());
    }

    /// The same, at several points.
    pub fn hold_at_all(&self, points: Vec<usize>) {
        *self.hold.lock().unwrap() = points;
        self.calls.store(0, Ordering::SeqCst);
        self.seen.lock().unwrap().clear();
    }

    /// Lets every answer that goes through take so long.
    pub fn delay(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    /// Resolves once a call is held.
    pub async fn held(&self) {
        self.held.notified().await;
    }

    /// Lets the calls that are held go on.
    pub fn release(&self) {
        self.released.notify_waiters();
    }

    /// The operations, such as `PutItem` or `/api/pay`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The permissions that were needed so far: an action and a table, index or queue.
    pub fn used(&self) -> BTreeSet<(String, String)> {
        self.used.lock().unwrap().clone()
    }

    /// From now on what the calls cost is counted anew. DynamoDB is asked for it with each call.
    pub fn count_costs(&self) {
        *self.spent.lock().unwrap() = Some(Spent::default());
    }

    /// What the calls cost since then.
    pub fn spent(&self) -> Spent {
        self.spent.lock().unwrap().expect("costs are counted")
    }

    /// Lets every call to a store fail, or none.
    pub fn fail_store(&self, fails: bool) {
        self.store_fails.store(fails, Ordering::SeqCst);
    }

    /// Loses every answer of VTpass, or none.
    pub fn silence_vtpass(&self, silent: bool) {
        self.vtpass_silent.store(silent, Ordering::SeqCst);
    }

    /// Lets a call to AWS take effect and loses its answer: the first of this operation whose request
    /// holds this text, after `before` others like it.
    pub fn lose_answer_of(&self, operation: &'static str, holds: &'static str, before: usize) {
        let (invocation, took_effect, repeats) = (None, false, 0);
        let loss = Loss { operation, holds, before, invocation, took_effect, repeats };
        *self.loss.lock().unwrap() = Some(loss);
    }

    /// Asserts that the answer was lost after the call took effect, and that the SDK repeated it.
    pub fn assert_repeated(&self) {
        let loss = self.loss.lock().unwrap().take().expect("an answer was to be lost");
        let Loss { operation, holds, took_effect, repeats, .. } = loss;
        assert!(took_effect, "no {operation} with {holds} took effect");
        assert_eq!(repeats, 1, "the SDK repeats the {operation} with {holds} once");
    }

    /// Whether the answer to this request is to be lost.
    fn loses(&self, operation: &str, parts: &http::request::Parts, body: &[u8]) -> bool {
        let invocation = parts.headers.get("amz-sdk-invocation-id");
        let invocation = invocation.and_then(|id| id.to_str().ok());
        let mut loss = self.loss.lock().unwrap();
        loss.as_mut()
            .is_some_and(|loss| loss.meets(operation, invocation, &String::from_utf8_lossy(body)))
    }

    async fn hold_if(&self, point: usize) {
        if self.hold.lock().unwrap().contains(&point) {
            let released = self.released.notified();
            self.held.notify_one();
            released.await;
        }
    }
}

/// The permissions that a call to AWS needs.
fn needed(operation: &str, request: &Value) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match operation {
        // A transaction needs what its parts would need alone.
        "TransactWriteItems" => {
            let parts = request["TransactItems"].as_array().unwrap().iter();
            let part = |part: &Value| {
                let (kind, body) = part.as_object().unwrap().iter().next().unwrap();
                (format!("dynamodb:{kind}Item"), word(&body["TableName"]))
            };
            parts.map(part).collect()
        }
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().unwrap().keys();
            tables.map(|table| ("dynamodb:BatchGetItem".to_owned(), table.clone())).collect()
        }
        "BatchGetSecretValue" => {
            let secrets = request["SecretIdList"].as_array().unwrap().iter();
            let one = |id| ("secretsmanager:GetSecretValue".to_owned(), word(id));
            let all = ("secretsmanager:BatchGetSecretValue".to_owned(), "*".to_owned());
            secrets.map(one).chain([all]).collect()
        }
        "SendMessage" => {
            let queue = word(&request["QueueUrl"]).rsplit('/').next().unwrap().to_owned();
            vec![("sqs:SendMessage".to_owned(), queue)]
        }
        _ => {
            let (table, index) = (word(&request["TableName"]), request["IndexName"].as_str());
            let index = index.map(|index| format!("/index/{index}")).unwrap_or_default();
            vec![(format!("dynamodb:{operation}"), format!("{table}{index}"))]
        }
    }
}

async fn pass(State(line): State<Line>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    if line.is_store && line.tap.store_fails.load(Ordering::SeqCst) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let call = line.tap.calls.fetch_add(1, Ordering::SeqCst);
    let operation = match parts.headers.get("x-amz-target") {
        Some(target) => target.to_str().unwrap().rsplit('.').next().unwrap().to_owned(),
        None => parts.uri.path().to_owned(),
    };
    let of_aws = parts.headers.contains_key("x-amz-target");
    if of_aws {
        let request = serde_json::from_slice(&body).unwrap();
        line.tap.used.lock().unwrap().extend(needed(&operation, &request));
    }
    let counts = of_aws && line.tap.spent.lock().unwrap().is_some();
    let sent = if counts { asking_for_units(&operation, &body) } else { body.to_vec() };
    let loses = line.tap.loses(&operation, &parts, &body);
    let of_vtpass = operation.starts_with("/api/");
    line.tap.hold_if(2 * call).await;
    line.tap.seen.lock().unwrap().push(operation.clone());
    let url = format!("{}{}", line.target, parts.uri.path_and_query().unwrap());
    let mut onward = http::Request::builder().method(parts.method).uri(url);
    for (name, value) in &parts.headers {
        if name != "host" && name != "content-length" {
            onward = onward.header(name, value);
        }
    }
    let onward = reqwest::Request::try_from(onward.body(sent).unwrap()).unwrap();
    let answer = line.http.send(onward, Duration::from_secs(60)).await;
    if let (Some(spent), Ok(answer)) = (line.tap.spent.lock().unwrap().as_mut(), &answer) {
        spent.call(of_aws, &operation, &body, &answer.body);
    }
    let delay = *line.tap.delay.lock().unwrap();
    tokio::time::sleep(delay).await;
    line.tap.hold_if(2 * call + 1).await;
    if of_vtpass && line.tap.vtpass_silent.load(Ordering::SeqCst) {
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    let Ok(answer) = answer else { return StatusCode::BAD_GATEWAY.into_response() };
    if loses {
        let mut loss = line.tap.loss.lock().unwrap();
        loss.as_mut().unwrap().took_effect = answer.status.is_success();
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    for (name, value) in &answer.headers {
        if name != "transfer-encoding" && name != "content-length" {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Runs a function until its call at `point` is held, and drops it there. `false` when it never
/// gets that far.
pub async fn crash_at(function: &Entry, event: String, tap: &Tap, point: usize) -> bool {
    tap.hold_at(Some(point));
    let running = function(event, context());
    tokio::select! {
        biased;
        () = tap.held() => true,
        _ = running => false,
    }
}

/// The context of an invocation that has a minute left.
pub fn context() -> lambda_runtime::Context {
    let end = std::time::SystemTime::now() + Duration::from_secs(60);
    let end = end.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let mut context = lambda_runtime::Context::default();
    context.deadline = u64::try_from(end.as_millis()).unwrap();
    context
}
