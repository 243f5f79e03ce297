//! The endpoints of a tenant: added, read, changed, removed.

use serde_json::{Value, json};

use super::{Teller, answering, ids, receiver, types};
use crate::support::Gateway;
use crate::support::purchases::{DELIVERED, FAILED, field};

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_added_read_changed_and_removed_and_its_secret_is_shown_once() {
    let (_gateway, caller) = Gateway::undriven_with_caller().await;
    let body = json!({ "url": "http://localhost:3000/hooks", "events": ["purchase.failed"] });
    let made = caller.endpoint(body).await;
    let (id, secret) = (field(&made, "id"), field(&made, "secret"));
    assert!(secret.starts_with("whsec_"));
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("secret");
    assert_eq!(caller.on_endpoint("GET", id, "", Value::Null).await, shown);
    let listed = caller.get("/webhook-endpoints").await.ok();
    assert_eq!(listed["data"], json!([shown]));

    let change = json!({ "url": "http://127.0.0.1:3001/", "events": null, "state": "disabled" });
    let changed = caller.on_endpoint("PATCH", id, "", change).await;
    let expected = [json!("http://127.0.0.1:3001/"), Value::Null, json!("disabled")];
    assert_eq!([&changed["url"], &changed["events"], &changed["state"]], expected.each_ref());
    let changed = caller.on_endpoint("PATCH", id, "", json!({ "state": "enabled" })).await;
    assert_eq!(
        (&changed["url"], &changed["state"]),
        (&json!("http://127.0.0.1:3001/"), &json!("enabled"))
    );
    let rotated = caller.on_endpoint("POST", id, "/rotate", Value::Null).await;
    assert_ne!(field(&rotated, "secret"), secret);

    caller.on_endpoint("DELETE", id, "", Value::Null).await;
    let path = format!("/webhook-endpoints/{id}");
    caller.get(&path).await.refused(404, "not_found");
    caller.send("DELETE", &path, &[], Vec::new()).await.refused(404, "not_found");
    assert_eq!(caller.get("/webhook-endpoints").await.ok()["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_endpoint_is_refused() {
    let (_gateway, caller) = Gateway::undriven_with_caller().await;
    let url = "http://localhost:3000/";
    for body in [
        json!({}),
        json!({ "url": 7 }),
        json!({ "url": "" }),
        json!({ "url": "hooks" }),
        json!({ "url": "http://shop.example/" }),
        json!({ "url": "https://10.0.0.1/" }),
        json!({ "url": "https://[fd00:ec2::254]/" }),
        json!({ "url": "https://169.254.169.254/latest/meta-data/" }),
        json!({ "url": "https://user:secret@shop.example/" }),
        json!({ "url": "http://localhost:22/" }),
        json!({ "url": "https://no-such-host.invalid/" }),
        json!({ "url": url, "events": [] }),
        json!({ "url": url, "events": ["purchase.lost"] }),
        json!({ "url": url, "events": "purchase.failed" }),
        json!({ "url": url, "signature": "v2" }),
        json!({ "url": url, "signature": null }),
    ] {
        caller.post("/webhook-endpoints", body).await.refused(400, "invalid_request");
    }
    let made = caller.endpoint(json!({ "url": url })).await;
    let path = format!("/webhook-endpoints/{}", field(&made, "id"));
    for (method, tail, body) in [
        ("PATCH", "", "{}"),
        ("PATCH", "", ""),
        ("PATCH", "", r#"{"url":"https://127.0.0.2:80/"}"#),
        ("PATCH", "", r#"{"state":"paused"}"#),
        ("PATCH", "", r#"{"state":"enabled","url":null}"#),
        ("POST", "/rotate", r#"{"overlap_seconds":null}"#),
        ("POST", "/rotate", r#"{"overlap_seconds":604801}"#),
        ("POST", "/rotate", r#"{"overlap_seconds":-1}"#),
        ("POST", "/recover", "{}"),
        ("POST", "/recover", r#"{"since":"yesterday"}"#),
        ("GET", "/attempts?limit=0", ""),
        ("GET", "/attempts?cursor=x", ""),
    ] {
        let reply = caller.send(method, &format!("{path}{tail}"), &[], body.into()).await;
        reply.refused(400, "invalid_request");
    }
    for _ in 1..20 {
        caller.endpoint(json!({ "url": url })).await;
    }
    caller.post("/webhook-endpoints", json!({ "url": url })).await.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_gets_the_types_that_it_wants_from_the_time_it_was_made() {
    let teller = Teller::start().await;
    teller.bought("before", DELIVERED).await;
    let (all, failed) = (receiver().await, receiver().await);
    teller.caller.endpoint_at(&all).await;
    let only = json!({ "url": failed.url, "events": ["purchase.failed"] });
    let failed_id = teller.caller.endpoint(only).await;
    teller.bought("k1", DELIVERED).await;
    teller.bought("k2", FAILED).await;
    assert_eq!(types(&all), ["purchase.delivered", "purchase.failed"]);
    assert_eq!(types(&failed), ["purchase.failed"]);

    // A change counts at once, and so does a removal.
    let id = field(&failed_id, "id");
    teller.caller.on_endpoint("PATCH", id, "", json!({ "events": null })).await;
    teller.bought("k3", DELIVERED).await;
    assert_eq!(types(&failed), ["purchase.failed", "purchase.delivered"]);
    teller.caller.on_endpoint("DELETE", id, "", Value::Null).await;
    teller.bought("k4", DELIVERED).await;
    assert_eq!((ids(&failed).len(), ids(&all).len()), (2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_sent_once_and_also_to_an_endpoint_that_is_disabled() {
    let teller = Teller::start().await;
    let receiver = answering(500).await;
    let id = teller.caller.endpoint_at(&receiver).await;
    teller.caller.on_endpoint("PATCH", &id, "", json!({ "state": "disabled" })).await;
    let test = teller.caller.on_endpoint("POST", &id, "/test", Value::Null).await;
    teller.pass(super::DAY, super::HOUR).await;
    assert_eq!(ids(&receiver), [field(&test, "event_id")]);
    assert_eq!(types(&receiver), ["endpoint.test"]);
    let attempts = teller.caller.attempts(&id).await;
    assert_eq!((&attempts[0]["state"], attempts.len()), (&json!("failed"), 1));
    assert_eq!(attempts[0]["attempts"][0]["status"], 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_sent_once_more_to_one_endpoint_or_to_all() {
    let teller = Teller::start().await;
    let (first, second) = (receiver().await, receiver().await);
    let id = teller.caller.endpoint_at(&first).await;
    teller.caller.endpoint_at(&second).await;
    teller.bought("k", DELIVERED).await;
    let event = ids(&first).pop().unwrap();
    let path = format!("/events/{event}/resend");
    let resent = teller.caller.post(&path, json!({ "endpoint_id": id })).await;
    assert_eq!((resent.status, resent.json()["data"]["endpoint_ids"].clone()), (202, json!([id])));
    teller.send().await;
    assert_eq!((ids(&first).len(), ids(&second).len()), (2, 1));
    teller.caller.send("POST", &path, &[], Vec::new()).await;
    teller.send().await;
    assert_eq!(ids(&first), [event.clone(), event.clone(), event.clone()]);
    assert_eq!(first.received()[0].body, first.received()[2].body, "the same bytes");

    let unknown = format!("/events/{}/resend", "0".repeat(32));
    teller.caller.post(&unknown, json!({})).await.refused(404, "not_found");
    let nowhere = json!({ "endpoint_id": "0".repeat(32) });
    teller.caller.post(&path, nowhere).await.refused(404, "not_found");
    teller.caller.on_endpoint("PATCH", &id, "", json!({ "state": "disabled" })).await;
    let disabled = teller.caller.post(&path, json!({ "endpoint_id": id })).await;
    disabled.refused(400, "invalid_request");
    let since = json!({ "since": "2026-01-01T00:00:00Z" });
    let recover = format!("/webhook-endpoints/{id}/recover");
    teller.caller.post(&recover, since).await.refused(400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_listed_in_pages() {
    let teller = Teller::start().await;
    let receiver = receiver().await;
    let id = teller.caller.endpoint_at(&receiver).await;
    for index in 0..5 {
        teller.bought(&format!("k{index}"), DELIVERED).await;
    }
    let (mut listed, mut path) = (Vec::new(), format!("/webhook-endpoints/{id}/attempts?limit=2"));
    loop {
        let page = teller.caller.get(&path).await.ok();
        let lines = page["data"].as_array().unwrap();
        listed.extend(lines.iter().map(|line| field(line, "event_id").to_owned()));
        let Some(next) = page["paging"]["next"].as_str() else { break };
        path = next[next.find("/webhook-endpoints").unwrap()..].to_owned();
    }
    listed.reverse();
    assert_eq!(listed, ids(&receiver));
}
