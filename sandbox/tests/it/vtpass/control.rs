//! What a test can ask of the simulator.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::Json;
use axum::routing::post;
use serde_json::{Value, json};
use shared::vtpass::{Alarm, Order, TEST_PENDING, TEST_SUCCESS, Verdict, VtpassError};

use super::rig::{Rig, bundle, kobo, serve};

#[tokio::test]
async fn an_order_lost_on_the_way_back_is_found_by_requery() {
    let rig = Rig::new().await;
    for (tail, script, code) in [
        ("s1", json!({ "http_status": 502 }), "http_502"),
        ("s2", json!({ "half": true }), "broken"),
        ("s3", json!({ "body": "<html>" }), "unreadable"),
        ("s4", json!({ "code": "083", "charge": true }), "083"),
        ("s5", json!({ "code": "999", "charge": true }), "999"),
        ("s6", json!({ "status": "resolved", "resolves_to": "delivered" }), "000"),
        ("s7", json!({ "http_status": 504, "code": "016", "charge": true }), "http_504"),
    ] {
        let outcome = rig.pay_scripted(tail, script).await;
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Unclear, code), "{tail}");
        assert_eq!(rig.order(tail).await["charged_times"], 1, "{tail}");
    }
    for tail in ["s1", "s2", "s3", "s4", "s5", "s6"] {
        assert_eq!(rig.requery(tail).await.verdict, Verdict::Delivered, "{tail}");
    }
}

#[tokio::test]
async fn an_order_that_was_not_taken_is_unknown() {
    let rig = Rig::new().await;
    for (tail, script, verdict) in [
        ("x1", json!({ "http_status": 503, "charge": false }), Verdict::Unclear),
        ("x2", json!({ "half": true, "charge": false }), Verdict::Unclear),
        ("x3", json!({ "code": "083" }), Verdict::Unclear),
        ("x4", json!({ "code": "034" }), Verdict::Failed),
    ] {
        assert_eq!(rig.pay_scripted(tail, script).await.verdict, verdict, "{tail}");
        assert_eq!(rig.order(tail).await["charged_times"], 0, "{tail}");
        assert!(rig.requery(tail).await.unknown_id, "{tail}");
    }
}

#[tokio::test]
async fn a_pending_order_becomes_what_was_asked_for() {
    let rig = Rig::new().await;
    for (tail, end, verdict) in [
        ("d", "delivered", Verdict::Delivered),
        ("f", "failed", Verdict::Failed),
        ("r", "reversed", Verdict::Reversed),
    ] {
        let script = json!({ "call": "pay", "code": "099", "resolves_to": end, "asks": 2 });
        assert_eq!(rig.pay_scripted(tail, script).await.verdict, Verdict::Pending);
        assert_eq!(rig.requery(tail).await.verdict, Verdict::Pending);
        assert_eq!(rig.requery(tail).await.verdict, verdict);
    }
    let forever = json!({ "code": "099", "resolves_to": "pending" });
    assert_eq!(rig.pay_scripted("e", forever).await.verdict, Verdict::Pending);
    for _ in 0..5 {
        assert_eq!(rig.requery("e").await.verdict, Verdict::Pending);
    }
    // Two of the four were paid back.
    assert_eq!(rig.vtpass.balance().await.unwrap(), kobo(1_000_000_000 - 2 * 9_700));
}

#[tokio::test]
async fn a_script_waits_for_its_call_and_its_number() {
    let rig = Rig::new().await;
    rig.control(
        "next",
        json!([
            { "call": "requery", "code": "083" },
            { "call": "pay", "phone": "08099999999", "code": "034" },
        ]),
    )
    .await;
    let id = rig.id("q");
    let order = bundle(&id, TEST_SUCCESS);
    assert_eq!(rig.vtpass.pay(&order).await.verdict, Verdict::Delivered);
    let outcome = rig.vtpass.requery(&order).await;
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Unclear, "083"));
    assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Delivered);
    let other = rig.id("o");
    assert_eq!(rig.vtpass.pay(&bundle(&other, "08099999999")).await.code, "034");
}

#[tokio::test]
async fn answers_about_something_else_are_not_believed() {
    let rig = Rig::new().await;
    let set = |pointer: &str, value: Value| json!({ "set": { pointer: value } });
    let transaction = "/content/transactions";
    for (tail, script, verdict, alarm) in [
        ("m1", set("/requestId", json!("other")), Verdict::Unclear, Alarm::ForeignAnswer),
        (
            "m2",
            set(&format!("{transaction}/amount"), json!(50)),
            Verdict::NeedsReview,
            Alarm::Mismatch,
        ),
        (
            "m3",
            set(&format!("{transaction}/unique_element"), json!("08022222222")),
            Verdict::NeedsReview,
            Alarm::Mismatch,
        ),
        ("m4", set("/code", json!("016")), Verdict::Unclear, Alarm::Mismatch),
    ] {
        let outcome = rig.pay_scripted(tail, script).await;
        assert_eq!((outcome.verdict, outcome.alarm), (verdict, Some(alarm)), "{tail}");
        assert_eq!(rig.requery(tail).await.verdict, Verdict::Delivered, "{tail}");
    }
}

