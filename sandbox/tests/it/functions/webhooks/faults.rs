//! Crashes and duplicates: every event is sent at least once, and no more often than that needs.

use std::collections::BTreeSet;

use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};

use super::{DAY, HOUR, Teller, ids, receiver};
use crate::support::mtn::ANSWER_TIME;
use crate::support::purchases::{DELIVERED, airtime, field};
use crate::support::tap::crash_at;
use crate::support::{Gateway, Provider};

const ANSWER: &str = r#"{"statusCode":"0000","data":{"usage":[],"summary":[],"bundles":[]}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_call_of_notify_loses_no_webhook() {
    let teller = Teller::start().await;
    let receiver = receiver().await;
    teller.caller.endpoint_at(&receiver).await;
    for point in 0.. {
        let (tap, notify) = teller.gateway.with_tap("notify").await;
        teller.caller.bought(&format!("k{point}"), &airtime(DELIVERED)).await;
        teller.gateway.clock.turn(super::SECOND);
        let (record, _) = teller.gateway.receive("NotifyQueue").await.pop().unwrap();
        let batch = json!({ "Records": [record] }).to_string();
        let crashed = crash_at(&notify, batch, &tap, point).await;
        tap.hold_at(None);
        // The message comes again.
        teller.gateway.clock.turn(HOUR);
        teller.tell().await;
        let mut sent = ids(&receiver);
        sent.dedup();
        assert_eq!(sent.len(), point + 1, "point {point}");
        if !crashed {
            assert!(point >= 8, "{point} points");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_notify_and_a_late_answer_lose_no_webhook_of_a_time_out() {
    let (gateway, caller, account) = Gateway::undriven_with_line().await;
    let teller = Teller::of(gateway, caller).await;
    let (_, requery) = teller.gateway.with_tap("requery").await;
    let receiver = receiver().await;
    teller.caller.endpoint_at(&receiver).await;
    teller.tell().await;
    for point in 0.. {
        let id = timed_out(&teller, &account, &requery).await;
        let (tap, notify) = teller.gateway.with_tap("notify").await;
        let (record, _) = teller.gateway.receive("NotifyQueue").await.pop().unwrap();
        let batch = json!({ "Records": [record] }).to_string();
        let crashed = crash_at(&notify, batch, &tap, point).await;
        tap.hold_at(None);
        // MTN answers before the message comes again.
        let url = teller.caller.callback_urls().await.into_iter().find(|url| url.contains(&id));
        assert_eq!(teller.caller.call_back(&url.unwrap(), ANSWER).await.status, 200);
        teller.gateway.clock.turn(HOUR);
        teller.tell().await;
        let expected = ["request.available", "request.timed_out"].map(str::to_owned);
        assert_eq!(told(&receiver, &id), expected.into(), "point {point}");
        if !crashed {
            assert!(point >= 4, "{point} points");
            break;
        }
    }
}

/// A request that MTN never answered, and nobody was told of yet.
async fn timed_out(teller: &Teller, account: &str, requery: &Entry) -> String {
    teller.caller.mtn_answers("recharges", &["lost"; 4]).await;
    let id = teller.caller.asked(account, "recharges").await;
    for _ in 0..4 {
        teller.gateway.clock.turn(ANSWER_TIME);
        teller.gateway.drive(requery).await;
    }
    assert_eq!(teller.caller.request(&id).await["state"], "timed_out");
    teller.gateway.clock.turn(super::SECOND);
    id
}

/// The types of the events about a request that a receiver got, each once.
fn told(receiver: &Provider, request: &str) -> BTreeSet<String> {
    let bodies = receiver.received().into_iter().map(|it| serde_json::from_str(&it.body).unwrap());
    let own = bodies.filter(|it: &Value| it["data"]["request_id"] == request);
    own.map(|it| field(&it, "type").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_call_of_send_webhook_loses_no_event_and_repeats_it_once_at_most() {
    let teller = Teller::start().await;
    let receiver = super::answering(500).await;
    teller.caller.endpoint_at(&receiver).await;
    for point in 0.. {
        // The first attempt fails, so the next one must be sent.
        receiver.script(|_| crate::support::Script::Json(500, json!({})));
        let (tap, send) = teller.gateway.with_tap("send-webhook").await;
        let before = ids(&receiver).len();
        teller.caller.bought(&format!("k{point}"), &airtime(DELIVERED)).await;
        teller.gateway.clock.turn(super::SECOND);
        teller.gateway.drive_queue("NotifyQueue", &teller.notify).await;
        let (record, _) = teller.gateway.receive("WebhookQueue").await.pop().unwrap();
        let batch = json!({ "Records": [record] }).to_string();
        let crashed = crash_at(&send, batch, &tap, point).await;
        tap.hold_at(None);
        receiver.script(|_| crate::support::Script::Json(200, json!({})));
        teller.pass(HOUR, HOUR / 60).await;
        let sent = ids(&receiver).split_off(before);
        assert!((1..=3).contains(&sent.len()), "point {point}: {sent:?}");
        assert_eq!(teller.gateway.messages("WebhookQueue").await, 0, "{point}");
        if !crashed {
            assert!(point >= 10, "{point} points");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_twice_is_sent_once() {
    let teller = Teller::start().await;
    let receiver = receiver().await;
    let id = teller.caller.endpoint_at(&receiver).await;
    teller.bought("k", DELIVERED).await;
    let event = ids(&receiver).pop().unwrap();
    let endpoint = teller.gateway.scan("WebhookEndpointsTable").await.pop().unwrap();
    let job = json!({ "kind": "deliver", "tenant": endpoint["tenant"], "endpoint_id": id,
                      "event_id": event, "reason": "happened", "series": "first", "step": 0,
                      "due_ms": 0 });
    let batch = json!({ "Records": [{ "messageId": "m", "body": job.to_string() }] });
    let report = (teller.send)(batch.to_string(), crate::support::tap::context()).await.unwrap();
    assert_eq!(report, json!({ "batchItemFailures": [] }));
    assert_eq!(ids(&receiver).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_an_event_or_endpoint_that_is_gone_is_dropped() {
    let teller = Teller::start().await;
    let receiver = super::answering(500).await;
    let id = teller.caller.endpoint_at(&receiver).await;
    teller.bought("k", DELIVERED).await;
    teller.caller.on_endpoint("DELETE", &id, "", Value::Null).await;
    teller.pass(DAY, HOUR / 4).await;
    assert_eq!((ids(&receiver).len(), teller.gateway.messages("WebhookQueue").await), (1, 0));

    let again = teller.caller.endpoint_at(&receiver).await;
    teller.bought("k2", DELIVERED).await;
    // The event is forgotten before its next attempt.
    teller.gateway.clock.turn(31 * DAY);
    teller.send().await;
    assert_eq!((ids(&receiver).len(), teller.gateway.messages("WebhookQueue").await), (2, 0));
    assert_eq!(teller.caller.attempts(&again).await.len(), 0, "what became of it, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_a_month_ago_is_not_told_again() {
    let teller = Teller::start().await;
    let receiver = receiver().await;
    teller.caller.endpoint_at(&receiver).await;
    let id = teller.bought("k", DELIVERED).await;
    assert_eq!(ids(&receiver).len(), 1);
    teller.gateway.clock.turn(31 * DAY);
    let late = json!({ "kind": "announced", "subject": "purchase", "purchase_id": id,
                       "event": "purchase.delivered", "at_ms": 0, "step": 4 });
    let batch = json!({ "Records": [{ "messageId": "m", "body": late.to_string() }] });
    (teller.notify)(batch.to_string(), crate::support::tap::context()).await.unwrap();
    teller.send().await;
    assert_eq!(ids(&receiver).len(), 1);
    let events = teller.caller.get("/events").await.ok();
    assert_eq!(events["data"], json!([]), "{}", field(&json!({ "id": id }), "id"));
}
