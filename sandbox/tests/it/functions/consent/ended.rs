//! A consent that is past its end opens nothing, and is erased like a withdrawn one.

use std::time::Duration;

use serde_json::json;
use shared::domain::time::to_iso;
use shared::store::PARTS;

use crate::functions::consent::DATA;
use crate::support::tap::{context, crash_at};
use crate::support::{Caller, Gateway, leaks};

const LINE: &str = "08031234567";
const HOUR: Duration = Duration::from_secs(3_600);

/// A consent that ends in an hour, and its account.
async fn ending(gateway: &Gateway, caller: &Caller) -> String {
    let end = to_iso(gateway.clock.clock().now() + HOUR);
    caller.consented(LINE, "mtn", &json!({ "purpose": "loan 42", "expires_at": end })).await
}

async fn told(caller: &Caller) -> Vec<String> {
    let events = caller.get("/events").await.ok();
    let events = events["data"].as_array().unwrap().iter().rev();
    events.map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_past_its_end_opens_nothing_before_anything_has_noticed() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let id = ending(&gateway, &caller).await;
    let record = caller.get(&format!("/accounts/{id}/consent")).await.ok();
    assert_eq!(record["data"]["consent"]["purpose"], "loan 42");
    caller.mtn_next("recharges", "lost").await;
    let asked = caller.asked(&id, "recharges").await;
    let url = caller.callback_urls().await.pop().unwrap();
    gateway.clock.turn(HOUR - Duration::from_secs(1));
    caller.get(&format!("/accounts/{id}")).await.ok();
    gateway.clock.turn(Duration::from_secs(1));
    for path in DATA {
        caller.get(&format!("/accounts/{id}{path}")).await.refused(404, "not_found");
    }
    caller.get(&format!("/requests/{asked}")).await.refused(404, "not_found");
    assert_eq!(caller.call_back(&url, r#"{"data":[]}"#).await.status, 404);
    for path in ["consent", "export"] {
        let shown = caller.get(&format!("/accounts/{id}/{path}")).await;
        assert!(!shown.text.contains(LINE) && !shown.text.contains("loan 42"), "{}", shown.text);
        assert_eq!(shown.ok()["data"]["state"], "unlinking");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_end_a_consent_fails_and_the_next_one_ends_it() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    ending(&gateway, &caller).await;
    gateway.clock.turn(HOUR);
    let why = gateway.failed_without_queue("reconcile", "FOLLOW_UP_QUEUE_URL").await;
    assert!(why.starts_with("consents were not ended: "), "{why}");
    assert_eq!(gateway.reconcile().await["consents_ended"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_consent_is_erased_mono_is_told_and_the_tenant_once() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let id = ending(&gateway, &caller).await;
    assert_eq!(gateway.reconcile().await["consents_ended"], 0);
    gateway.clock.turn(HOUR);
    assert_eq!(gateway.reconcile().await["consents_ended"], 1);
    assert_eq!(gateway.reconcile().await["consents_ended"], 0);
    assert!(!gateway.scan("AccountsTable").await[0].to_string().contains(LINE));
    let (_, requery) = gateway.with_tap("requery").await;
    gateway.clock.turn(Duration::from_secs(240));
    gateway.drive(&requery).await;
    let record = caller.get(&format!("/accounts/{id}/consent")).await.ok();
    let history = record["data"]["history"].as_array().unwrap();
    let events: Vec<_> = history.iter().map(|it| it["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["linked", "expired", "unlinked"]);
    let (_, notify) = gateway.with_tap("notify").await;
    for _ in 0..2 {
        gateway.drive_queue("NotifyQueue", &notify).await;
        assert_eq!(told(&caller).await, ["account.linked", "account.consent_expired"]);
    }
    assert_eq!(gateway.jobs().await, 0);
    leaks::none();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_ends_the_consent_at_the_next_run() {
    for point in 0.. {
        let (gateway, caller) = Gateway::undriven_with_caller().await;
        let id = ending(&gateway, &caller).await;
        gateway.clock.turn(HOUR);
        let (tap, reconcile) = gateway.with_tap("reconcile").await;
        let crashed = crash_at(&reconcile, "{}".to_owned(), &tap, point).await;
        tap.hold_at(None);
        reconcile("{}".to_owned(), context()).await.unwrap();
        let (_, requery) = gateway.with_tap("requery").await;
        gateway.clock.turn(Duration::from_secs(240));
        gateway.drive(&requery).await;
        assert_eq!(caller.consent_state(&id).await, "unlinked", "point {point}");
        let (_, notify) = gateway.with_tap("notify").await;
        gateway.drive_queue("NotifyQueue", &notify).await;
        assert_eq!(told(&caller).await, ["account.linked", "account.consent_expired"]);
        // Query, read, send, announce, write: whatever comes after is not about the consent.
        if point == 2 * 5 || !crashed {
            assert!(crashed, "point {point}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_consents_again_keeps_the_newer_consent() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let id = ending(&gateway, &caller).await;
    gateway.clock.turn(HOUR - Duration::from_secs(300));
    let end = to_iso(gateway.clock.clock().now() + HOUR);
    let again = json!({ "purpose": "loan 43", "expires_at": end });
    assert_eq!(caller.consented(LINE, "mtn", &again).await, id);
    gateway.clock.turn(Duration::from_secs(300));
    assert_eq!(gateway.reconcile().await["consents_ended"], 0);
    caller.get(&format!("/accounts/{id}")).await.ok();
    // Without an end it leaves the index.
    caller.link(LINE, "mtn").await;
    gateway.clock.turn(2 * HOUR);
    assert_eq!(gateway.reconcile().await["consents_ended"], 0);
    caller.get(&format!("/accounts/{id}")).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_given_between_the_look_and_the_end_stays() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let id = ending(&gateway, &caller).await;
    gateway.clock.turn(HOUR);
    let (tap, reconcile) = gateway.with_tap("reconcile").await;
    // Before the write: after the look at purchases, the query, the read, the job and the announcement.
    let of_purchases = PARTS.len();
    tap.hold_at(Some(2 * (of_purchases + 4)));
    let ended = reconcile("{}".to_owned(), context());
    let renewed = async {
        tap.held().await;
        let seen = tap.seen().split_off(of_purchases);
        assert_eq!(seen, ["Query", "GetItem", "SendMessage", "SendMessage"]);
        caller.link(LINE, "mtn").await;
        tap.release();
    };
    let (ended, ()) = tokio::join!(ended, renewed);
    assert_eq!(ended.unwrap()["consents_ended"], 0);
    assert_eq!(caller.consent_state(&id).await, "linked");
    caller.get(&format!("/accounts/{id}")).await.ok();
}
