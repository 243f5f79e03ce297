//! Isolation of tenants on every route of the template: what belongs to another tenant cannot be read or
//! changed, and cannot be told from what does not exist.

use std::time::Duration;

use serde_json::{Value, json};

use super::request::{Request, belongings, nonexistent};
use crate::support::purchases::{DELIVERED, airtime};
use crate::support::{Caller, Gateway, KEY, PHONE, tenant_of};

/// The routes that name something of a tenant's, in the path or in the body.
fn names_something(route: &str) -> bool {
    let mut own = ["telecom/verify", "account/auth", "accounts/auth", "{id}", "_id}"].into_iter();
    own.any(|part| route.contains(part)) && !route.contains("/callbacks/")
}

/// The id of the first event of a tenant, once it is kept.
async fn first_event(gateway: &Gateway, owner: &Caller) -> String {
    let find = async || {
        let events = owner.get("/events").await.ok();
        Some(events["data"].as_array()?.last()?["id"].as_str()?.to_owned())
    };
    gateway.turn_until(Duration::from_secs(1), Duration::from_millis(20), find).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_tenant_does_not_exist_on_any_route() {
    let gateway = Gateway::start().await;
    let (owner, stranger) = (gateway.caller(), gateway.other_caller());
    let (mut theirs, nonexistent) = (belongings(&owner).await, nonexistent());
    theirs.insert("event_id", first_event(&gateway, &owner).await);
    let mut tried = 0;
    for route in gateway.routes().iter().filter(|route| names_something(route)) {
        let foreign = Request::of(route, &theirs).send(&stranger).await;
        let absent = Request::of(route, &nonexistent).send(&stranger).await;
        assert!(matches!(foreign.status, 404 | 410), "{route}: {}", foreign.text);
        assert_eq!(foreign.error_body(), absent.error_body(), "{route}");
        assert_eq!(foreign.retry_after, absent.retry_after, "{route}");
        tried += 1;
    }
    assert!(tried >= 37, "{tried} routes name something");
    // A list shows the own purchases only, and idempotency keys are separate.
    assert_eq!(stranger.get("/purchases").await.ok()["data"], json!([]));
    assert_eq!(stranger.get("/events").await.ok()["data"], json!([]));
    assert_eq!(stranger.get("/webhook-endpoints").await.ok()["data"], json!([]));
    let own = stranger.bought("order-1", &airtime(DELIVERED)).await;
    assert_ne!(own["purchase_id"], theirs["purchase_id"].as_str());

    // Nothing was changed or used up, and the owner can still use all of it.
    assert_eq!(owner.get("/purchases").await.ok()["data"].as_array().unwrap().len(), 1);
    owner.purchase(&theirs["purchase_id"]).await;
    owner.get(&format!("/events/{}", theirs["event_id"])).await.ok();
    let endpoints = owner.get("/webhook-endpoints").await.ok();
    assert_eq!(endpoints["data"][0]["id"], theirs["endpoint_id"].as_str());
    assert_eq!(endpoints["data"][0]["created_at"], endpoints["data"][0]["updated_at"]);
    assert_eq!(owner.request(&theirs["request_id"]).await["state"], "waiting");
    owner.verify(&theirs["session"], &theirs["otp"]).await.ok();
    owner.exchange(&theirs["code"]).await.ok();
    owner.get(&format!("/accounts/{}", theirs["id"])).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_with_consents_of_one_person_do_not_see_each_other() {
    let gateway = Gateway::start().await;
    let (first, second) = (gateway.caller(), gateway.other_caller());
    let (mine, theirs) = (first.link(PHONE, "mtn").await, second.link(PHONE, "mtn").await);
    assert_eq!(mine, theirs, "Mono knows one account");
    second.mtn_next("recharges", "now").await;
    second.mtn(&theirs, "recharges").await.ok();
    let export = first.get(&format!("/accounts/{mine}/export")).await.ok();
    assert_eq!(export["data"]["requests"], json!([]), "requests of another tenant are not shown");
    first.unlink(&mine).await.ok();
    // The other tenant's consent and requests remain.
    second.get(&format!("/accounts/{theirs}")).await.ok();
    let export = second.get(&format!("/accounts/{theirs}/export")).await.ok();
    assert_eq!(export["data"]["requests"].as_array().unwrap().len(), 1);
    // Only the tombstone is left of the first.
    let tenant = tenant_of(KEY);
    for table in ["AccountsTable", "SessionsTable", "RequestsTable"] {
        for item in gateway.scan(table).await {
            if item["tenant"] != tenant.as_str() {
                continue;
            }
            let text = item.to_string();
            for personal in [&PHONE[1..], "192.0.2.", "127.0.0.1", "source_ip", "phone"] {
                assert!(!text.contains(personal), "{table}: {text}");
            }
            assert!(table != "RequestsTable", "{text}");
            assert!(table != "AccountsTable" || item["state"] == "unlinked", "{text}");
        }
    }
    let record = first.get(&format!("/accounts/{mine}/consent")).await.ok();
    assert_eq!(record["data"]["state"], "unlinked");
    assert_eq!(record["data"]["consent"], Value::Null);
}
