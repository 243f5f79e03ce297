//! Crashes on purpose at every call of a purchase: before the call is sent, and after it took effect
//! but before its answer arrived.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::refill::{at_mtn, voucherless};
use crate::support::Gateway;
use crate::support::purchases::{
    DELIVERED, FAILED, MINUTE, airtime, bundle, field, id_of, purchase_event,
};
use crate::support::tap::{Tap, crash_at};

/// Checks a purchase in the end: it was paid at most once, and its state is the truth.
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

/// Crashes the handler at every point, each time with a new key, and lets the requery settle.
async fn crash_everywhere(script: Option<Value>, body: &Value, repeats: bool) {
    let (gateway, caller) = Gateway::with_caller().await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    // Read, count, [catalogue, fetch, cache,] send, put, pay, update.
    let calls = if body["variation_code"].is_null() { 6 } else { 9 };
    for point in 0.. {
        let key = format!("crash-{point}");
        // The cached catalogue expires, so that fetching it is a crash point too.
        gateway.clock.turn(Duration::from_secs(301));
        if let Some(script) = &script {
            caller.script(json!([script])).await;
        }
        let crashed = crash_at(&purchase, purchase_event(&key, body), &tap, point).await;
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
            // A call that is slow and repeated adds points.
            assert!(point >= 2 * calls, "every call was crashed at: {point}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_anywhere_a_purchase_is_paid_at_most_once_and_settled() {
    let pending = json!({ "call": "pay", "phone": FAILED, "code": "099", "status": "pending" });
    let (data, delivered, failed) = (bundle(DELIVERED), airtime(DELIVERED), airtime(FAILED));
    // Settled by the requery, repeated by the tenant, and settled after a pending `pay`.
    tokio::join!(
        crash_everywhere(None, &data, false),
        crash_everywhere(None, &delivered, true),
        crash_everywhere(Some(pending), &failed, false),
    );
}

/// Buys while the calls at some points are held for ever and each answer of AWS takes `delay`.
async fn buy_held(gateway: &Gateway, points: &[usize], delay: Duration) -> (Arc<Tap>, Value) {
    order_held(gateway, &airtime(DELIVERED), points, delay).await
}

async fn order_held(
    gateway: &Gateway,
    body: &Value,
    points: &[usize],
    delay: Duration,
) -> (Arc<Tap>, Value) {
    let (tap, purchase) = gateway.with_tap("purchase").await;
    tap.hold_at_all(points.to_vec());
    tap.delay(delay);
    let event = purchase_event("k", body);
    let answer = purchase(event, lambda_runtime::Context::default()).await.unwrap();
    (tap, answer["statusCode"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_answer_is_lost_is_recognised_as_our_own() {
    let gateway = Gateway::start().await;
    // Calls: read, count, count money, send, put. The put's first answer is held back for ever.
    let (tap, status) = buy_held(&gateway, &[2 * 4 + 1], Duration::ZERO).await;
    assert_eq!(status, 201);
    let put_twice = ["SendMessage", "PutItem", "PutItem", "/api/pay", "SendMessage", "UpdateItem"];
    assert_eq!(tap.seen(), [&["GetItem", "UpdateItem", "UpdateItem"], &put_twice[..]].concat());
    check(&gateway, &id_of("k"), "delivered", "a lost answer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_takes_too_long_is_never_paid_and_ends_failed() {
    let gateway = Gateway::start().await;
    // Calls: read, count, count money, send, and the three tries of the put.
    let points = [2 * 4 + 1, 2 * 5 + 1, 2 * 6 + 1];
    let (tap, status) = buy_held(&gateway, &points, Duration::ZERO).await;
    assert_eq!(status, 503);
    assert!(!tap.seen().contains(&"/api/pay".to_owned()), "{:?}", tap.seen());
    // The put took effect: a repeat sees it, and the requery closes it as never sent.
    let repeat = gateway.caller().buy("k", &airtime(DELIVERED)).await;
    assert_eq!((repeat.status, field(&repeat.json()["data"], "state")), (202, "submitted"));
    let state = gateway.until_answered(&id_of("k"), MINUTE).await;
    check(&gateway, &id_of("k"), &state, "a slow put").await;
    assert_eq!(state, "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_send_and_a_slow_put_together_leave_no_time_to_pay() {
    // Two tries of each are lost and the third is slow: each stays within its own limit.
    let (points, slow) = ([2 * 3, 2 * 4, 2 * 6, 2 * 7], Duration::from_millis(350));
    let (gateway, other) = tokio::join!(Gateway::start(), Gateway::start());
    let refill = voucherless();
    let ((tap, status), (_, refill_status)) =
        tokio::join!(buy_held(&gateway, &points, slow), order_held(&other, &refill, &points, slow));
    assert_eq!(status, 503);
    assert!(!tap.seen().contains(&"/api/pay".to_owned()), "{:?}", tap.seen());

    // Nobody could ask MTN about a refill later, so it fails at once.
    assert_eq!(refill_status, 201);
    let purchase = other.caller().purchase(&id_of("k")).await;
    assert_eq!((field(&purchase, "state"), &purchase["safe_to_refund"]), ("failed", &json!(true)));
    assert_eq!(at_mtn(&other.caller(), &purchase).await, (0, 0));
}
