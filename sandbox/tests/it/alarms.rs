//! Each alarm of the template watches a metric that exists, and each metric of ours is emitted by
//! what it is named after.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox::stack::Here;
use sandbox::template::Template;
use serde_json::{Value, json};
use shared::metrics::Metrics;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::mtn::rig::ANSWER_TIME;
use crate::purchase::rig::{DELIVERED, MINUTE, airtime, field};
use crate::support::{Gateway, KEY, Provider, Received, Script, agreeable_mono, event};

/// The metrics that were written on this thread: a test runs on one, with all that it starts.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let written = Self::default();
        let layer = Metrics::new("stack", written.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        (written, tracing::subscriber::set_default(subscriber))
    }

    /// How often each metric was emitted.
    fn counts(&self) -> BTreeMap<String, usize> {
        let bytes = self.0.lock().unwrap().clone();
        let mut counts = BTreeMap::new();
        for line in String::from_utf8(bytes).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let group = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!(group["Namespace"], "stack");
            let name = field(&group["Metrics"][0], "Name");
            assert_eq!(line[name], 1, "{line}");
            *counts.entry(name.to_owned()).or_default() += 1;
        }
        counts
    }

    fn count(&self, name: &str) -> usize {
        self.counts().get(name).copied().unwrap_or_default()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn what_vtpass_says_of_us_and_of_purchases() {
    let (written, _guard) = Written::listen();
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    for (script, metric) in [
        (json!({ "code": "044" }), "needs_review"),
        (json!({ "code": "018" }), "vtpass_wallet_low"),
        (json!({ "code": "087" }), "vtpass_refuses_credentials"),
        (json!({ "http_status": 401 }), "vtpass_refuses_credentials"),
        (json!({ "code": "022" }), "vtpass_account_blocked"),
        (json!({ "code": "027" }), "vtpass_refuses_address"),
        (json!({ "code": "028" }), "vtpass_refuses_product"),
        (json!({ "code": "085" }), "vtpass_refuses_request_id"),
        (json!({ "code": "000", "status": "resolved" }), "vtpass_must_be_asked"),
        (json!({ "set": { "/content/transactions/amount": "7" } }), "vtpass_mismatch"),
        (json!({ "set": { "/requestId": "202611221100other" } }), "vtpass_foreign_answer"),
    ] {
        let before = written.count(metric);
        let mut pay = script.clone();
        pay["call"] = json!("pay");
        caller.script(json!([pay])).await;
        caller.bought(&script.to_string().replace(' ', ""), &airtime(DELIVERED)).await;
        assert_eq!(written.count(metric), before + 1, "{script}: {:?}", written.counts());
    }
    let delivered = written.count("purchase_delivered");
    caller.bought("well", &airtime(DELIVERED)).await;
    assert_eq!(written.count("purchase_delivered"), delivered + 1);
}

#[tokio::test]
async fn a_purchase_that_is_overdue_and_one_that_is_contradicted() {
    let (written, _guard) = Written::listen();
    let gateway = Gateway::undriven().await;
    let caller = gateway.caller();
    let tap = Arc::new(crate::purchase::tap::Tap::default());
    let requery = gateway.tapped("requery", &tap).await;
    let stuck = json!([{ "call": "pay", "code": "099", "status": "pending", "asks": 1_000 }]);
    caller.script(stuck).await;
    caller.bought("stuck", &airtime(DELIVERED)).await;
    gateway.clock.turn(Duration::from_secs(86_400));
    gateway.drive(&requery).await;
    assert_eq!(written.count("needs_review"), 1, "{:?}", written.counts());

    let delivered = caller.bought("delivered", &airtime(DELIVERED)).await;
    gateway.clock.turn(MINUTE * 2);
    caller.script(json!([{ "call": "requery", "code": "016" }])).await;
    let hint = json!({ "kind": "hint", "tenant": crate::support::tenant_of(KEY),
                       "purchase_id": delivered["purchase_id"] });
    gateway.send_raw(&hint.to_string()).await;
    gateway.drive(&requery).await;
    assert_eq!(written.count("contradicted_final_state"), 1, "{:?}", written.counts());
}

#[tokio::test]
async fn what_mono_says_of_us_and_of_consents() {
    let (written, _guard) = Written::listen();
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let session = caller.session("08031234567", "mtn").await;
    caller.verify(&session, "123456").await.ok();
    mono.script(|_| Script::Half);
    assert_eq!(caller.exchange("code_1").await.status, 503);
    mono.script(|_| Script::Json(400, json!({ "status": "failed" })));
    assert_eq!(caller.exchange("code_1").await.status, 410);
    assert_eq!(written.count("code_lost"), 1);

    mono.script(|_| Script::Json(401, json!({ "status": "failed" })));
    assert_eq!(caller.auth("08031234567", "mtn").await.status, 503);
    assert_eq!(written.count("mono_refuses_credentials"), 1);

    mono.script(|_| Script::Json(500, json!({})));
    let withdrawal = json!({ "kind": "withdrawal", "account_id": "acc1", "step": 100 });
    gateway.send_raw(&withdrawal.to_string()).await;
    for _ in 0..200 {
        if written.count("unlink_overdue") > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", written.counts());
}

#[tokio::test]
async fn what_mtn_says_of_us_and_of_refills() {
    let (written, _guard) = Written::listen();
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    let refused = json!({ "operation": "token", "answer": "error", "http_status": 401,
                          "status_code": "4000" });
    caller.mtn_script(refused).await;
    assert_eq!(caller.mtn(&account, "balance").await.status, 503);
    assert_eq!(written.count("mtn_refuses_credentials"), 1);

    let refill = json!({ "service_id": "mtn-refill", "phone": "08031234567", "amount_kobo": 50_000,
                         "refill_type": "voucherless", "refill_profile_id": "P1" });
    let poor = json!({ "operation": "refill", "answer": "error", "http_status": 403,
                       "status_code": "6001" });
    caller.mtn_script(poor).await;
    caller.bought("poor", &refill).await;
    assert_eq!(written.count("mtn_wallet_low"), 1);
    caller.mtn_next("refill", "broken").await;
    caller.bought("broken", &refill).await;
    assert_eq!(written.count("needs_review"), 1);
}

#[tokio::test]
async fn an_answer_that_cannot_be_kept_and_a_route_without_its_authorizer() {
    let (written, _guard) = Written::listen();
    let answering = |status: u16, answer: Value| {
        move |request: &Received| match request.target.starts_with("/v1/oauth") {
            true => Script::Json(200, json!({ "access_token": "t", "expires_in": "3599" })),
            false => Script::Json(status, answer.clone()),
        }
    };
    let mtn = Provider::start(answering(202, json!({}))).await;
    let gateway = Gateway::with(&[
        ("MTN_BASE_URL", &mtn.url),
        ("MTN_API_KEY", "k"),
        ("MTN_CLIENT_ID", "i"),
        ("MTN_CLIENT_SECRET", "s"),
        ("MTN_CHANNEL_NAME", "c"),
    ])
    .await;
    let caller = gateway.caller();
    let account = caller.line().await;
    caller.asked(&account, "recharges").await;
    mtn.script(answering(200, json!({ "data": { "usage": "x".repeat(400 * 1024) } })));
    gateway.clock.turn(ANSWER_TIME);
    for _ in 0..200 {
        if written.count("answer_too_large") > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(written.count("answer_too_large"), 1);

    let mut event: Value = serde_json::from_str(&event(KEY, "GET /purchases", &[], "")).unwrap();
    event["requestContext"].as_object_mut().unwrap().remove("authorizer");
    let answer = gateway.sandbox.functions["purchase"].invoke(&event).await.unwrap();
    assert_eq!(answer["statusCode"], 503);
    assert_eq!(written.count("no_authorizer"), 1);
}

/// All that the tests above have seen emitted.
const OURS: [&str; 18] = [
    "answer_too_large",
    "code_lost",
    "contradicted_final_state",
    "mono_refuses_credentials",
    "mtn_refuses_credentials",
    "mtn_wallet_low",
    "needs_review",
    "no_authorizer",
    "unlink_overdue",
    "vtpass_account_blocked",
    "vtpass_foreign_answer",
    "vtpass_mismatch",
    "vtpass_must_be_asked",
    "vtpass_refuses_address",
    "vtpass_refuses_credentials",
    "vtpass_refuses_product",
    "vtpass_refuses_request_id",
    "vtpass_wallet_low",
];

/// AWS's metrics that the template may watch, each with the dimension and kind of what it is about.
const AWS: [(&str, &str, &str, &str); 5] = [
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "AWS::SQS::Queue"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "AWS::SQS::Queue"),
    ("AWS/ApiGateway", "5xx", "ApiId", "AWS::Serverless::HttpApi"),
    ("AWS/Lambda", "Errors", "FunctionName", "AWS::Serverless::Function"),
    ("AWS/Lambda", "Throttles", "FunctionName", "AWS::Serverless::Function"),
];

#[test]
fn every_alarm_watches_what_exists_and_everything_of_ours_is_watched() {
    let template = Template::load(sandbox::TEMPLATE, &BTreeMap::new()).unwrap();
    let here = Here { sqs_url: String::new() };
    let get = |resource: &str, name: &str| template.property(resource, name, &here).unwrap();
    let mut watched = BTreeSet::new();
    let mut aws = BTreeSet::new();
    for alarm in template.resources("AWS::CloudWatch::Alarm").unwrap() {
        assert_eq!(get(alarm, "AlarmActions").as_array().unwrap().len(), 1, "{alarm}");
        let namespace = get(alarm, "Namespace");
        if field(&json!({ "n": namespace }), "n").starts_with("AWS/") {
            let (namespace, metric) = (namespace.as_str().unwrap(), get(alarm, "MetricName"));
            let dimension = &get(alarm, "Dimensions")[0];
            let known = AWS
                .iter()
                .find(|it| it.0 == namespace && metric == it.1 && dimension["Name"] == it.2);
            let (.., kind) = known.unwrap_or_else(|| panic!("{alarm}: {namespace} {metric}"));
            let value = field(dimension, "Value");
            let there = template.resources(kind).unwrap();
            assert!(there.iter().any(|it| value.ends_with(*it)), "{alarm}: no {kind} {value}");
            aws.insert((namespace.to_owned(), metric.as_str().unwrap().to_owned()));
        } else {
            watched.insert(get(alarm, "MetricName").as_str().unwrap().to_owned());
        }
    }
    assert_eq!(watched, OURS.map(str::to_owned).into());
    assert_eq!(aws.len(), AWS.len(), "every metric of AWS's in the list is watched");
}
