//! A simulator on a port of its own, right requests to it, and somebody who takes its callbacks.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::ledger::Ledger;
use sandbox::simulators::mtn::{Credentials, MtnSimulator, control_router, router};
use serde_json::{Value, json};
use shared::world::World;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Mutex, MutexGuard};

use crate::support::{Reply, TestClock};

/// A customer of MTN.
pub const NUMBER: &str = "2348031234567";
/// All operations but the token.
pub const OPERATIONS: [&str; 9] = [
    "plans",
    "premium",
    "product_plans",
    "refill",
    "balance",
    "recharges",
    "recharge_summary",
    "usage",
    "usage_summary",
];
/// Those whose answer may come by callback.
pub const LATE: [&str; 4] = ["balance", "recharges", "recharge_summary", "usage"];

pub struct Rig {
    pub simulator: Arc<MtnSimulator>,
    pub clock: TestClock,
    pub world: World,
    pub url: String,
    /// Presented by every right request.
    pub token: String,
    /// Where callbacks go.
    pub inbox: Inbox,
}

/// A request that can be broken.
#[derive(Clone)]
pub struct Ask {
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|it| it.0 != name);
        self
    }

    /// Replaces a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    pub fn target(mut self, from: &str, to: &str) -> Self {
        assert!(self.target.contains(from), "{}", self.target);
        self.target = self.target.replace(from, to);
        self
    }

    /// Adds to the path or query.
    pub fn plus(mut self, more: &str) -> Self {
        self.target.push_str(more);
        self
    }

    pub fn body(mut self, text: &str) -> Self {
        self.body = text.into();
        self
    }

    /// Sets fields of the JSON body; null takes one away.
    pub fn set(self, fields: Value) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).unwrap();
        for (name, value) in fields.as_object().unwrap() {
            match value {
                Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
                value => body[name] = value.clone(),
            }
        }
        self.body(&body.to_string())
    }

    pub fn of(self, number: &str) -> Self {
        let body = String::from_utf8(self.body.clone()).unwrap().replace(NUMBER, number);
        Self { target: self.target.replace(NUMBER, number), ..self }.body(&body)
    }
}

impl Rig {
    pub async fn new() -> Self {
        Self::with(None, |_| {}).await
    }

    pub async fn with(file: Option<&Path>, change: impl FnOnce(&mut MtnSimulator)) -> Self {
        let clock = TestClock::new();
        let world = World { clock: clock.clock(), ..World::real() };
        let ledger = Arc::new(Ledger::open(file).unwrap());
        let credentials = Credentials::generate(&world);
        let mut simulator = MtnSimulator::new(credentials, ledger, world.clone());
        change(&mut simulator);
        let simulator = Arc::new(simulator);
        let control = Router::new().nest("/_sandbox/mtn", control_router(simulator.clone()));
        let app = Router::new().fallback_service(router(simulator.clone())).merge(control);
        let url = serve(app).await;
        let inbox = Inbox::start().await;
        let mut rig = Self { simulator, clock, world, url, token: String::new(), inbox };
        rig.token = rig.new_token().await;
        rig
    }

