//! Lost chains: an open purchase reaches its answer although its message is gone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Gateway;
use crate::support::purchases::{FAILED, PENDING, airtime, field};
use crate::support::tap::crash_at;

const QUARTER: Duration = Duration::from_secs(900);
/// When the first step of a chain counts as lost.
const OVERDUE: Duration = Duration::from_secs(45 + 30 * 60);

/// Buys one of each kind of open purchase, and gives each with the state that it must end in.
async fn buy_open(gateway: &Gateway) -> Vec<(Value, &'static str)> {
    let caller = gateway.caller();
    let mut bought = Vec::new();
    for (key, script, end) in [
        ("slow", json!({ "code": "099", "status": "pending" }), "delivered"),
        (
            "failing",
            json!({ "code": "099", "status": "pending", "resolves_to": "failed" }),
            "failed",
        ),
        ("lost", json!({ "http_status": 502, "charge": false }), "failed"),
        (
            "answer lost",
            json!({ "http_status": 502, "charge": true, "status": "delivered" }),
            "delivered",
        ),
        ("stuck", json!({ "code": "099", "status": "pending", "asks": 1_000 }), "needs_review"),
    ] {
        let mut script = script;
        script["call"] = json!("pay");
        caller.script(json!([script])).await;
        bought.push((caller.bought(&key.replace(' ', "-"), &airtime(FAILED)).await, end));
    }
    bought.push((caller.bought("pending", &airtime(PENDING)).await, "delivered"));
    bought
}

