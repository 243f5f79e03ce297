//! VTpass's webhook: a hint and nothing more.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::purchase::State;
use shared::store::{Change, Changed};

use super::rig::{DELIVERED, FAILED, PENDING, airtime, field};
use super::tap::Tap;
use crate::support::{Caller, Gateway, Reply};

async fn callback(caller: &Caller, body: &Value) -> Reply {
    caller.send_bare("POST", "/callbacks/vtpass", &[], body.to_string().into_bytes()).await
}

fn update(request_id: &str) -> Value {
    // What it claims is not believed.
    let content = json!({ "transactions": { "status": "failed", "amount": 1 } });
    let data = json!({ "code": "016", "requestId": request_id, "content": content });
    json!({ "type": "transaction-update", "data": data })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_makes_the_gateway_ask_and_believe_the_answer_only() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let script = json!([{ "call": "pay", "code": "099", "status": "pending", "asks": 1_000_000 }]);
    caller.script(script).await;
    let bought = caller.bought("k", &airtime(FAILED)).await;
    let id = field(&bought, "purchase_id");
    let request_id = &bought["request_id"];
    let resolved = json!({ "request_id": request_id, "state": "delivered" });
    caller.control("/resolve", resolved).await;
    gateway.until_state(id, "delivered").await;
    let history = gateway.stored(id).await.history;
    assert_eq!(history.last().unwrap().call, "hint");

    // Days later the provider takes it back.
    gateway.clock.turn(Duration::from_secs(86_400));
    caller.control("/resolve", json!({ "request_id": request_id, "state": "reversed" })).await;
    gateway.until_state(id, "reversed").await;
    assert_eq!(caller.purchase(id).await["safe_to_refund"], true);

    // Anything else against a final state changes nothing, but is written down.
    gateway.clock.turn(Duration::from_secs(86_400));
    caller.control("/resolve", json!({ "request_id": request_id, "state": "delivered" })).await;
    for _ in 0..200 {
        let last = gateway.stored(id).await.history.last().cloned().unwrap();
        if last.concluded == "nothing" {
            assert_eq!((last.call.as_str(), last.code.as_str()), ("hint", "000"));
            assert_eq!(field(&caller.purchase(id).await, "state"), "reversed");
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the contradiction is not in the history");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_webhook_changes_nothing_and_costs_little() {
    let gateway = Gateway::undriven().await;
    let caller = gateway.caller();
    let bought = caller.bought("k", &airtime(PENDING)).await;
    let messages = gateway.messages("RequeryQueue").await;

    let success = json!({ "response": "success" });
    let odd = [
        update("202611220900ffffffffffffffffffffffffffffffff"),
        update("not-ours"),
        update(""),
        json!({ "type": "transaction-update" }),
        json!({ "type": "transaction-update", "data": { "requestId": null } }),
        json!({ "type": "variations-update", "serviceID": "../x" }),
        json!({ "type": "something-new", "data": {} }),
        json!({}),
    ];
    for body in &odd {
        assert_eq!(callback(&caller, body).await.ok(), success, "{body}");
    }
    for body in ["", "{", "[1]", "<xml/>", "{\"data\":7}"] {
        let reply = caller.send_bare("POST", "/callbacks/vtpass", &[], body.into()).await;
        assert_eq!(reply.error(), (400, "invalid_request".to_owned()), "{body}");
    }
    let large = json!({ "type": "x", "pad": "y".repeat(300_000) });
    let reply = callback(&caller, &large).await;
    assert_eq!(reply.error(), (413, "payload_too_large".to_owned()));
    assert_eq!(gateway.messages("RequeryQueue").await, messages);

    // A true id: one hint a minute, however often it comes.
    let hint = update(field(&bought, "request_id"));
    for minute in 1..=3 {
        let hints = (0..30).map(|_| callback(&caller, &hint));
        for reply in futures_util::future::join_all(hints).await {
            assert_eq!(reply.ok(), success);
        }
        assert_eq!(gateway.messages("RequeryQueue").await, messages + minute);
        gateway.clock.turn(Duration::from_secs(60));
    }
    assert_eq!(caller.purchase(field(&bought, "purchase_id")).await["state"], "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_request_costs_one_read_and_what_is_no_id_none() {
    let gateway = Gateway::undriven().await;
    let tap = Arc::new(Tap::default());
    let function = gateway.tapped("vtpass-callback", &tap).await;
    let sample = include_str!("../../../../events/vtpass-callback-unknown.json");
    let context = lambda_runtime::Context::default;
    assert_eq!(function(sample.to_owned(), context()).await.unwrap()["statusCode"], 200);
    assert_eq!(tap.seen(), ["GetItem"]);
    tap.hold_at(None);
    let nonsense = sample.replace("202611220900", "nonsense");
    assert_eq!(function(nonsense, context()).await.unwrap()["statusCode"], 200);
    assert!(tap.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_asks_once_and_continues_no_chain() {
    let gateway = Gateway::undriven().await;
    let caller = gateway.caller();
    let tap = Arc::new(Tap::default());
    let requery = gateway.tapped("requery", &tap).await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    callback(&caller, &update(field(&bought, "request_id"))).await.ok();
    tap.hold_at(None);
    gateway.drive(&requery).await;
    assert_eq!(tap.seen(), ["GetItem", "/api/requery"], "asked of a final purchase too, once");
    // The first step of its chain is still to come, and is dropped.
    assert_eq!(gateway.messages("RequeryQueue").await, 1);
    gateway.clock.turn(Duration::from_secs(60));
    gateway.drive(&requery).await;
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hint_acknowledged_is_not_forgotten() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    // VTpass says of this order that it works on it, once, to a hint; and else never heard of it.
    let pay = json!([{ "call": "pay", "http_status": 502, "charge": false }]);
    caller.script(pay).await;
    let bought = caller.bought("k", &airtime(FAILED)).await;
    let id = field(&bought, "purchase_id");
    caller.script(json!([{ "call": "requery", "code": "099", "status": "pending" }])).await;
    callback(&caller, &update(field(&bought, "request_id"))).await.ok();
    for _ in 0..200 {
        if gateway.stored(id).await.acknowledged {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(gateway.stored(id).await.acknowledged);
    assert_eq!(gateway.until_answered(id, Duration::from_secs(900)).await, "needs_review");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_in_between_stops_a_failure_by_forgetting() {
    let gateway = Gateway::undriven().await;
    let bought = gateway.caller().bought("k", &airtime(PENDING)).await;
    let id = field(&bought, "purchase_id");
    assert!(gateway.stored(id).await.acknowledged);
    // A requery that read the purchase before that, and writes after it.
    let change = Change {
        from: State::OPEN.to_vec(),
        unless_acknowledged: true,
        to: Some(State::Failed),
        ..Change::default()
    };
    let now = gateway.clock.clock().now();
    let met = gateway.purchases().apply(id, &change, now).await.unwrap();
    assert_eq!(met.state, State::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_counts_though_its_change_is_refused() {
    let gateway = Gateway::undriven().await;
    let caller = gateway.caller();
    caller.script(json!([{ "call": "pay", "http_status": 502, "charge": false }])).await;
    let bought = caller.bought("k", &airtime(FAILED)).await;
    let id = field(&bought, "purchase_id");
    assert!(!gateway.stored(id).await.acknowledged);
    // Another delivery of the same step was faster.
    let change = Change {
        from: State::OPEN.to_vec(),
        at_step: Some(7),
        acknowledged: true,
        ..Change::default()
    };
    let now = gateway.clock.clock().now();
    let changed = gateway.purchases().change(id, &change, now).await.unwrap();
    assert!(matches!(changed, Changed::Refused(_)));
    let stored = gateway.stored(id).await;
    assert!(stored.acknowledged && stored.step == 0);
}
