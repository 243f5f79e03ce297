//! `GET /events` and `GET /events/{event_id}`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Gateway;
use crate::support::purchases::{DELIVERED, FAILED, airtime, field};

const SECOND: Duration = Duration::from_secs(1);

/// The ids of all pages from `first` on.
async fn listed(caller: &crate::support::Caller, first: &str) -> Vec<String> {
    let (mut ids, mut path) = (Vec::new(), first.to_owned());
    loop {
        let page = caller.get(&path).await.ok();
        let events = page["data"].as_array().unwrap();
        ids.extend(events.iter().map(|event| field(event, "id").to_owned()));
        match page["paging"]["next"].as_str() {
            Some(next) => path = next[next.find("/events").unwrap()..].to_owned(),
            None => return ids,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_lists_its_own_events_newest_first_in_pages() {
    let gateway = Gateway::undriven().await;
    let (caller, other) = (gateway.caller(), gateway.other_caller());
    let (_, notify) = gateway.with_tap("notify").await;
    let mut bought = Vec::new();
    for index in 0..7 {
        let phone = if index % 3 == 0 { FAILED } else { DELIVERED };
        bought.push(caller.bought(&format!("k{index}"), &airtime(phone)).await);
        gateway.clock.turn(2 * SECOND);
        gateway.drive_queue("NotifyQueue", &notify).await;
    }
    other.bought("k0", &airtime(DELIVERED)).await;
    gateway.clock.turn(2 * SECOND);
    gateway.drive_queue("NotifyQueue", &notify).await;

    let page = caller.get("/events?limit=100").await.ok();
    let events = page["data"].as_array().unwrap().clone();
    assert_eq!(page["paging"]["next"], Value::Null);
    let told: Vec<_> = events.iter().map(|event| event["data"]["purchase_id"].clone()).collect();
    let expected: Vec<_> = bought.iter().rev().map(|it| it["purchase_id"].clone()).collect();
    assert_eq!(told, expected);
    let ids: Vec<_> = events.iter().map(|event| field(event, "id").to_owned()).collect();
    assert_eq!(listed(&caller, "/events?limit=2").await, ids);
    assert_eq!(other.get("/events").await.ok()["data"].as_array().unwrap().len(), 1);

    // By type, and from a time on.
    let failed = listed(&caller, "/events?type=purchase.failed&limit=1").await;
    let of_type = events.iter().filter(|event| event["type"] == "purchase.failed");
    assert_eq!(failed, of_type.map(|event| field(event, "id")).collect::<Vec<_>>());
    assert!(listed(&caller, "/events?type=purchase.reversed").await.is_empty());
    let third = field(&events[2], "created_at");
    assert_eq!(listed(&caller, &format!("/events?since={third}&limit=2")).await, ids[..3]);

    // One event looks the same alone, and is nobody else's.
    let one = caller.get(&format!("/events/{}", ids[0])).await.ok();
    assert_eq!(one["data"], events[0]);
    other.get(&format!("/events/{}", ids[0])).await.refused(404, "not_found");
    caller.get("/events/unknown").await.refused(404, "not_found");

    // An invalid query is refused.
    for query in
        ["limit=0", "limit=101", "type=lost", "type=", "since=yesterday", "since=", "cursor=xyz"]
    {
        caller.get(&format!("/events?{query}")).await.refused(400, "invalid_request");
    }

    // After 30 days it is not shown, although DynamoDB has not deleted it.
    gateway.clock.turn(Duration::from_secs(30 * 86_400));
    assert_eq!(caller.get("/events").await.ok()["data"], json!([]));
    caller.get(&format!("/events/{}", ids[0])).await.refused(404, "not_found");
}
