//! The simulator's rules that no test of the gateway would notice: the gateway's requests keep the
//! contract, and it sends a refill at most once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shared::platform::crypto::hashed;
use shared::platform::environment::{Clock, Environment};
use time::OffsetDateTime;

use super::routes::handle;
use super::{Credentials, MtnSimulator};
use crate::ledger::Ledger;

/// A customer of MTN.
const NUMBER: &str = "2348031234567";
const PLANS: [&str; 4] = ["plans", "premium", "product_plans", "refill"];
const CONSUMPTION: [&str; 5] =
    ["balance", "recharges", "recharge_summary", "usage", "usage_summary"];
const RECHARGES: [&str; 2] = ["recharges", "recharge_summary"];
const USAGE: [&str; 2] = ["usage", "usage_summary"];

/// A request that can be broken.
struct Request {
    method: &'static str,
    /// Path and query.
    target: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Request {
    /// Removes a header.
    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|it| it.0 != name);
        self
    }

    /// Replaces a header.
    fn header(self, name: &'static str, value: &str) -> Self {
        let mut changed = self.without(name);
        changed.headers.push((name, value.to_owned()));
        changed
    }

    /// Changes the path or the query.
    fn target(self, from: &str, to: &str) -> Self {
        assert!(self.target.contains(from), "{}", self.target);
        Self { target: self.target.replace(from, to), ..self }
    }

    /// Adds to the path or the query.
    fn plus(self, more: &str) -> Self {
        Self { target: self.target + more, ..self }
    }

    fn body(self, text: &str) -> Self {
        Self { body: text.to_owned(), ..self }
    }

    /// Sets a field of the JSON body; null removes it.
    fn set(self, field: &str, value: Value) -> Self {
        let mut body: Value = serde_json::from_str(&self.body).unwrap();
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(field).unwrap()),
            value => body[field] = value,
        }
        self.body(&body.to_string())
    }

    /// The same about another number.
    fn of(self, number: &str) -> Self {
        let body = self.body.replace(NUMBER, number);
        Self { target: self.target.replace(NUMBER, number), body, ..self }
    }
}

/// For each operation a request that keeps its contract: method, path, body.
const RIGHT: [(&str, &str, &str, &str); 10] = [
    ("token", "POST", "/v1/oauth/access_token?grant_type=client_credentials", ""),
    ("plans", "GET", "/v2/customers/2348031234567/plans", ""),
    ("product_plans", "GET", "/v2/customers/2348031234567/plans/DATA%201GB", ""),
    (
        "premium",
        "POST",
        "/v2/customers/2348031234567/plans",
        r#"{"receivingCustomerId":"2348031234567","transactionId":"order-1","product":"cover",
            "amount":{"value":"2500","type":"CURRENCY","unit":"NGN"},"transactionType":"purchase"}"#,
    ),
    (
        "refill",
        "PATCH",
        "/v2/customers/2348031234567/plans/refill",
        r#"{"refillType":"voucherless","refillProfileId":"P1","transactionAmount":"700"}"#,
    ),
    ("balance", "POST", "/v2/consumption/balance", NUMBER_ONLY),
    ("recharges", "POST", "/v2/consumption/recharge/history", WITH_CALLBACK),
    ("recharge_summary", "POST", "/v2/consumption/recharge/airtime/summation", WITH_CALLBACK),
    ("usage", "POST", "/v2/consumption/usageHistory", WITH_START),
    ("usage_summary", "POST", "/v2/consumption/usageSummation", WITH_START),
];
const NUMBER_ONLY: &str = r#"{"msisdn":"2348031234567"}"#;
const WITH_CALLBACK: &str = r#"{"msisdn":"2348031234567","callBackUrl":"http://127.0.0.1/"}"#;
const WITH_START: &str = r#"{"msisdn":"2348031234567","startDate":"01-01-2024"}"#;

struct Rig {
    mtn: Arc<MtnSimulator>,
    seconds: Arc<AtomicI64>,
    token: String,
}

impl Rig {
    async fn new() -> Self {
        let seconds = Arc::new(AtomicI64::new(1_721_214_000));
        let now = seconds.clone();
        let clock = Clock::from_fn(move || {
            OffsetDateTime::from_unix_timestamp(now.load(Ordering::SeqCst)).unwrap()
        });
        let environment = Environment { clock, ..Environment::real() };
        let ledger = Arc::new(Ledger::open(None).unwrap());
        let credentials = Credentials::generate(&environment);
        let mtn = Arc::new(MtnSimulator::new(credentials, ledger, environment));
        let mut rig = Self { mtn, seconds, token: String::new() };
        let (_, answer) = rig.send(rig.right("token")).await;
        rig.token = answer["access_token"].as_str().unwrap().to_owned();
        rig
    }

