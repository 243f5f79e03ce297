//! VTpass's webhook is only a hint: the gateway asks, and believes the answer.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::purchase::Source;

use crate::support::purchases::{DELIVERED, PENDING, airtime, field, until};
use crate::support::tap::crash_at;
use crate::support::{Caller, Gateway, KEY, Reply, event};

pub async fn callback(caller: &Caller, body: &Value) -> Reply {
    caller.send_bare("POST", "/callbacks/vtpass", &[], body.to_string().into_bytes()).await
}

pub fn update(request_id: &str) -> Value {
    // The gateway does not believe these claims.
    let content = json!({ "transactions": { "status": "failed", "amount": 1 } });
    let data = json!({ "code": "016", "requestId": request_id, "content": content });
    json!({ "type": "transaction-update", "data": data })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_makes_the_gateway_ask_and_only_the_answer_counts() {
    // Otherwise reconcile, too, would ask after a day, and sometimes first.
    let gateway = Gateway::without_schedule().await;
    let caller = gateway.caller();
    let bought = caller.bought_stuck("k").await;
    let id = field(&bought, "purchase_id");
    let request_id = &bought["request_id"];
    let resolved = json!({ "request_id": request_id, "state": "delivered" });
    caller.control("/resolve", resolved).await;
    gateway.until_state(id, "delivered").await;
    let history = gateway.stored(id).await.history;
    assert_eq!(history.last().unwrap().source, Source::Hint);

    // Days later the provider takes it back.
    gateway.clock.turn(Duration::from_secs(86_400));
    caller.control("/resolve", json!({ "request_id": request_id, "state": "reversed" })).await;
    gateway.until_state(id, "reversed").await;
    assert_eq!(caller.purchase(id).await["safe_to_refund"], true);

    // Anything else against a final state changes nothing, but is recorded.
    gateway.clock.turn(Duration::from_secs(86_400));
    caller.control("/resolve", json!({ "request_id": request_id, "state": "delivered" })).await;
    let last = async || gateway.stored(id).await.history.pop().unwrap();
    until("the contradiction", async || last().await.concluded.is_none()).await;
    let last = last().await;
    assert_eq!((last.source, last.code.as_str()), (Source::Hint, "000"));
    assert_eq!(field(&caller.purchase(id).await, "state"), "reversed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_webhook_changes_nothing_and_costs_little() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(PENDING)).await;
    let messages = gateway.jobs().await;

    let success = json!({ "response": "success" });
    let odd = [
        update("202611220900ffffffffffffffffffffffffffffffff"),
        update("not-ours"),
        update(""),
        json!({ "type": "transaction-update" }),
        json!({ "type": "transaction-update", "data": { "requestId": null } }),
        json!({ "type": "transaction-update", "data": [7] }),
        json!({ "type": "variations-update", "serviceID": "../x" }),
        json!({ "type": "something-new", "data": {} }),
        json!({}),
    ];
    for body in &odd {
        assert_eq!(callback(&caller, body).await.ok(), success, "{body}");
    }
    for body in ["", "{", "[1]", "<xml/>", "{\"data\":7}"] {
        let reply = caller.send_bare("POST", "/callbacks/vtpass", &[], body.into()).await;
        reply.refused(400, "invalid_request");
    }
    let large = json!({ "type": "x", "pad": "y".repeat(300_000) });
    callback(&caller, &large).await.refused(413, "payload_too_large");
    assert_eq!(gateway.jobs().await, messages);

    // A true id: one job now and one at the pause's end, however often the hint comes.
    let hint = update(field(&bought, "request_id"));
    for minute in 1..=3 {
        for _ in 0..10 {
            assert_eq!(callback(&caller, &hint).await.ok(), success);
        }
        assert_eq!(gateway.jobs().await, messages + minute + 1);
        gateway.clock.turn(Duration::from_secs(60));
    }
    assert_eq!(caller.purchase(field(&bought, "purchase_id")).await["state"], "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_request_id_costs_one_read_and_an_invalid_one_none() {
    let gateway = Gateway::undriven().await;
    let (tap, function) = gateway.with_tap("vtpass-callback").await;
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
async fn a_true_hint_after_a_forged_one_is_asked_about_at_the_pauses_end() {
    let gateway = Gateway::undriven().await;
    let caller = gateway.caller();
    let (_, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let (id, request_id) = (field(&bought, "purchase_id"), field(&bought, "request_id"));
    callback(&caller, &update(request_id)).await.ok();
    gateway.drive(&requery).await;
    let reversed = json!({ "request_id": request_id, "state": "reversed", "webhook": false });
    caller.control("/resolve", reversed).await;
    gateway.clock.turn(Duration::from_secs(30));
    callback(&caller, &update(request_id)).await.ok();
    gateway.clock.turn(Duration::from_secs(31));
    gateway.drive(&requery).await;
    assert_eq!(field(&caller.purchase(id).await, "state"), "reversed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_that_is_due_covers_others_until_the_clocks_may_differ() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let webhook = update(field(&bought, "request_id"));
    let hints = async || gateway.messages("FollowUpQueue").await;
    let before = hints().await;
    callback(&caller, &webhook).await.ok();
    // This one is due a minute after the first.
    callback(&caller, &webhook).await.ok();
    assert_eq!(hints().await, before + 2);
    gateway.clock.turn(Duration::from_secs(49));
    callback(&caller, &webhook).await.ok();
    assert_eq!(hints().await, before + 2, "the one that is due asks for this one, too");
    gateway.clock.turn(Duration::from_secs(1));
    callback(&caller, &webhook).await.ok();
    assert_eq!(hints().await, before + 3, "another instance's clock may say that it was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_is_asked_again_until_vtpass_gives_a_clear_answer() {
    for script in [
        json!({ "call": "requery", "http_status": 502 }),
        json!({ "call": "requery", "http_status": 429 }),
        json!({ "call": "requery", "half": true }),
        json!({ "call": "requery", "code": "083" }),
        // Of an order that VTpass acknowledged and that is settled, these say nothing.
        json!({ "call": "requery", "code": "015" }),
        json!({ "call": "requery", "code": "044" }),
        json!({ "call": "requery", "code": "099", "status": "pending" }),
    ] {
        let gateway = Gateway::undriven().await;
        let caller = gateway.caller();
        let (_, requery) = gateway.with_tap("requery").await;
        let bought = caller.bought("k", &airtime(DELIVERED)).await;
        let (id, request_id) = (field(&bought, "purchase_id"), field(&bought, "request_id"));
        let reversed = json!({ "request_id": request_id, "state": "reversed", "webhook": false });
        caller.control("/resolve", reversed).await;
        caller.script(json!([script])).await;
        callback(&caller, &update(request_id)).await.ok();
        gateway.drive(&requery).await;
        assert_eq!(field(&caller.purchase(id).await, "state"), "delivered", "{script}");
        gateway.clock.turn(Duration::from_secs(60));
        gateway.drive(&requery).await;
        assert_eq!(field(&caller.purchase(id).await, "state"), "reversed", "{script}");
        assert_eq!(gateway.jobs().await, 0, "{script}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_in_a_webhook_loses_no_hint() {
    for point in 0.. {
        let gateway = Gateway::undriven().await;
        let caller = gateway.caller();
        let (tap, function) = gateway.with_tap("vtpass-callback").await;
        let (_, requery) = gateway.with_tap("requery").await;
        let bought = caller.bought("k", &airtime(DELIVERED)).await;
        let (id, request_id) = (field(&bought, "purchase_id"), field(&bought, "request_id"));
        let reversed = json!({ "request_id": request_id, "state": "reversed", "webhook": false });
        caller.control("/resolve", reversed).await;
        let body = update(request_id).to_string();
        let event = event(KEY, "POST /callbacks/vtpass", &[], &body);
        let crashed = crash_at(&function, event.clone(), &tap, point).await;
        tap.hold_at(None);
        if crashed {
            // VTpass got no answer and repeats its webhook.
            let context = lambda_runtime::Context::default();
            assert_eq!(function(event, context).await.unwrap()["statusCode"], 200);
        }
        gateway.clock.turn(Duration::from_secs(61));
        gateway.drive(&requery).await;
        assert_eq!(field(&caller.purchase(id).await, "state"), "reversed", "point {point}");
        if !crashed {
            assert_eq!(point, 6, "read, send, mark");
            break;
        }
    }
}
