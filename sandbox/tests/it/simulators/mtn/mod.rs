//! The simulated MTN over plain HTTP: its contract, its scripts and its memory.

mod answers;
mod contract;
mod memory;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::ledger::Ledger;
use sandbox::simulators::mtn::{Credentials, MtnSimulator, control_router, router};
use serde_json::{Value, json};
use shared::platform::environment::Environment;

use super::serve;
use crate::support::{Provider, Reply, Script, TestClock};

/// A customer of MTN.
const NUMBER: &str = "2348031234567";
/// All operations but the token.
const OPERATIONS: [&str; 9] = [
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
const LATE: [&str; 4] = ["balance", "recharges", "recharge_summary", "usage"];

/// A simulator on a port of its own.
struct Rig {
    simulator: Arc<MtnSimulator>,
    clock: TestClock,
    environment: Environment,
    url: String,
    /// Presented by every right request.
    token: String,
    /// Takes the callbacks.
    inbox: Provider,
}

/// A request that can be broken.
#[derive(Clone)]
struct Ask {
    method: &'static str,
    /// Path and query.
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    fn new(method: &'static str, target: &str) -> Self {
        Self { method, target: target.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|it| it.0 != name);
        self
    }

    /// Replaces a header.
    fn header(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    fn target(mut self, from: &str, to: &str) -> Self {
        assert!(self.target.contains(from), "{}", self.target);
        self.target = self.target.replace(from, to);
        self
    }

    /// Adds to the path or query.
    fn plus(mut self, more: &str) -> Self {
        self.target.push_str(more);
        self
    }

    fn body(mut self, text: &str) -> Self {
        self.body = text.into();
        self
    }

    /// Sets a field of the JSON body.
    fn set(self, field: &str, value: Value) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).unwrap();
        body[field] = value;
        self.body(&body.to_string())
    }

    /// Removes a field of the JSON body.
    fn lacking(self, field: &str) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).unwrap();
        body.as_object_mut().unwrap().remove(field).unwrap();
        self.body(&body.to_string())
    }

    /// The same about another number.
    fn of(self, number: &str) -> Self {
        let body = String::from_utf8(self.body.clone()).unwrap().replace(NUMBER, number);
        Self { target: self.target.replace(NUMBER, number), ..self }.body(&body)
    }
}

impl Rig {
    async fn new() -> Self {
        Self::with(None, |_| {}).await
    }

    async fn with(file: Option<&Path>, change: impl FnOnce(&mut MtnSimulator)) -> Self {
        let clock = TestClock::new();
        let environment = Environment { clock: clock.clock(), ..Environment::real() };
        let ledger = Arc::new(Ledger::open(file).unwrap());
        let credentials = Credentials::generate(&environment);
        let mut simulator = MtnSimulator::new(credentials, ledger, environment.clone());
        change(&mut simulator);
        let simulator = Arc::new(simulator);
        let control = Router::new().nest("/_sandbox/mtn", control_router(simulator.clone()));
        let app = Router::new().fallback_service(router(simulator.clone())).merge(control);
        let url = serve(app).await;
        let inbox = Provider::start(|_| Script::Json(200, json!({}))).await;
        let mut rig = Self { simulator, clock, environment, url, token: String::new(), inbox };
        let answer = rig.ask("token").await.ok();
        rig.token = answer["access_token"].as_str().unwrap().to_owned();
        rig
    }

