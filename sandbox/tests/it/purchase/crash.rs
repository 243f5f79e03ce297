//! Crashes on purpose, at every call a handler makes: before it is sent, and after it took effect
//! but before its answer is there.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::rig::{DELIVERED, FAILED, MINUTE, airtime, bundle, field};
use super::tap::{Tap, crash_at};
use crate::support::{Gateway, KEY};

/// The event of a `POST /purchases` of the first caller.
fn event(key: &str, body: &Value) -> String {
    let sample = include_str!("../../../../events/purchase-airtime.json");
    let mut event: Value = serde_json::from_str(sample).unwrap();
    event["headers"]["idempotency-key"] = json!(key);
    event["requestContext"]["authorizer"]["lambda"]["tenant"] = json!(tenant());
    event["body"] = json!(body.to_string());
    event.to_string()
}

fn tenant() -> String {
    format!("sandbox-{}", &shared::secret::hashed(KEY)[..12])
}

fn id_of(key: &str) -> String {
    shared::purchase::Purchase::id(&shared::store::Tenant::new(&tenant()).unwrap(), key)
}

/// What must hold of a purchase in the end: paid at most once, and the truth is told.
async fn check(gateway: &Gateway, id: &str, state: &str, what: &str) {
    let caller = gateway.caller();
    let purchase = caller.purchase(id).await;
    let order = caller.order(field(&purchase, "request_id")).await;
    let (pays, charged, reality) = match &order {
        Some(order) => {
            (order["pay_calls"].clone(), order["charged_times"].clone(), field(order, "state"))
        }
        None => (json!(0), json!(0), "not_taken"),
    };
    assert!(pays == 0 || pays == 1, "{what}: {pays} pays");
    assert!(charged == 0 || charged == 1, "{what}: {charged} charges");
    let expected = if reality == "not_taken" { "failed" } else { reality };
    assert_eq!(state, expected, "{what}: {order:?}");
}

