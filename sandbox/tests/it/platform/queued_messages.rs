//! A queue holds messages across a deployment: samples of every message, as earlier versions sent them,
//! are understood and their work is done, as `samples/expected.json` states.

use std::time::Duration;

use serde_json::{Value, json};

use super::samples::{
    Sample, announcement, expected, files, gateway_with, message, sample, webhook,
};
use crate::support::Gateway;
use crate::support::purchases::field;

/// What became of the item that a message is about.
async fn result(gateway: &Gateway, kind: &str, item: &Sample) -> Value {
    let caller = gateway.caller();
    match kind {
        "purchase" => {
            let stored = gateway.stored(&item.text("purchase_id")).await;
            let calls = stored.history.iter().map(|it| it.source.to_string());
            let calls = calls.collect::<Vec<_>>().join(" ");
            json!([stored.state, stored.recipient.text(), stored.step, calls])
        }
        "account" => json!(caller.consent_state(item.known("account_id")).await),
        _ => {
            let request = caller.request(&item.text("request_id")).await;
            json!([request["state"], request["asks"]])
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_queued_message_does_its_work() {
    for (name, expected) in expected("message").as_object().unwrap() {
        let kind = field(expected, "kind");
        let item = sample(kind, field(expected, "item"));
        let gateway = gateway_with(&item).await;
        match name.as_str() {
            "hint" => gateway.caller().script(json!([{ "call": "requery", "code": "016" }])).await,
            "look_back" => {
                let reversed = json!([{ "call": "requery", "code": "040", "status": "reversed" }]);
                gateway.caller().script(reversed).await;
            }
            "mtn_request" => {
                gateway.store(&sample("account", "linked")).await;
                gateway.caller().mtn_next("balance", "now").await;
            }
            _ => {}
        }
        gateway.clock.turn(Duration::from_secs(expected["age_seconds"].as_u64().unwrap()));
        gateway.requery(&message(name)).await;
        assert_eq!(result(&gateway, kind, &item).await, expected["result"], "{name}");
        assert_eq!(gateway.jobs().await, expected["left"], "{name}");
    }
    let names = files("message").into_iter().map(|(name, _)| name);
    assert!(names.eq(expected("message").as_object().unwrap().keys().cloned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_queued_announcement_leads_to_its_event() {
    for (name, expected) in expected("announcement").as_object().unwrap() {
        let item = sample(field(expected, "kind"), field(expected, "item"));
        let gateway = gateway_with(&item).await;
        let (_tap, notify) = gateway.with_tap("notify").await;
        let batch = json!({ "Records": [{ "messageId": "m", "body": announcement(name) }] });
        let context = lambda_runtime::Context::default();
        let report = notify(batch.to_string(), context).await.unwrap();
        assert_eq!(report, json!({ "batchItemFailures": [] }), "{name}");
        let events = match name.as_str() {
            "float" => gateway.told_operator().await,
            _ => gateway.caller().get("/events").await.ok()["data"].as_array().unwrap().clone(),
        };
        let newest_type = events.last().map(|it| &it["type"]);
        assert_eq!(newest_type, Some(&expected["event"]), "{name}");
        // The float owes an event for each line that is kept.
        assert!(events.len() == 1 || name == "float", "{name}: {events:?}");
        assert_eq!(gateway.messages("NotifyQueue").await, 0, "{name}: it is what was announced");
    }
    let names = files("announcement").into_iter().map(|(name, _)| name);
    assert!(names.eq(expected("announcement").as_object().unwrap().keys().cloned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_queued_webhook_leads_to_an_attempt() {
    for (name, expected) in expected("webhook").as_object().unwrap() {
        let endpoint = sample("endpoint", field(expected, "endpoint"));
        let gateway = gateway_with(&endpoint).await;
        gateway.store(&sample("event", field(expected, "event"))).await;
        let (_tap, send) = gateway.with_tap("send-webhook").await;
        let queue = gateway.sqs().send_message().queue_url(gateway.queue_url("WebhookQueue"));
        queue.message_body(webhook(name)).send().await.unwrap();
        gateway.drive_queue("WebhookQueue", &send).await;
        let attempts = gateway.caller().attempts(&endpoint.text("endpoint_id")).await;
        let states: Vec<_> = attempts.iter().map(|it| &it["state"]).collect();
        assert_eq!(states, [&expected["state"]], "{name}");
        assert_eq!(gateway.messages("WebhookQueue").await, expected["left"], "{name}");
    }
    let names = files("webhook").into_iter().map(|(name, _)| name);
    assert!(names.eq(expected("webhook").as_object().unwrap().keys().cloned()));
}