async fn assert_ends(gateway: &Gateway, bought: &[(Value, &str)]) {
    let caller = gateway.caller();
    for (purchase, end) in bought {
        let met = caller.purchase(field(purchase, "purchase_id")).await;
        assert_eq!(field(&met, "state"), *end, "{purchase}");
    }
    for order in caller.ledger().await {
        assert_eq!(order["pay_calls"], 1, "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_open_order_is_answered_although_all_queues_were_emptied() {
    let gateway = Gateway::undriven().await;
    let (_, requery) = gateway.with_tap("requery").await;
    let bought = buy_open(&gateway).await;
    for queue in ["RequeryQueue", "FollowUpQueue"] {
        gateway.empty(queue).await;
    }
    gateway.clock.turn(OVERDUE);
    assert_eq!(gateway.reconcile().await["restarted"], bought.len());
    // Emptied a second time, half way.
    gateway.drive(&requery).await;
    gateway.empty("RequeryQueue").await;
    for round in 0..110 {
        gateway.clock.turn(QUARTER);
        if round % 8 == 0 {
            gateway.reconcile().await;
        }
        gateway.drive(&requery).await;
    }
    assert_ends(&gateway, &bought).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_in_time_is_not_restarted_and_a_late_one_gets_one_message_more() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_, requery) = gateway.with_tap("requery").await;
    caller.bought_stuck("k").await;
    // A chain that is driven each quarter of an hour is never late.
    for _ in 0..20 {
        gateway.clock.turn(QUARTER);
        gateway.drive(&requery).await;
        assert_eq!(gateway.reconcile().await["restarted"], 0);
    }
    // The function is down for a day.
    let mut restarted = 0;
    for _ in 0..70 {
        gateway.clock.turn(QUARTER);
        restarted += gateway.reconcile().await["restarted"].as_u64().unwrap();
    }
    assert!((1..=6).contains(&restarted), "{restarted}");
    assert_eq!(gateway.messages("RequeryQueue").await as u64, 1 + restarted);
    // All messages but one belong to a step that another one does.
    gateway.drive(&requery).await;
    assert!(gateway.messages("RequeryQueue").await <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_without_the_requery_function_every_order_is_answered() {
    let gateway = Gateway::undriven().await;
    let bought = buy_open(&gateway).await;
    // Each delivery fails: the function does not start.
    for round in 0..240 {
        gateway.clock.turn(Duration::from_secs(360));
        for queue in ["RequeryQueue", "FollowUpQueue"] {
            gateway.receive(queue).await;
        }
        if round % 10 == 0 {
            gateway.reconcile().await;
        }
    }
    for queue in ["RequeryDeadLetterQueue", "FollowUpDeadLetterQueue"] {
        assert_eq!(gateway.messages(queue).await, 0, "no live message moves to {queue}");
    }
    let (_, requery) = gateway.with_tap("requery").await;
    gateway.clock.turn(Duration::from_secs(360));
    gateway.drive(&requery).await;
    // The deadline is over. What VTpass knew after one question is settled, the rest waits for a
    // person, and reconcile goes on asking.
    for _ in 0..2 * 24 {
        gateway.clock.turn(4 * QUARTER);
        gateway.reconcile().await;
        gateway.drive(&requery).await;
    }
    let caller = gateway.caller();
    for (purchase, end) in &bought {
        let met = caller.purchase(field(purchase, "purchase_id")).await;
        // An order that VTpass never took cannot be proven to be failed by one answer at the deadline.
        let end = if field(&met, "state") == "needs_review" { "needs_review" } else { *end };
        assert_eq!(field(&met, "state"), end, "{purchase}");
        assert!(!matches!(end, "submitted" | "pending"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_restart_a_chain_fails_and_the_next_one_restarts_it() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    caller.bought_stuck("k").await;
    gateway.empty("RequeryQueue").await;
    gateway.clock.turn(OVERDUE);
    let why = gateway.failed_without_queue("reconcile", "REQUERY_QUEUE_URL").await;
    assert_eq!(why, "1 purchases were not dealt with");
    assert_eq!(gateway.reconcile().await["restarted"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_in_reconcile_loses_no_purchase() {
    for point in 0.. {
        let (gateway, caller) = Gateway::undriven_with_caller().await;
        let (_, requery) = gateway.with_tap("requery").await;
        let bought = caller.bought("k", &airtime(PENDING)).await;
        let id = field(&bought, "purchase_id");
        gateway.empty("RequeryQueue").await;
        gateway.clock.turn(OVERDUE);
        let (tap, reconcile) = gateway.with_tap("reconcile").await;
        let crashed = crash_at(&reconcile, "{}".to_owned(), &tap, point).await;
        gateway.drive(&requery).await;
        gateway.clock.turn(3 * 4 * QUARTER);
        gateway.reconcile().await;
        for _ in 0..3 {
            gateway.drive(&requery).await;
            gateway.clock.turn(QUARTER);
        }
        assert_eq!(field(&caller.purchase(id).await, "state"), "delivered", "point {point}");
        let order = caller.order(field(&bought, "request_id")).await.unwrap();
        assert_eq!(order["pay_calls"], 1);
        if !crashed {
            assert!(point > 2 * 16, "{point}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_aws_may_do_every_order_is_paid_once_and_answered() {
    let gateway = Gateway::start().await;
    let switches = json!({ "duplicates": true, "reorder": true, "index_lag_ms": 30_000,
                           "instances": 3 });
    gateway.caller().console("POST", "aws", &switches).await;
    let bought = buy_open(&gateway).await;
    let caller = gateway.caller();
    let open = async || {
        let mut open = 0;
        for (purchase, _) in &bought {
            let state = caller.purchase(field(purchase, "purchase_id")).await["state"].take();
            open += usize::from(state == "submitted" || state == "pending");
        }
        (open == 0).then_some(())
    };
    gateway.turn_until(Duration::from_secs(300), Duration::from_millis(40), open).await;
    assert_ends(&gateway, &bought).await;
    // Whatever is left of the doubled messages changes nothing.
    let none_left = async || (gateway.messages("RequeryQueue").await == 0).then_some(());
    gateway.turn_until(QUARTER, Duration::from_millis(40), none_left).await;
    assert_ends(&gateway, &bought).await;
}
