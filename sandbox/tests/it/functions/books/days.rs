//! The reports of days: while a day lasts, and after it was closed.

use std::time::Duration;

use serde_json::{Value, json};
use shared::domain::guard::{State, Word};

use super::Morning;
use crate::support::OTHER_KEY;
use crate::support::purchases::{DELIVERED, FAILED, airtime, bundle, field};

/// Some fields of the total.
fn some(report: &Value, names: &[&str]) -> Vec<u64> {
    names.iter().map(|name| report["total"][*name].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_today_counts_what_happened_so_far() {
    let it = Morning::with(&[]).await;
    let (caller, today) = (&it.caller, it.today);
    assert_eq!(it.report(today).await["services"], json!([]));
    caller.bought("a", &airtime(DELIVERED)).await;
    caller.bought("b", &bundle(DELIVERED)).await;
    caller.bought("c", &airtime(FAILED)).await;
    caller.bought_stuck("d").await;
    it.gateway.other_caller().bought("a", &airtime(DELIVERED)).await;
    let report = it.report(today).await;
    let names = ["orders", "delivered", "failed", "open", "face_kobo", "refundable_kobo"];
    assert_eq!(some(&report, &names), [4, 2, 1, 1, 40_000, 10_000], "{report}");
    let cost: u64 = caller
        .ledger()
        .await
        .iter()
        .filter(|it| it["state"] == "delivered")
        .map(|it| it["total_kobo"].as_u64().unwrap())
        .sum();
    assert!(some(&report, &["cost_kobo"])[0] < cost, "the other tenant's order is not in it");
    assert_eq!(report["closed_at"], Value::Null);
    let services: Vec<&str> =
        report["services"].as_array().unwrap().iter().map(|it| field(it, "service_id")).collect();
    assert_eq!(services, ["etisalat-data", "mtn"]);
    assert_eq!(some(&it.report(today.previous()).await, &["orders"]), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_also_a_table() {
    let it = Morning::with(&[]).await;
    it.caller.bought("a", &airtime(DELIVERED)).await;
    let path = format!("/reports/{}", it.today);
    let reply = it.caller.send("GET", &path, &[("accept", "text/csv")], Vec::new()).await;
    assert_eq!(reply.status, 200);
    let rows: Vec<Vec<&str>> = reply.text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 3, "{}", reply.text);
    assert_eq!(rows[0][..4], ["date", "service_id", "orders", "face_kobo"]);
    assert_eq!(rows[1][1..4], ["mtn", "1", "10000"]);
    assert_eq!(rows[2][1..4], ["total", "1", "10000"]);
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_day_does_not_change_and_a_later_reversal_stands_in_its_own() {
    let it = Morning::with(&[]).await;
    let (today, tomorrow) = (it.today, it.today.next());
    let bought = it.caller.bought("a", &airtime(DELIVERED)).await;
    let stuck = it.caller.bought_stuck("b").await;
    it.turn_to(24);
    assert_eq!(it.keep().await["days_closed"], 0, "an hour is left for what was written last");
    assert_eq!(it.report(today).await["closed_at"], Value::Null);
    it.turn_to(25);
    assert_eq!(it.keep().await["days_closed"], 1);
    let closed = it.report(today).await;
    assert!(closed["closed_at"].is_string());
    assert_eq!(some(&closed, &["orders", "delivered", "open"]), [2, 1, 1]);

    it.resolve(&bought, "reversed").await;
    it.resolve(&stuck, "delivered").await;
    assert_eq!(it.report(today).await, closed, "a closed day stays as it is");
    let next = it.report(tomorrow).await;
    assert_eq!(some(&next, &["orders", "delivered", "reversed", "open"]), [0, 1, 1, 0]);
    let earlier = json!({ today.to_string(): { "delivered": 1, "failed": 0, "reversed": 1,
                                              "refundable_kobo": 10_000 } });
    assert_eq!(next["total"]["earlier"], earlier);
    assert_eq!(some(&next, &["refundable_kobo"]), [10_000]);
    it.turn_to(49);
    assert_eq!(it.keep().await["days_closed"], 1);
    let later = it.report(tomorrow).await;
    assert_eq!(later["total"], next["total"]);
    assert_eq!(it.keep().await["days_closed"], 0, "a day is closed once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_waits_until_all_its_purchases_can_be_read() {
    let it = Morning::with(&[]).await;
    it.caller.bought("a", &airtime(DELIVERED)).await;
    let newer = it.caller.bought("b", &airtime(DELIVERED)).await;
    let newer = field(&newer, "purchase_id");
    it.gateway.spoil(newer).await;
    it.turn_to(25);
    assert_eq!(it.keep().await["days_closed"], 0);
    let counted = it.report(it.today).await;
    assert_eq!((&counted["unreadable"], &counted["closed_at"]), (&json!(1), &Value::Null));
    assert_eq!(some(&counted, &["orders"]), [1]);
    it.gateway.set_state(newer, "delivered").await;
    assert_eq!(it.keep().await["days_closed"], 1);
    let closed = it.report(it.today).await;
    assert_eq!(closed["unreadable"], 0);
    assert_eq!(some(&closed, &["orders", "delivered"]), [2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_key_cannot_be_read_is_in_the_books() {
    let it = Morning::with(&[]).await;
    it.gateway.other_caller().bought("a", &airtime(DELIVERED)).await;
    it.gateway.set_key_kind(OTHER_KEY, "of_tomorrow").await;
    it.turn_to(25);
    assert_eq!(it.keep().await["days_closed"], 1);
    assert_eq!(it.closed(it.today).await.report.total().orders, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_three_days_a_day_is_closed_and_says_what_is_not_in_it() {
    let it = Morning::with(&[]).await;
    it.caller.bought("a", &airtime(DELIVERED)).await;
    let newer = it.caller.bought("b", &airtime(DELIVERED)).await;
    let newer = field(&newer, "purchase_id");
    it.gateway.spoil(newer).await;
    it.turn_to(24 + 71);
    assert_eq!(it.keep().await["days_closed"], 0);
    it.turn_to(24 + 72);
    assert_eq!(it.keep().await["days_closed"], 1, "in the next day it could be looked back on");
    let closed = it.report(it.today).await;
    assert!(closed["closed_at"].is_string() && closed["unreadable"] == 1, "{closed}");
    assert_eq!(some(&closed, &["orders"]), [1]);
    let all = it.closed(it.today).await.report;
    assert_eq!((all.unreadable, all.total().orders), (1, 1));
    it.turn_to(48 + 72);
    assert_eq!(it.keep().await["days_closed"], 3, "the next one and those that waited for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_were_missed_are_closed_as_they_were() {
    let it = Morning::with(&[]).await;
    let bought = it.caller.bought("a", &airtime(DELIVERED)).await;
    // The books are not kept for three days, and meanwhile the order is reversed.
    it.turn_to(40);
    it.resolve(&bought, "reversed").await;
    it.turn_to(73);
    assert_eq!(it.keep().await["days_closed"], 3);
    let names = ["orders", "delivered", "reversed"];
    assert_eq!(some(&it.report(it.today).await, &names), [1, 1, 0]);
    assert_eq!(some(&it.report(it.today.next()).await, &names), [0, 0, 1]);
    assert_eq!(some(&it.report(it.today.next().next()).await, &names), [0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployments_report_is_the_sum_of_the_tenants() {
    let it = Morning::with(&[]).await;
    it.caller.bought("a", &airtime(DELIVERED)).await;
    it.gateway.other_caller().bought("a", &airtime(FAILED)).await;
    it.turn_to(25);
    it.keep().await;
    let total = it.closed(it.today).await.report.total();
    assert_eq!((total.orders, total.delivered, total.failed), (2, 1, 1));
    assert_eq!(some(&it.report(it.today).await, &["orders", "failed"]), [1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_stands_in_the_deployments_report_of_its_day() {
    let it = Morning::with(&[]).await;
    let since = it.gateway.environment().clock.now();
    let word = Word { on_sale: false, since, until: None, because: "fibre cut".to_owned() };
    let (guards, seen) = (it.gateway.guards(), it.gateway.guard("glo").await);
    let say = |state: &State| Some(state.say(word.clone(), "ada"));
    guards.change(&it.gateway.outbox(), seen, say).await.unwrap();
    for hours in [25, 49] {
        it.turn_to(hours);
        it.keep().await;
    }
    let suspensions = it.closed(it.today).await.suspensions;
    assert_eq!(suspensions.len(), 1);
    assert_eq!(
        (suspensions[0].service_id.as_str(), suspensions[0].change.by.as_str()),
        ("glo", "ada")
    );
    assert!(it.closed(it.today.next()).await.suspensions.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_back_is_counted_on_the_day_it_was_made() {
    let it = Morning::with(&[]).await;
    it.caller.bought("a", &airtime(DELIVERED)).await;
    it.turn_to(34);
    it.gateway.reconcile().await;
    it.gateway.drive(&it.requery).await;
    it.gateway.clock.turn(Duration::from_secs(60));
    assert_eq!(some(&it.report(it.today).await, &["reconciled"]), [0]);
    assert_eq!(some(&it.report(it.today.next()).await, &["reconciled"]), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_is_a_day_that_has_begun() {
    let it = Morning::with(&[]).await;
    for odd in ["yesterday", "2026-02-30", "20261129", "2026-11-29T00:00"] {
        it.caller.get(&format!("/reports/{odd}")).await.refused(400, "invalid_request");
    }
    let tomorrow = it.today.next();
    let report = async || it.caller.get(&format!("/reports/{tomorrow}")).await;
    let left = (tomorrow.begins() - it.gateway.clock.clock().now()).unsigned_abs();
    it.gateway.clock.turn(left - Duration::from_millis(1));
    report().await.refused(404, "not_found");
    it.gateway.clock.turn(Duration::from_millis(1));
    report().await.ok();
}