    /// A request that keeps its contract.
    fn right(&self, operation: &str) -> Request {
        let it = &self.mtn.credentials;
        let (_, method, target, body) = RIGHT.iter().find(|it| it.0 == operation).unwrap();
        let (target, headers, body) = ((*target).to_owned(), Vec::new(), (*body).to_owned());
        let request = Request { method, target, headers, body };
        if operation == "token" {
            let form = format!("client_id={}&client_secret={}", it.client_id, it.client_secret);
            return request.header("content-type", "application/x-www-form-urlencoded").body(&form);
        }
        request
            .header("content-type", "application/json")
            .header("x-api-key", &it.api_key)
            .header("authorization", &format!("Bearer {}", self.token))
            .header("traceid", "trace-1")
            .header("channelname", "sandbox")
            .header("transactionid", "abcDE12345")
    }

    /// The status and the body of the answer.
    async fn send(&self, request: Request) -> (u16, Value) {
        let mut sent = axum::http::Request::builder().method(request.method).uri(request.target);
        for (name, value) in request.headers {
            sent = sent.header(name, value);
        }
        let sent = sent.body(Body::from(request.body)).unwrap();
        let answer = handle(State(self.mtn.clone()), sent).await;
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
    }

    /// Asserts that a request is refused with the canonical envelope, is counted, and does nothing.
    async fn assert_refused(&self, operation: &str, request: Request, status: u16, problem: &str) {
        let case = format!("{operation}: {problem}");
        let before = self.mtn.violations().len();
        let (answered, body) = self.send(request).await;
        assert_eq!(answered, status, "{case}: {body}");
        assert_eq!(body["statusCode"], if status == 401 { "4000" } else { "5000" }, "{case}");
        let violations = self.mtn.violations();
        assert_eq!(violations.len(), before + 1, "{case}");
        assert_eq!(violations[before].problem, problem, "{case}");
        assert_eq!(self.mtn.refills().len() + self.mtn.questions().len(), 0, "{case}");
        assert_eq!(self.mtn.token_count(), 1, "{case}");
    }
}

type Case = (&'static [&'static str], fn(Request) -> Request, &'static str);

/// Without credentials, or with wrong ones: 401.
const STRANGERS: &[Case] = &[
    (&PLANS, |it| it.without("x-api-key"), "key: is missing"),
    (&CONSUMPTION, |it| it.header("x-api-key", "wrong"), "key: is wrong"),
    (&PLANS, |it| it.header("authorization", "Bearer wrong"), "token: is unknown"),
    (&CONSUMPTION, |it| it.header("authorization", "Basic d3Jv"), "authorization: is wrong"),
    (&["plans", "premium"], |it| it.without("authorization"), "authorization: is missing"),
    (&CONSUMPTION, |it| it.without("authorization"), "authorization: is missing"),
    (&["token"], |it| it.body("client_id=x&client_secret=x"), WRONG_CLIENT),
];

/// Everything else that is wrong: 400.
const BREACHES: &[Case] = &[
    // Path, method, content type.
    (&["plans"], |it| it.target("/v2/", "/v3/"), "path: is unknown"),
    (&["product_plans"], |it| it.target("DATA%201GB", ""), "path productCode: is empty"),
    (&["balance"], |it| Request { method: "GET", ..it }, "method: GET is not allowed here"),
    (&["plans"], |it| it.body("{}"), "body: is not allowed here"),
    (&["refill"], |it| it.without("content-type"), "content type: is not application/json"),
    // Query.
    (&["plans"], |it| it.plus("?plan=voice"), "query plan: is not one of the allowed values"),
    (&["plans"], |it| it.plus("?plan=DATA&plan=SMS"), "query plan: is there twice"),
    (&["plans"], |it| it.plus("?momo=yes"), "query momo: is not one of the allowed values"),
    (&["plans"], |it| it.plus("?2348031234567=1"), "query: unknown field (unprintable)"),
    (&["token"], |it| it.target("?grant_type=client_credentials", ""), "query: lacks grant_type"),
    // Headers.
    (&CONSUMPTION, |it| it.without("traceid"), "header: lacks traceId"),
    (&CONSUMPTION, |it| it.header("channelname", ""), "header channelName: is empty"),
    (&CONSUMPTION, |it| it.header("transactionid", "abcd"), BAD_TRANSACTION),
    (&["refill"], |it| it.header("transactionid", "abc_de"), BAD_TRANSACTION),
    (&["refill"], |it| it.header("transactionid", "abcdeabcdeabcdeabcdea"), BAD_TRANSACTION),
    // Bodies.
    (
        &PLANS,
        |it| it.of("08031234567"),
        "path customerId: is not international: 234 and ten digits",
    ),
    (&CONSUMPTION, |it| it.of("+2348031234567"), "body msisdn: is not 3 to 15 digits"),
    (&["balance"], |it| it.body("["), "body: is no JSON object"),
    (&CONSUMPTION, |it| it.set("callbackUrl", json!("x")), "body: unknown field callbackUrl"),
    (&RECHARGES, |it| it.set("callBackUrl", Value::Null), "body: lacks callBackUrl"),
    (&RECHARGES, |it| it.set("callBackUrl", json!("/callbacks/mtn")), BAD_URL),
    (&["usage_summary"], |it| it.set("callBackUrl", json!("x")), "body: unknown field callBackUrl"),
    (&RECHARGES, |it| it.set("startDate", json!("17-07-2024")), BAD_START),
    (&RECHARGES, |it| it.set("startDate", json!("+2240717")), BAD_START),
    (&RECHARGES, |it| it.set("pageNumber", json!(0)), "body pageNumber: is out of range"),
    (&RECHARGES, |it| it.set("pageSize", json!(101)), "body pageSize: is out of range"),
    (&RECHARGES, |it| it.set("pageSize", json!("1")), "body pageSize: is no integer"),
    (&USAGE, |it| it.set("startDate", json!("20240717")), BAD_START),
    (&USAGE, |it| it.set("startDate", json!("31-02-2024")), BAD_START),
    (&["usage"], |it| it.set("startDate", Value::Null), "body: lacks startDate"),
    (&["premium"], |it| it.set("transactionType", Value::Null), "body: lacks transactionType"),
    (&["premium"], |it| it.set("amount", json!({ "value": 1 })), "body amount value: is no text"),
    (&["refill"], |it| it.set("refillProfileId", Value::Null), NO_PROFILE),
    (&["refill"], |it| it.set("refillType", json!("voucher")), NO_VOUCHER),
    (&["refill"], |it| it.set("transactionAmount", json!("7.00")), BAD_AMOUNT),
];