    /// A request that keeps its contract.
    fn right(&self, operation: &str) -> Ask {
        let it = &self.simulator.credentials;
        if operation == "token" {
            let target = "/v1/oauth/access_token?grant_type=client_credentials";
            let form = format!("client_id={}&client_secret={}", it.client_id, it.client_secret);
            let kind = "application/x-www-form-urlencoded";
            return Ask::new("POST", target).with("content-type", kind).body(&form);
        }
        let plans = format!("/v2/customers/{NUMBER}/plans");
        let consumption = |path| format!("/v2/consumption/{path}");
        let late = json!({ "msisdn": NUMBER, "callBackUrl": self.inbox.url });
        let (method, target, body) = match operation {
            "plans" => ("GET", plans, Value::Null),
            "product_plans" => ("GET", format!("{plans}/DATA%201GB"), Value::Null),
            "premium" => {
                let amount = json!({ "value": "2500", "type": "CURRENCY", "unit": "NGN" });
                let body = json!({ "receivingCustomerId": NUMBER, "transactionId": "order-1",
                    "product": "cover", "amount": amount, "transactionType": "purchase" });
                ("POST", plans, body)
            }
            "refill" => {
                let body = json!({ "refillType": "voucherless", "refillProfileId": "P1",
                    "transactionAmount": "700" });
                ("PATCH", format!("{plans}/refill"), body)
            }
            "balance" => ("POST", consumption("balance"), late),
            "recharges" => ("POST", consumption("recharge/history"), late),
            "recharge_summary" => ("POST", consumption("recharge/airtime/summation"), late),
            "usage" => {
                let body = json!({ "msisdn": NUMBER, "callBackUrl": self.inbox.url,
                    "startDate": "01-01-2024" });
                ("POST", consumption("usageHistory"), body)
            }
            "usage_summary" => ("POST", consumption("usageSummation"), json!({ "msisdn": NUMBER })),
            other => panic!("no operation {other}"),
        };
        let mut ask = Ask::new(method, &target)
            .with("x-api-key", &it.api_key)
            .with("authorization", &format!("Bearer {}", self.token));
        if !target.starts_with("/v2/customers/") {
            ask = ask.with("traceid", "trace-1").with("channelname", "sandbox");
        }
        if !matches!(operation, "plans" | "premium" | "product_plans") {
            ask = ask.with("transactionid", "abcDE12345");
        }
        if body.is_null() {
            return ask;
        }
        ask.with("content-type", "application/json").body(&body.to_string())
    }

    fn basic(&self) -> String {
        let it = &self.simulator.credentials;
        format!("Basic {}", STANDARD.encode(format!("{}:{}", it.client_id, it.client_secret)))
    }

    async fn send(&self, ask: Ask) -> Reply {
        let mut request =
            http::Request::builder().method(ask.method).uri(format!("{}{}", self.url, ask.target));
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        let request = reqwest::Request::try_from(request.body(ask.body).unwrap()).unwrap();
        let answer = self.environment.http.send(request, Duration::from_secs(10)).await.unwrap();
        Reply {
            asked: String::new(),
            status: answer.status.as_u16(),
            retry_after: None,
            text: String::from_utf8(answer.body).unwrap(),
        }
    }

    /// Sends a right request.
    async fn ask(&self, operation: &str) -> Reply {
        self.send(self.right(operation)).await
    }

    /// Sends a request under a script.
    async fn scripted(&self, ask: Ask, operation: &str, answer: &str) -> Reply {
        let script = json!([{ "operation": operation, "answer": answer }]);
        self.control("next", script).await.ok();
        self.send(ask).await
    }

    /// The data of an operation, in its answer.
    async fn now(&self, ask: Ask, operation: &str) -> Value {
        self.scripted(ask, operation, "now").await.ok()
    }

    async fn control(&self, path: &str, body: Value) -> Reply {
        let ask = Ask::new("POST", &format!("/_sandbox/mtn/{path}"));
        self.send(ask.body(&body.to_string())).await
    }

    async fn look(&self, path: &str) -> Value {
        self.send(Ask::new("GET", &format!("/_sandbox/mtn/{path}"))).await.ok()
    }

    /// The callbacks so far, once there are so many.
    async fn callbacks(&self, count: usize) -> Vec<Value> {
        for _ in 0..400 {
            if self.inbox.received().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let received = self.inbox.received();
        assert_eq!(received.len(), count, "callbacks");
        received.iter().map(|it| serde_json::from_str(&it.body).unwrap()).collect()
    }

    async fn assert_no_violations(&self) {
        assert_eq!(self.look("violations").await, json!({ "count": 0, "violations": [] }));
    }
}
