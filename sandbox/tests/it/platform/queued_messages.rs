//! A queue holds messages across a deployment: samples of every message, as earlier versions sent them,
//! are understood and their work is done.

use std::time::Duration;

use serde_json::json;
use shared::domain::purchase::State;

use super::samples::{files, gateway_with, message, sample};
use crate::support::purchases::field;

/// Every queued message has a test below.
#[test]
fn every_sample_of_a_message_is_used() {
    let names: Vec<String> = files("message").into_iter().map(|(name, _)| name).collect();
    let used =
        ["hint", "masking", "masking_after", "mtn_request", "purchase", "unlink", "withdrawal"];
    assert_eq!(names, used);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_purchase_step_goes_on() {
    let sample = sample("purchase", "pending_test_number");
    let gateway = gateway_with(&sample).await;
    gateway.requery(&message("purchase")).await;
    let stored = gateway.stored(&sample.text("purchase_id")).await;
    assert_eq!((stored.step, stored.history.len()), (1, 2));
    assert_eq!(gateway.messages("RequeryQueue").await, 1, "the next step");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_hint_asks_once() {
    let sample = sample("purchase", "pending");
    let gateway = gateway_with(&sample).await;
    gateway.caller().script(json!([{ "call": "requery", "code": "016" }])).await;
    gateway.requery(&message("hint")).await;
    let stored = gateway.stored(&sample.text("purchase_id")).await;
    assert_eq!(stored.state, State::Failed);
    assert_eq!(stored.history.last().unwrap().source.to_string(), "hint");
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_unlink_and_a_queued_withdrawal_erase_the_account() {
    for (name, account) in [("unlink", "unlinking"), ("withdrawal", "linked_again")] {
        let sample = sample("account", account);
        let gateway = gateway_with(&sample).await;
        gateway.requery(&message(name)).await;
        let state = gateway.caller().consent_state(sample.known("account_id")).await;
        assert_eq!(state, "unlinked", "{name}");
        assert_eq!(gateway.messages("RequeryQueue").await, 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_deferred_request_asks_mtn_again() {
    let waiting = sample("request", "waiting_balance");
    let gateway = gateway_with(&waiting).await;
    gateway.store(&sample("account", "linked")).await;
    gateway.clock.turn(Duration::from_secs(120));
    gateway.caller().mtn_next("balance", "now").await;
    gateway.requery(&message("mtn_request")).await;
    let request = gateway.caller().request(&waiting.text("request_id")).await;
    assert_eq!((field(&request, "state"), &request["asks"]), ("available", &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_masking_masks() {
    let sample = sample("purchase", "delivered_airtime");
    let gateway = gateway_with(&sample).await;
    gateway.clock.turn(Duration::from_secs(181 * 86_400));
    gateway.requery(&message("masking_after")).await;
    gateway.requery(&message("masking")).await;
    let shown = gateway.caller().purchase(&sample.text("purchase_id")).await;
    assert_eq!(field(&shown, "phone"), "0801****111");
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
}