#[tokio::test]
async fn an_outage_lasts_until_it_is_lifted() {
    let rig = Rig::new().await;
    let id = rig.id("i");
    let order = bundle(&id, TEST_SUCCESS);
    assert_eq!(rig.vtpass.pay(&order).await.verdict, Verdict::Delivered);
    rig.control("outage", json!({ "code": "027", "http_status": 403 })).await;
    let outcome = rig.vtpass.requery(&order).await;
    assert_eq!((outcome.verdict, outcome.alarm), (Verdict::Unclear, Some(Alarm::AddressRefused)));
    let refused = rig.id("j");
    assert_eq!(rig.vtpass.pay(&bundle(&refused, TEST_SUCCESS)).await.verdict, Verdict::Failed);
    let read = rig.vtpass.variations("mtn-data").await;
    assert!(matches!(read, Err(VtpassError::CredentialsRefused(_))));
    rig.control("outage", json!({ "code": null })).await;
    assert_eq!(rig.vtpass.requery(&order).await.verdict, Verdict::Delivered);
    assert_eq!(rig.order("j").await["charged_times"], 0);
}

#[tokio::test]
async fn a_forgotten_order_is_unknown_and_not_sold_again() {
    let rig = Rig::new().await;
    let id = rig.id("g");
    let order = bundle(&id, TEST_SUCCESS);
    rig.vtpass.pay(&order).await;
    rig.control("forget", json!({ "request_id": id })).await;
    let outcome = rig.vtpass.requery(&order).await;
    assert_eq!((outcome.verdict, outcome.unknown_id), (Verdict::Unclear, true));
    assert_eq!(rig.vtpass.pay(&order).await.code, "014");
    assert_eq!(rig.order("g").await["charged_times"], 1);
}

#[tokio::test]
async fn a_changed_price_shows_as_another_face_value() {
    let rig = Rig::new().await;
    let change =
        json!({ "serviceID": "etisalat-data", "prices": { "eti-100": 12_000, "eti-200": null } });
    let payload = rig.control("variations-update", change).await;
    assert_eq!(payload["content"]["variations"], payload["content"]["varations"]);
    assert_eq!(payload["actionRequired"]["removed"]["variation_codes"], json!(["eti-200"]));
    let catalogue = rig.vtpass.variations("etisalat-data").await.unwrap();
    let prices: Vec<u64> = catalogue.variations.iter().map(|it| it.amount.kobo()).collect();
    assert_eq!(prices, [12_000, 50_000]);
    let id = rig.id("c");
    let outcome = rig.vtpass.pay(&bundle(&id, TEST_SUCCESS)).await;
    assert_eq!((outcome.verdict, outcome.alarm), (Verdict::NeedsReview, Some(Alarm::Mismatch)));
}

/// Answers webhooks wrongly until the `right`-th; says how many came.
async fn listener(right: usize) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let hook = move |Json(body): Json<Value>| async move {
        assert!(body["type"].is_string());
        let this = counted.fetch_add(1, Ordering::SeqCst) + 1;
        let word = if this >= right { "success" } else { "ok" };
        Json(json!({ "response": word }))
    };
    (serve(Router::new().route("/hook", post(hook))).await, count)
}

async fn delivery(rig: &Rig, tries: u64) -> Value {
    for _ in 0..200 {
        let found = rig.look("webhooks").await;
        if found[0]["accepted"] == true || found[0]["tries"] == tries {
            return found[0].clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Value::Null
}

#[tokio::test]
async fn a_reversal_is_told_by_webhook_and_pays_back_once() {
    let (url, count) = listener(2).await;
    let rig = Rig::with(None, Some(format!("{url}/hook"))).await;
    let id = rig.id("v");
    let order = Order {
        service_id: "glo-data",
        variation_code: Some("glo50x"),
        amount: kobo(5_000),
        ..bundle(&id, TEST_PENDING)
    };
    assert_eq!(rig.vtpass.pay(&order).await.verdict, Verdict::Pending);
    for _ in 0..2 {
        rig.control("resolve", json!({ "request_id": id, "state": "reversed" })).await;
    }
    let expected = json!({
        "kind": "transaction-update", "request_id": id, "tries": 2, "accepted": true,
    });
    assert_eq!(delivery(&rig, 5).await, expected);
    assert_eq!(count.load(Ordering::SeqCst), 2);
    let outcome = rig.vtpass.requery(&order).await;
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Reversed, "040"));
    assert_eq!(rig.vtpass.balance().await.unwrap(), kobo(1_000_000_000));
}

#[tokio::test]
async fn a_webhook_is_given_up_after_five_tries() {
    let (url, count) = listener(99).await;
    let rig = Rig::with(None, Some(format!("{url}/hook"))).await;
    rig.control("variations-update", json!({ "serviceID": "mtn-data" })).await;
    let last = delivery(&rig, 5).await;
    assert_eq!((&last["tries"], &last["accepted"]), (&json!(5), &json!(false)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(count.load(Ordering::SeqCst), 5);
}
