//! A consent whose data nobody reads comes to its end, where the deployment says so.

use std::time::Duration;

use sandbox::Sandbox;
use serde_json::{Value, json};

use crate::functions::consent::history::age;
use crate::support::tap::{context, crash_at};
use crate::support::{Caller, Gateway, leaks};

const READ: &str = "08031234567";
const UNREAD: &str = "07082109281";
const DAY: Duration = Duration::from_secs(86_400);

async fn gateway_with(days: &str) -> (Gateway, Caller) {
    let gateway = Gateway::undriven_with(&[("DORMANT_DAYS", days)]).await;
    let caller = gateway.caller();
    (gateway, caller)
}

/// The lines of an account's history.
async fn history(caller: &Caller, id: &str) -> Vec<Value> {
    let record = caller.get(&format!("/accounts/{id}/consent")).await.ok();
    let lines = record["data"]["history"].as_array().unwrap().iter();
    lines.map(|line| json!([line["event"], line["reason"]])).collect()
}

/// The accounts whose numbers are stored.
async fn kept(gateway: &Gateway) -> usize {
    let accounts = gateway.scan("AccountsTable").await;
    accounts.iter().filter(|account| account["phone"].is_string()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_nobody_reads_is_unlinked_and_its_tenant_is_told() {
    let (gateway, caller) = gateway_with("30").await;
    let other = gateway.other_caller();
    let unread = caller.link(UNREAD, "airtel").await;
    let read = caller.link(READ, "mtn").await;
    // Another tenant that reads the same line keeps its own consent only.
    assert_eq!(other.link(UNREAD, "airtel").await, unread);
    gateway.clock.turn(20 * DAY);
    caller.get(&format!("/accounts/{read}/balances")).await.ok();
    other.get(&format!("/accounts/{unread}")).await.ok();
    assert_eq!(gateway.reconcile().await["dormant_ended"], 0);
    gateway.clock.turn(11 * DAY);
    assert_eq!(gateway.reconcile().await["dormant_ended"], 1);
    assert_eq!(kept(&gateway).await, 2);
    caller.get(&format!("/accounts/{unread}")).await.refused(404, "not_found");
    caller.get(&format!("/accounts/{read}")).await.ok();
    other.get(&format!("/accounts/{unread}")).await.ok();

    let (_, requery) = gateway.with_tap("requery").await;
    gateway.clock.turn(Duration::from_secs(240));
    gateway.drive(&requery).await;
    let lines = [json!(["linked", null]), json!(["expired", "dormant"]), json!(["unlinked", null])];
    assert_eq!(history(&caller, &unread).await, lines);
    let (_, notify) = gateway.with_tap("notify").await;
    gateway.drive_queue("NotifyQueue", &notify).await;
    let events = caller.get("/events?type=account.consent_expired").await.ok();
    let events = events["data"].as_array().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["data"]["account_id"], json!(unread));
    leaks::none();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_parameter_an_account_stays_linked() {
    for days in ["", "0"] {
        let (gateway, caller) = gateway_with(days).await;
        let id = caller.link(UNREAD, "airtel").await;
        gateway.clock.turn(4_000 * DAY);
        assert_eq!(gateway.reconcile().await["dormant_ended"], 0, "{days}");
        caller.get(&format!("/accounts/{id}")).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pass_comes_again_after_a_week() {
    let (gateway, caller) = gateway_with("30").await;
    assert_eq!(gateway.reconcile().await["dormant_ended"], 0);
    caller.link(UNREAD, "airtel").await;
    gateway.clock.turn(29 * DAY);
    assert_eq!(gateway.reconcile().await["dormant_ended"], 0);
    gateway.clock.turn(6 * DAY);
    assert_eq!(gateway.reconcile().await["dormant_ended"], 0, "the last pass was six days ago");
    gateway.clock.turn(DAY);
    assert_eq!(gateway.reconcile().await["dormant_ended"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_ends_the_dormant_consent_at_the_next_run() {
    for point in 0.. {
        let (gateway, caller) = gateway_with("30").await;
        let id = caller.link(UNREAD, "airtel").await;
        gateway.clock.turn(31 * DAY);
        let (tap, reconcile) = gateway.with_tap("reconcile").await;
        let crashed = crash_at(&reconcile, "{}".to_owned(), &tap, point).await;
        tap.hold_at(None);
        reconcile("{}".to_owned(), context()).await.unwrap();
        let (_, requery) = gateway.with_tap("requery").await;
        gateway.clock.turn(Duration::from_secs(240));
        gateway.drive(&requery).await;
        assert_eq!(caller.consent_state(&id).await, "unlinked", "point {point}");
        if !crashed {
            assert!(point > 2 * 20, "there are more calls than {point} points");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn free_text_that_an_older_version_left_is_erased_by_the_pass() {
    let (gateway, caller) = gateway_with("").await;
    let id = caller.link(UNREAD, "airtel").await;
    caller.unlink(&id).await.ok();
    age(&gateway, 3, "for Ada").await;
    gateway.reconcile().await;
    let account = gateway.scan("AccountsTable").await.remove(0);
    assert!(!account.to_string().contains("for Ada"), "{account}");
    assert_eq!(account["history"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_free_text_is_not_read_again_by_the_pass() {
    let mut reads = Vec::new();
    for is_linked in [false, true] {
        let (gateway, caller) = gateway_with("").await;
        if is_linked {
            let unlinked = caller.link(UNREAD, "airtel").await;
            caller.unlink(&unlinked).await.ok();
            caller.link(READ, "mtn").await;
            gateway.clock.turn(8 * DAY);
        }
        let (tap, reconcile) = gateway.with_tap("reconcile").await;
        tap.count_costs();
        reconcile("{}".to_owned(), context()).await.unwrap();
        reads.push(tap.spent().reads);
    }
    assert_eq!(reads[0], reads[1]);
}

#[tokio::test]
async fn a_limit_that_is_longer_than_reads_are_known_does_not_start() {
    for (name, days) in [("DORMANT_DAYS", "2193"), ("DORMANT_DAYS", "29")] {
        let vars = [(name.to_owned(), days.to_owned())].into_iter().collect();
        let options = sandbox::Options::new(vars, 0, None);
        let problem = Sandbox::start(options).await.err().expect("it does not start").to_string();
        assert!(problem.contains("DORMANT_DAYS"), "{problem}");
    }
}
