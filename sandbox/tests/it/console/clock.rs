//! The sandbox's clock, when a person turns it.

use serde_json::{Value, json};

use crate::support::purchases::{PENDING, airtime, field};
use crate::support::{Caller, Gateway, mono_at};

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_order_is_delivered_when_the_clock_is_turned_past_its_steps() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let bought = caller.bought("pending", &airtime(PENDING)).await;
    let id = field(&bought, "purchase_id");
    assert_eq!(bought["state"], "pending");
    let turned = caller.turn_on(180).await;
    assert_eq!(turned["ahead_seconds"], 180);
    assert!(turned["stops"].as_u64() >= Some(3), "{turned}");
    assert_eq!(turned["turning"], false);
    let purchase = caller.purchase(id).await;
    assert_eq!(purchase["state"], "delivered");
    // It was asked when each step was due, not when the turn ended.
    let asked: Vec<&Value> = purchase["history"].as_array().unwrap().iter().collect();
    assert_eq!(asked.len(), 4, "{purchase}");
    assert!(field(asked[2], "at") < field(asked[3], "at"));
    assert!(field(asked[3], "at") < field(&turned, "now"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turned_day_leaves_a_day_of_schedules_and_hands_an_order_to_a_person() {
    let (gateway, caller) = Gateway::with_caller().await;
    let bought = caller.bought_stuck("stuck").await;
    let before = gateway.sandbox.functions["reconcile"].metrics().invocations;
    caller.turn_on(86_400).await;
    caller.turn_on(3_600).await;
    let runs = gateway.sandbox.functions["reconcile"].metrics().invocations - before;
    assert!((99..=101).contains(&runs), "a run every quarter of an hour: {runs}");
    let purchase = caller.purchase(field(&bought, "purchase_id")).await;
    assert_eq!(purchase["state"], "needs_review");
    let queues = caller.console("GET", "queues", &Value::Null).await;
    let now = caller.console("GET", "clock", &Value::Null).await;
    for schedule in queues["schedules"].as_array().unwrap() {
        assert!(field(schedule, "last_at") <= field(&now, "now"), "{schedule}");
        assert!(field(schedule, "next_at") > field(&now, "now"), "{schedule}");
    }
    let turned = gateway.sandbox.activity.after(0, None, usize::MAX);
    let turned = turned.iter().filter(|it| it.who == "person").map(|it| it.detail.clone());
    let seconds = [86_400, 3_600].map(|seconds| json!({ "seconds": seconds }));
    assert_eq!(turned.collect::<Vec<_>>(), seconds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_day_has_a_closed_report() {
    let (_gateway, caller) = Gateway::with_caller().await;
    caller.bought("done", &airtime(crate::support::purchases::DELIVERED)).await;
    let now = caller.console("GET", "clock", &Value::Null).await;
    let today = shared::domain::date::Date::of(
        shared::domain::time::from_iso(field(&now, "now").to_owned()).unwrap(),
    );
    let report = async || caller.get(&format!("/reports/{today}")).await.ok()["data"].clone();
    assert_eq!(report().await["closed_at"], Value::Null);
    caller.turn_on(86_400).await;
    caller.turn_on(2 * 3_600).await;
    let closed = report().await;
    assert_ne!(closed["closed_at"], Value::Null);
    assert_eq!(closed["total"]["delivered"], 1);
}

#[tokio::test]
async fn the_clock_is_turned_on_by_whole_seconds_up_to_a_week() {
    let (_gateway, caller) = Gateway::with_caller().await;
    for (body, why) in [
        (r#"{"advance_seconds":0}"#, "1 to 604800"),
        (r#"{"advance_seconds":604801}"#, "1 to 604800"),
        (r#"{"advance_seconds":-1}"#, "expected u64"),
        (r#"{"advance_seconds":1.5}"#, "expected u64"),
        (r#"{"advance_seconds":"60"}"#, "expected u64"),
        (r#"{"advance_seconds":60,"to":1}"#, "unknown field `to`"),
        ("{}", "missing field"),
        ("[60]", "expected a map"),
        ("", "EOF"),
    ] {
        Caller::says(&caller.to_console("POST", "clock", body).await, 400, why);
    }
    let clock = caller.console("GET", "clock", &Value::Null).await;
    assert_eq!(clock["ahead_seconds"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_starts_again_goes_on_at_its_own_time() {
    let directory = tempfile::tempdir().unwrap();
    let start = async || {
        Gateway::with_options(&[], |mut options| {
            options.data_dir = Some(directory.path().to_owned());
            options
        })
        .await
    };
    let first = start().await;
    first.caller().turn_on(3_600).await;
    drop(first);
    let second = start().await;
    let clock = second.caller().console("GET", "clock", &Value::Null).await;
    assert_eq!(clock["ahead_seconds"], 3_600);
}

#[tokio::test]
async fn the_clock_is_not_turned_while_a_provider_is_real() {
    let gateway = Gateway::with(&mono_at("http://127.0.0.1:1")).await;
    let caller = gateway.caller();
    let body = br#"{"advance_seconds":60}"#.to_vec();
    let refused = caller.send_bare("POST", "/_sandbox/clock", &[], body).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    let shown = caller.console("GET", "clock", &Value::Null).await;
    assert_eq!(shown["ahead_seconds"], 0);
}
