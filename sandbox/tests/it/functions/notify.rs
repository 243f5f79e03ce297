//! What tenants are told: each change once, as it was written, and nothing that was not.

use std::time::Duration;

use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};

use crate::functions::vtpass_callback::{callback, update};
use crate::support::mtn::ANSWER_TIME;
use crate::support::purchases::{
    DELIVERED, FAILED, airtime, field, purchase_event, without_history,
};
use crate::support::tap::crash_at;
use crate::support::{Caller, Gateway, KEY, event};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// All types of events about something, oldest first.
async fn types(caller: &Caller, about: &str, id: &str) -> Vec<String> {
    let events = caller.get("/events?limit=100").await.ok();
    let events = events["data"].as_array().unwrap();
    let own = events.iter().rev().filter(|event| event["data"][about] == id);
    own.map(|event| field(event, "type").to_owned()).collect()
}

/// Lets notify do everything that it can.
async fn tell(gateway: &Gateway, notify: &Entry) {
    for _ in 0..6 {
        gateway.clock.turn(Duration::from_secs(121));
        gateway.drive_queue("NotifyQueue", notify).await;
    }
    assert_eq!(gateway.messages("NotifyQueue").await, 0, "no announcement waits for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_told_in_each_state_as_its_own_route_shows_it() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_, notify) = gateway.with_tap("notify").await;
    let (_, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let id = field(&bought, "purchase_id");
    gateway.clock.turn(SECOND);
    gateway.drive_queue("NotifyQueue", &notify).await;
    assert_eq!(types(&caller, "purchase_id", id).await, ["purchase.delivered"]);
    let shown = caller.get("/events").await.ok()["data"][0]["data"].clone();
    assert_eq!(shown, without_history(caller.purchase(id).await));

    let reversed = json!({ "request_id": bought["request_id"], "state": "reversed" });
    caller.control("/resolve", reversed).await;
    callback(&caller, &update(field(&bought, "request_id"))).await;
    gateway.clock.turn(SECOND);
    gateway.drive(&requery).await;
    tell(&gateway, &notify).await;
    let told = types(&caller, "purchase_id", id).await;
    assert_eq!(told, ["purchase.delivered", "purchase.reversed"]);
    let newest = caller.get("/events").await.ok()["data"][0]["data"].clone();
    assert_eq!((&newest["state"], &newest["safe_to_refund"]), (&json!("reversed"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_purchase_is_not_told_and_one_for_a_person_is() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_, notify) = gateway.with_tap("notify").await;
    let (_, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought_stuck("k").await;
    let id = field(&bought, "purchase_id");
    tell(&gateway, &notify).await;
    assert!(types(&caller, "purchase_id", id).await.is_empty());
    let state = gateway.drive_until_answered(&requery, id, HOUR).await;
    assert_eq!(state, "needs_review");
    tell(&gateway, &notify).await;
    assert_eq!(types(&caller, "purchase_id", id).await, ["purchase.needs_review"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_an_unlink_and_a_link_again_are_three_events() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_, notify) = gateway.with_tap("notify").await;
    let account = caller.line().await;
    gateway.clock.turn(SECOND);
    caller.unlink(&account).await.ok();
    tell(&gateway, &notify).await;
    assert_eq!(caller.line().await, account, "the network knows the line by the same id");
    tell(&gateway, &notify).await;
    let told = types(&caller, "account_id", &account).await;
    assert_eq!(told, ["account.linked", "account.unlinked", "account.linked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_mtn_is_told_without_what_it_says() {
    let (gateway, caller, account) = Gateway::undriven_with_line().await;
    let (_, notify) = gateway.with_tap("notify").await;
    let (_, requery) = gateway.with_tap("requery").await;
    caller.mtn_answers("recharges", &["lost"; 8]).await;
    let (answered, unanswered) =
        (caller.asked(&account, "recharges").await, caller.asked(&account, "recharges").await);
    let url = caller.callback_urls().await.into_iter().find(|url| url.contains(&answered));
    let body = r#"{"statusCode":"0000","data":{"usage":[],"summary":[],"bundles":[]}}"#;
    assert_eq!(caller.call_back(&url.unwrap(), body).await.status, 200);
    for _ in 0..5 {
        gateway.clock.turn(ANSWER_TIME);
        gateway.drive(&requery).await;
    }
    tell(&gateway, &notify).await;
    assert_eq!(types(&caller, "request_id", &answered).await, ["request.available"]);
    assert_eq!(types(&caller, "request_id", &unanswered).await, ["request.timed_out"]);
    let events = caller.get("/events?type=request.available").await.ok();
    assert_eq!(events["data"][0]["data"].get("result"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_announced_and_never_written_is_never_told() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_, notify) = gateway.with_tap("notify").await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    let body = airtime(DELIVERED);
    tap.hold_at(None);
    // The last call is the write of the outcome; the one before announces it.
    let calls = {
        purchase(purchase_event("whole", &body), crate::support::tap::context()).await.unwrap();
        tap.seen().len()
    };
    assert!(crash_at(&purchase, purchase_event("k", &body), &tap, 2 * (calls - 1)).await);
    tap.hold_at(None);
    assert_eq!(gateway.messages("NotifyQueue").await, 2);
    let id = crate::support::purchases::id_of("k");
    assert_eq!(caller.purchase(&id).await["state"], "submitted");
    tell(&gateway, &notify).await;
    assert!(types(&caller, "purchase_id", &id).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_anywhere_every_end_is_told_once() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_, requery) = gateway.with_tap("requery").await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    let (notify_tap, notify) = gateway.with_tap("notify").await;
    for point in 0.. {
        let (key, phone) = (format!("k{point}"), if point % 2 == 0 { DELIVERED } else { FAILED });
        let event = purchase_event(&key, &airtime(phone));
        let crashed = crash_at(&purchase, event.clone(), &tap, point).await;
        tap.hold_at(None);
        // The tenant repeats what was not answered.
        purchase(event, crate::support::tap::context()).await.unwrap();
        let id = crate::support::purchases::id_of(&key);
        let state = gateway.drive_until_answered(&requery, &id, Duration::from_secs(300)).await;
        // Notify crashes, too, wherever it can.
        gateway.clock.turn(Duration::from_secs(121));
        for (record, _) in gateway.receive("NotifyQueue").await {
            let batch = json!({ "Records": [record] }).to_string();
            crash_at(&notify, batch, &notify_tap, point % 6).await;
            notify_tap.hold_at(None);
        }
        gateway.clock.turn(Duration::from_secs(180));
        tell(&gateway, &notify).await;
        let told = types(&caller, "purchase_id", &id).await;
        assert_eq!(told, [format!("purchase.{state}")], "point {point}");
        if !crashed {
            assert!(point >= 5, "{point} points");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_announced_is_not_written_until_it_can() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_, notify) = gateway.with_tap("notify").await;
    let account = caller.line().await;
    let (tap, consent) = gateway.with_tap("consent").await;
    // The first call reads the account; the job and the announcement come next, the write after them.
    let unlink = event(KEY, "POST /accounts/{id}/unlink", &[("id", &account)], "");
    let mut points = 0;
    while crash_at(&consent, unlink.clone(), &tap, points).await {
        let seen = tap.seen();
        tap.hold_at(None);
        let is_announced = seen.iter().filter(|call| call.as_str() == "SendMessage").count() > 1;
        if !is_announced {
            assert_eq!(caller.consent_state(&account).await, "linked", "{seen:?}");
        }
        points += 1;
    }
    tell(&gateway, &notify).await;
    let told = types(&caller, "account_id", &account).await;
    assert_eq!(told, ["account.linked", "account.unlinked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reconcile_reminds_of_what_no_announcement_led_to() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_, requery) = gateway.with_tap("requery").await;
    let (_, notify) = gateway.with_tap("notify").await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let id = field(&bought, "purchase_id");
    gateway.empty("NotifyQueue").await;
    assert!(types(&caller, "purchase_id", id).await.is_empty());
    for _ in 0..26 {
        gateway.clock.turn(HOUR);
        gateway.reconcile().await;
        gateway.drive(&requery).await;
    }
    tell(&gateway, &notify).await;
    assert_eq!(types(&caller, "purchase_id", id).await, ["purchase.delivered"]);
    let stored: Vec<Value> = gateway.scan("EventsTable").await;
    assert_eq!(stored.len(), 1);
}
