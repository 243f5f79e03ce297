//! Many purchases at once, and how many calls one takes.

use std::time::Duration;

use serde_json::json;

use crate::support::purchases::{
    DELIVERED, PENDING, airtime, bundle, field, purchase_event, until,
};
use crate::support::{Caller, Gateway};

/// How many purchases: 1,000, or as many as `LOAD_PURCHASES` says for a longer run.
fn total() -> usize {
    std::env::var("LOAD_PURCHASES").map_or(1_000, |count| count.parse().unwrap())
}

/// Buys `count` pending orders, some at once.
async fn buy_pending(gateway: &Gateway, count: usize) {
    let caller = gateway.caller();
    let body = airtime(PENDING);
    for from in (0..count).step_by(50) {
        let keys: Vec<String> = (from..count.min(from + 50)).map(|n| format!("k{n}")).collect();
        let replies = keys.iter().map(|key| caller.buy(key, &body));
        for reply in futures_util::future::join_all(replies).await {
            assert_eq!(reply.status, 202, "{}", reply.text);
        }
    }
}

/// How many purchases are in a state.
async fn count(gateway: &Gateway, state: &str) -> usize {
    gateway.caller().listed(&format!("/purchases?state={state}&limit=100")).await.len()
}

/// How often VTpass was asked about all orders.
async fn requeries(caller: &Caller) -> u64 {
    caller.ledger().await.iter().map(|order| order["requery_calls"].as_u64().unwrap()).sum()
}

/// Turns the clock until no message is left, then checks every order.
async fn until_all_delivered(gateway: &Gateway, total: usize) {
    for _ in 0..2_000 {
        if gateway.messages("RequeryQueue").await == 0 {
            break;
        }
        gateway.clock.turn(Duration::from_secs(20));
        gateway.sandbox.until_at_rest(Duration::from_secs(2)).await;
    }
    assert_eq!(count(gateway, "delivered").await, total);
    let ledger = gateway.caller().ledger().await;
    assert_eq!(ledger.len(), total);
    for order in ledger {
        assert_eq!((&order["pay_calls"], &order["charged_times"]), (&json!(1), &json!(1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_pending_purchases_settle_after_a_long_outage() {
    let total = total();
    // The turned clock goes so fast that reconcile would take every chain for lost.
    let gateway = Gateway::without_schedule().await;
    let caller = gateway.caller();
    buy_pending(&gateway, total).await;
    for outage in [
        json!({ "code": "087" }),
        json!({ "code": "027" }),
        json!({ "code": "022" }),
        json!({ "code": "087", "http_status": 401 }),
    ] {
        caller.control("/outage", outage).await;
        let asked = requeries(&caller).await;
        gateway.clock.turn(Duration::from_secs(900));
        until("a hundred requeries", async || requeries(&caller).await >= asked + 100).await;
    }
    assert_eq!(count(&gateway, "pending").await, total, "none changes");
    caller.control("/outage", json!({ "code": null })).await;
    until_all_delivered(&gateway, total).await;
}

/// A purchase delivered at once takes at most two queue sends, two writes and one `pay` on the request path, plus a
/// catalogue fetch when its cache is cold.
#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_a_purchase_costs_as_few_calls_as_documented() {
    let gateway = Gateway::undriven().await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    let buy = |key: &str, body: serde_json::Value| {
        tap.hold_at(None);
        purchase(purchase_event(key, &body), lambda_runtime::Context::default())
    };
    let paid = ["UpdateItem", "SendMessage", "PutItem", "/api/pay", "SendMessage", "UpdateItem"];
    // The purchase is looked for; then it is counted and its price is looked up, side by side. Then its
    // amount is counted.
    let seen = || {
        let mut seen = tap.seen();
        let priced = seen.len() - paid.len();
        assert_eq!(seen.split_off(priced), paid);
        seen[1..].sort();
        seen
    };

    buy("airtime", airtime(DELIVERED)).await.unwrap();
    assert_eq!(seen(), ["GetItem", "UpdateItem"]);
    buy("cold", bundle(DELIVERED)).await.unwrap();
    let fetched = ["GetItem", "/api/service-variations", "GetItem", "PutItem", "UpdateItem"];
    assert_eq!(seen(), fetched);
    buy("warm", bundle(DELIVERED)).await.unwrap();
    assert_eq!(seen(), ["GetItem", "GetItem", "UpdateItem"]);
    buy("warm", bundle(DELIVERED)).await.unwrap();
    assert_eq!(tap.seen(), ["GetItem"], "a repeat is one read");

    let requery = gateway.tapped("requery", &tap).await;
    let drive = async || {
        gateway.clock.turn(Duration::from_secs(60));
        tap.hold_at(None);
        gateway.drive(&requery).await;
        tap.seen()
    };
    assert_eq!(drive().await, vec!["GetItem"; 3], "the chain of a settled purchase is one read");
    let pending = gateway.caller().bought("pending", &airtime(PENDING)).await;
    assert_eq!(drive().await, ["GetItem", "/api/requery", "SendMessage", "UpdateItem"]);
    assert_eq!(drive().await, ["GetItem", "/api/requery", "SendMessage", "UpdateItem"]);
    let id = field(&pending, "purchase_id");
    assert_eq!(field(&gateway.caller().purchase(id).await, "state"), "delivered");
}