/// Crashes the handler at every point, each time with a new key, and lets the requery find out.
async fn crash_everywhere(script: Option<Value>, body: &Value, repeats: bool) {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let tap = Arc::new(Tap::default());
    let purchase = gateway.tapped("purchase", &tap).await;
    let mut point = 0;
    loop {
        let key = format!("crash-{point}");
        // Without a cached catalogue there is more to crash at.
        gateway.clock.turn(Duration::from_secs(301));
        if let Some(script) = &script {
            caller.script(json!([script])).await;
        }
        let crashed = crash_at(&purchase, event(&key, body), &tap, point).await;
        tap.hold_at(None);
        let what = format!("point {point} of {body} with {script:?}");
        if repeats {
            let reply = caller.buy(&key, body).await;
            assert!(matches!(reply.status, 201 | 202), "{what}: {}", reply.text);
        }
        let id = id_of(&key);
        if caller.get(&format!("/purchases/{id}")).await.status == 200 {
            let state = gateway.until_answered(&id, MINUTE).await;
            check(&gateway, &id, &state, &what).await;
        } else {
            assert!(!repeats, "{what}: a repeat leaves a purchase");
        }
        if !crashed {
            break;
        }
        point += 1;
    }
    // Read, count, [catalogue, fetch, cache,] send, put, pay, update.
    let calls = if body["variation_code"].is_null() { 6 } else { 9 };
    // A call that was slow and repeated makes for more points, never for fewer.
    assert!(point >= 2 * calls, "every call was crashed at: {point}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_in_buying_pays_at_most_once_and_is_found_out() {
    crash_everywhere(None, &bundle(DELIVERED), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_and_a_repeat_pay_at_most_once() {
    crash_everywhere(None, &airtime(DELIVERED), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_around_a_pending_pay_is_found_out() {
    let script = json!({ "call": "pay", "phone": FAILED, "code": "099", "status": "pending" });
    crash_everywhere(Some(script), &airtime(FAILED), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_in_the_requery_loses_no_chain() {
    let gateway = Gateway::undriven().await;
    let caller = gateway.caller();
    let tap = Arc::new(Tap::default());
    let requery = gateway.tapped("requery", &tap).await;
    // A step that goes on, one that settles, and one that hands over to a person.
    for (end, asks, age) in [("delivered", 2, 60), ("failed", 1, 60), ("none", 1_000, 86_400)] {
        let mut point = 0;
        loop {
            let key = format!("{end}-{point}");
            let resolves = if end == "none" { "delivered" } else { end };
            let script = json!([{ "call": "pay", "code": "099", "status": "pending",
                                  "resolves_to": resolves, "asks": asks }]);
            caller.script(script).await;
            let bought = caller.bought(&key, &airtime(FAILED)).await;
            let id = field(&bought, "purchase_id");
            gateway.clock.turn(Duration::from_secs(age));
            let (record, receipt) = gateway.receive("RequeryQueue").await.remove(0);
            let event = json!({ "Records": [record] }).to_string();
            let crashed = crash_at(&requery, event, &tap, point).await;
            tap.hold_at(None);
            if !crashed {
                gateway.delete("RequeryQueue", &receipt).await;
            }
            // A crashed record is delivered again after its visibility timeout.
            gateway.clock.turn(Duration::from_secs(360));
            let state = gateway.drive_until_answered(&requery, id, Duration::from_secs(900)).await;
            let expected = if end == "none" { "needs_review" } else { end };
            assert_eq!(state, expected, "point {point}");
            let order = caller.order(field(&bought, "request_id")).await.unwrap();
            assert_eq!(order["pay_calls"], 1);
            // Everything of this chain dies out.
            gateway.clock.turn(Duration::from_secs(900));
            gateway.drive(&requery).await;
            assert_eq!(gateway.messages("RequeryQueue").await, 0, "{end}, point {point}");
            if end == "none" {
                let letters = gateway.receive("RequeryDeadLetterQueue").await;
                assert!(!letters.is_empty(), "point {point}: a person finds it");
                for (_, receipt) in letters {
                    gateway.delete("RequeryDeadLetterQueue", &receipt).await;
                }
            }
            if !crashed {
                break;
            }
            point += 1;
        }
        assert!(point >= 6, "{end}: {point} points");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_answer_is_lost_is_recognised_as_our_own() {
    let gateway = Gateway::start().await;
    let tap = Arc::new(Tap::default());
    let purchase = gateway.tapped("purchase", &tap).await;
    // Calls: read, count, send, put. The put's first answer is held back for ever.
    tap.hold_at(Some(2 * 3 + 1));
    let body = airtime(DELIVERED);
    let answer = purchase(event("k", &body), lambda_runtime::Context::default()).await.unwrap();
    assert_eq!(answer["statusCode"], 201, "{answer}");
    let put_twice = ["SendMessage", "PutItem", "PutItem", "/api/pay", "UpdateItem"];
    assert_eq!(tap.seen(), [&["GetItem", "UpdateItem"], &put_twice[..]].concat());
    check(&gateway, &id_of("k"), "delivered", "a lost answer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_takes_too_long_is_never_paid_and_closed() {
    let gateway = Gateway::start().await;
    let tap = Arc::new(Tap::default());
    let purchase = gateway.tapped("purchase", &tap).await;
    // Calls: read, count, send, and the three tries of the put.
    tap.hold_at_all(vec![2 * 3 + 1, 2 * 4 + 1, 2 * 5 + 1]);
    let body = airtime(DELIVERED);
    let answer = purchase(event("k", &body), lambda_runtime::Context::default()).await.unwrap();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert!(!tap.seen().contains(&"/api/pay".to_owned()), "{:?}", tap.seen());
    tap.hold_at(None);
    // It landed all the same: a repeat sees it, and the requery closes it as never sent.
    let repeat = gateway.caller().buy("k", &body).await;
    assert_eq!((repeat.status, field(&repeat.json()["data"], "state")), (202, "submitted"));
    let state = gateway.until_answered(&id_of("k"), MINUTE).await;
    check(&gateway, &id_of("k"), &state, "a slow put").await;
    assert_eq!(state, "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_send_and_a_slow_put_together_leave_no_time_to_pay() {
    let gateway = Gateway::start().await;
    let tap = Arc::new(Tap::default());
    let purchase = gateway.tapped("purchase", &tap).await;
    // Two tries of each are lost and the third is slow: each stays within its own limit.
    tap.hold_at_all(vec![2 * 2, 2 * 3, 2 * 5, 2 * 6]);
    tap.delay(Duration::from_millis(350));
    let body = airtime(DELIVERED);
    let answer = purchase(event("k", &body), lambda_runtime::Context::default()).await.unwrap();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert!(!tap.seen().contains(&"/api/pay".to_owned()), "{:?}", tap.seen());
}