const WRONG_CLIENT: &str = "body: the client's credentials are wrong";
const BAD_TRANSACTION: &str = "header transactionId: is not 5 to 20 of the allowed characters";
const BAD_URL: &str = "body callBackUrl: is no absolute http(s) URL";
const BAD_START: &str = "body startDate: is no day in the right format";
const NO_PROFILE: &str = "body: lacks refillProfileId, which voucherless needs";
const NO_VOUCHER: &str = "body: lacks voucherActivationCode, which voucher needs";
const BAD_AMOUNT: &str = "body transactionAmount: is no whole number above zero";

#[tokio::test]
async fn a_request_that_breaks_its_contract_is_refused_and_counted() {
    let rig = Rig::new().await;
    for (cases, status) in [(STRANGERS, 401), (BREACHES, 400)] {
        for (operations, breaking, problem) in cases {
            for operation in *operations {
                let request = breaking(rig.right(operation));
                rig.assert_refused(operation, request, status, problem).await;
            }
        }
    }
    rig.seconds.fetch_add(3_599, Ordering::SeqCst);
    rig.assert_refused("plans", rig.right("plans"), 401, "token: has expired").await;
}

#[tokio::test]
async fn basic_authentication_is_accepted_and_some_operations_need_the_key_only() {
    let rig = Rig::new().await;
    let Credentials { client_id, client_secret, .. } = &rig.mtn.credentials;
    let basic = format!("Basic {}", STANDARD.encode(format!("{client_id}:{client_secret}")));
    let by_basic = rig.right("plans").header("authorization", &basic);
    assert_eq!(rig.send(by_basic).await.0, 200);
    assert_eq!(rig.send(rig.right("refill").without("authorization")).await.0, 200);
}

#[tokio::test]
async fn only_customers_of_mtn_are_known() {
    let rig = Rig::new().await;
    for operation in PLANS.into_iter().chain(CONSUMPTION) {
        let (status, body) = rig.send(rig.right(operation).of("2347082109281")).await;
        assert_eq!((status, &body["statusCode"]), (404, &json!("1000")), "{operation}");
        assert_eq!(body.get("data"), Some(&Value::Null), "{operation}");
        let (status, body) = rig.send(rig.right(operation).of("2348091112223")).await;
        assert!(status < 300, "{operation}: {body}");
    }
    assert_eq!(rig.mtn.violations().len(), 0);
}

#[tokio::test]
async fn a_repeated_refill_is_done_again_but_a_voucher_only_once() {
    let rig = Rig::new().await;
    let balance =
        async || rig.send(rig.right("balance")).await.1["mainBalance"][0]["amount"].clone();
    assert_eq!(balance().await, "1750.00");
    for times in 1..=2 {
        let (_, done) = rig.send(rig.right("refill")).await;
        assert_eq!(done["data"], json!({ "amount": "700", "currencyCode": "NGN" }));
        let refill = &rig.mtn.refills()[0];
        assert_eq!((refill.received, refill.done_at.len()), (times, times as usize));
    }
    assert_eq!(balance().await, "3150.00");
    for (id, status) in [("voucher-1", 200), ("voucher-1", 400), ("voucher-2", 400)] {
        let body = r#"{"refillType":"voucher","voucherActivationCode":"1234567890123456"}"#;
        let voucher = rig.right("refill").header("transactionid", id).body(body);
        assert_eq!(rig.send(voucher).await.0, status, "{id}");
    }
    assert_eq!(balance().await, "3650.00");
    let hash = hashed("1234567890123456");
    assert_eq!(rig.mtn.refills()[1].voucher_sha256.as_deref(), Some(hash.as_str()));
}