    pub async fn new_token(&self) -> String {
        let answer = self.send(self.right("token")).await.ok();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A request that keeps its contract.
    pub fn right(&self, operation: &str) -> Ask {
        let it = &self.simulator.credentials;
        let customer = format!("/v2/customers/{NUMBER}/plans");
        let spanned = json!({ "msisdn": NUMBER, "callBackUrl": self.inbox.url });
        let (method, target, body) = match operation {
            "token" => return self.right_token(),
            "plans" => ("GET", customer, None),
            "product_plans" => ("GET", format!("{customer}/DATA%201GB"), None),
            "premium" => ("POST", customer, Some(premium())),
            "refill" => ("PATCH", format!("{customer}/refill"), Some(voucherless())),
            "balance" => ("POST", "/v2/consumption/balance".to_owned(), Some(spanned)),
            "recharges" => ("POST", "/v2/consumption/recharge/history".to_owned(), Some(spanned)),
            "recharge_summary" => {
                ("POST", "/v2/consumption/recharge/airtime/summation".to_owned(), Some(spanned))
            }
            "usage" => {
                let body = json!({
                    "msisdn": NUMBER, "callBackUrl": self.inbox.url, "startDate": "01-01-2024",
                });
                ("POST", "/v2/consumption/usageHistory".to_owned(), Some(body))
            }
            "usage_summary" => {
                let body = json!({ "msisdn": NUMBER });
                ("POST", "/v2/consumption/usageSummation".to_owned(), Some(body))
            }
            other => panic!("no operation {other}"),
        };
        let ask = Ask { method, target, headers: Vec::new(), body: Vec::new() }
            .with("x-api-key", &it.api_key)
            .with("authorization", &format!("Bearer {}", self.token));
        let ask = match operation {
            "plans" | "premium" | "product_plans" => ask,
            "refill" => ask.with("transactionid", "abcDE12345"),
            _ => ask
                .with("transactionid", "abcDE12345")
                .with("traceid", "trace-1")
                .with("channelname", "sandbox"),
        };
        match body {
            Some(body) => ask.with("content-type", "application/json").body(&body.to_string()),
            None => ask,
        }
    }

    fn right_token(&self) -> Ask {
        let it = &self.simulator.credentials;
        let form = format!("client_id={}&client_secret={}", it.client_id, it.client_secret);
        Ask {
            method: "POST",
            target: "/v1/oauth/access_token?grant_type=client_credentials".to_owned(),
            headers: Vec::new(),
            body: form.into_bytes(),
        }
        .with("content-type", "application/x-www-form-urlencoded")
    }

    pub fn basic(&self) -> String {
        let it = &self.simulator.credentials;
        format!("Basic {}", STANDARD.encode(format!("{}:{}", it.client_id, it.client_secret)))
    }

    pub async fn send(&self, ask: Ask) -> Reply {
        self.try_send(ask, Duration::from_secs(10)).await.expect("an answer")
    }

    pub async fn try_send(
        &self,
        ask: Ask,
        limit: Duration,
    ) -> Result<Reply, shared::upstream::NoAnswer> {
        let mut request =
            http::Request::builder().method(ask.method).uri(format!("{}{}", self.url, ask.target));
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        let request = reqwest::Request::try_from(request.body(ask.body).unwrap()).unwrap();
        let answer = self.world.http.send(request, limit).await?;
        let retry_after = answer.headers.get("retry-after");
        Ok(Reply {
            status: answer.status.as_u16(),
            retry_after: retry_after.map(|it| it.to_str().unwrap().to_owned()),
            text: String::from_utf8(answer.body).unwrap(),
        })
    }

    /// Sends a right request.
    pub async fn ask(&self, operation: &str) -> Reply {
        self.send(self.right(operation)).await
    }

    /// Sends a right request under a script.
    pub async fn ask_scripted(&self, operation: &str, script: Value) -> Reply {
        self.next(json!([script])).await;
        self.ask(operation).await
    }

    pub async fn control(&self, path: &str, body: Value) -> Reply {
        let target = format!("/_sandbox/mtn/{path}");
        let body = body.to_string().into_bytes();
        self.send(Ask { method: "POST", target, headers: Vec::new(), body }).await
    }

    pub async fn look(&self, path: &str) -> Value {
        let target = format!("/_sandbox/mtn/{path}");
        self.send(Ask { method: "GET", target, headers: Vec::new(), body: Vec::new() }).await.ok()
    }

    pub async fn next(&self, scripts: Value) {
        self.control("next", scripts).await.ok();
    }

    /// The data of an operation, in its answer.
    pub async fn now(&self, ask: Ask, operation: &str) -> Value {
        self.next(json!([{ "operation": operation, "answer": "now" }])).await;
        self.send(ask).await.ok()
    }

    pub async fn assert_no_violations(&self) {
        assert_eq!(self.look("violations").await, json!({ "count": 0, "violations": [] }));
    }
}

pub fn premium() -> Value {
    json!({
        "receivingCustomerId": NUMBER,
        "transactionId": "order-1",
        "product": "cover",
        "amount": { "value": "2500", "type": "CURRENCY", "unit": "NGN" },
        "transactionType": "purchase",
    })
}

pub fn voucherless() -> Value {
    json!({ "refillType": "voucherless", "refillProfileId": "P1", "transactionAmount": "700" })
}

/// Serves an app; where it is.
pub async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// Somebody who takes callbacks, one at a time, and says 204.
pub struct Inbox {
    pub url: String,
    received: Mutex<UnboundedReceiver<Value>>,
    gate: Arc<Mutex<()>>,
}

#[derive(Clone)]
struct Door {
    received: UnboundedSender<Value>,
    gate: Arc<Mutex<()>>,
}

impl Inbox {
    async fn start() -> Self {
        let (sender, received) = unbounded_channel();
        let gate = Arc::new(Mutex::new(()));
        let door = Door { received: sender, gate: gate.clone() };
        let app = Router::new().route("/callback", post(take)).with_state(door);
        let url = format!("{}/callback", serve(app).await);
        Self { url, received: Mutex::new(received), gate }
    }

    /// The next callback; waits for it.
    pub async fn next(&self) -> Value {
        let mut received = self.received.lock().await;
        let next = tokio::time::timeout(Duration::from_secs(10), received.recv());
        next.await.expect("a callback comes").unwrap()
    }

    /// Whether no callback is here.
    pub async fn is_empty(&self) -> bool {
        self.received.lock().await.is_empty()
    }

    /// As long as this is held, callbacks are received but not answered.
    pub async fn hold(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().await
    }
}

async fn take(State(door): State<Door>, Json(body): Json<Value>) -> StatusCode {
    let _ = door.received.send(body);
    let _open = door.gate.lock().await;
    StatusCode::NO_CONTENT
}
