//! Watches the calls of a function: to tables, queues and providers.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Request, Url};
use serde_json::{Value, json};
use shared::platform::environment::Environment;
use shared::platform::http::{Answer, Exchange, Http, NoAnswer, Transport};

use super::entry::Kind;
use super::ids::ids;
use super::log::{Activity, Started};
use super::{queue, write};

/// The caller's own limit ends a call; this one is longer than any function runs.
const NO_LIMIT: Duration = Duration::from_secs(3600);
/// From here on a word of digits in a path is taken for a phone number.
const DIGITS_OF_A_NUMBER: usize = 10;

/// Where the services of a sandbox are.
#[derive(Clone)]
pub(crate) struct Places {
    /// The URL of DynamoDB.
    pub(crate) dynamodb: String,
    /// The URL of SQS.
    pub(crate) sqs: String,
    /// The URL of Secrets Manager, whose calls are not recorded.
    pub(crate) secrets: String,
    /// The providers' names with their base URLs.
    pub(crate) providers: Vec<(&'static str, String)>,
}

/// The environment of a function whose calls are recorded.
pub(crate) fn watched(
    environment: &Environment,
    function: &str,
    places: &Arc<Places>,
    activity: &Activity,
) -> Environment {
    let watch = Watch {
        http: environment.http.clone(),
        function: function.to_owned(),
        places: places.clone(),
        activity: activity.clone(),
        environment: environment.clone(),
    };
    Environment { http: Http::in_process(Arc::new(watch)), ..environment.clone() }
}

struct Watch {
    http: Http,
    function: String,
    places: Arc<Places>,
    activity: Activity,
    environment: Environment,
}

/// A call that is recorded when it is answered, or given up.
struct Call {
    activity: Activity,
    started: Started,
    what: String,
    about: Vec<String>,
    detail: Value,
    is_ok: bool,
}

impl Transport for Watch {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        Box::pin(async move {
            let mut calls = self.calls(&request);
            let outcome = self.http.send(request, NO_LIMIT).await;
            calls.iter_mut().for_each(|call| call.answered(&outcome));
            outcome
        })
    }
}

impl Watch {
    fn calls(&self, request: &Request) -> Vec<Call> {
        let url = request.url();
        let is_at = |base: &str| base.parse().is_ok_and(|base: Url| base.origin() == url.origin());
        if is_at(&self.places.dynamodb) {
            return self.write(request).into_iter().collect();
        }
        if is_at(&self.places.sqs) {
            return self.messages(request);
        }
        if is_at(&self.places.secrets) {
            return Vec::new();
        }
        let provider = self.places.providers.iter().find(|(_, base)| is_at(base));
        let provider = provider.map_or("another server", |(name, _)| *name);
        vec![self.provider(provider, request)]
    }

    fn write(&self, request: &Request) -> Option<Call> {
        let write = write::write(operation(request), &body_of(request))?;
        let about = ids(&text(request));
        Some(self.call(Kind::Write, write.what, about, write.detail))
    }

    fn messages(&self, request: &Request) -> Vec<Call> {
        let now = self.environment.clock.now();
        let sent = queue::sent(operation(request), &body_of(request), now);
        sent.into_iter().map(|it| self.call(Kind::Message, it.what, it.about, it.detail)).collect()
    }

    fn provider(&self, name: &str, request: &Request) -> Call {
        let (method, path) = (request.method().as_str(), without_numbers(request.url().path()));
        let about = ids(&format!("{} {}", request.url(), text(request)));
        let what = format!("asked {name}: {method} {path}");
        let detail = json!({ "provider": name, "method": method, "path": path });
        self.call(Kind::Call, what, about, detail)
    }

    fn call(&self, kind: Kind, what: String, about: Vec<String>, detail: Value) -> Call {
        let (activity, started) =
            (self.activity.clone(), self.activity.begin(kind, &self.function));
        Call { activity, started, what, about, detail, is_ok: false }
    }
}

impl Call {
    fn answered(&mut self, outcome: &Result<Answer, NoAnswer>) {
        match outcome {
            Ok(answer) => {
                self.is_ok = answer.status.is_success();
                self.detail["status"] = json!(answer.status.as_u16());
                let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
                if let Some(error) = body["__type"].as_str().and_then(|it| it.rsplit('#').next()) {
                    self.detail["refused"] = json!(error);
                }
                for name in ["code", "statusCode"] {
                    if let Some(code) = body[name].as_str() {
                        self.detail["code"] = json!(code);
                    }
                }
            }
            Err(reason) => self.detail["no_answer"] = json!(reason.to_string()),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let nothing = ["status", "no_answer"].iter().all(|name| self.detail[*name].is_null());
        if nothing {
            self.detail["no_answer"] = json!("given up");
        }
        let (what, about) = (std::mem::take(&mut self.what), std::mem::take(&mut self.about));
        self.activity.end(&self.started, what, about, self.is_ok, self.detail.take());
    }
}

/// The operation of a request to DynamoDB or SQS.
fn operation(request: &Request) -> &str {
    let target = request.headers().get("x-amz-target").and_then(|it| it.to_str().ok());
    target.and_then(|it| it.rsplit('.').next()).unwrap_or_default()
}

fn text(request: &Request) -> String {
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(body).into_owned()
}

fn body_of(request: &Request) -> Value {
    serde_json::from_str(&text(request)).unwrap_or_default()
}

/// A path in which phone numbers are replaced.
fn without_numbers(path: &str) -> String {
    let is_number =
        |part: &str| part.len() >= DIGITS_OF_A_NUMBER && part.bytes().all(|b| b.is_ascii_digit());
    let parts = path.split('/').map(|part| if is_number(part) { "{msisdn}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}
