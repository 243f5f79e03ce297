//! Receivers that fail, are slow, are gone, and come back.

use serde_json::{Value, json};
use shared::domain::time::to_iso;

use super::{DAY, HOUR, SECOND, Teller, answering, ids, receiver, types};
use crate::support::purchases::{DELIVERED, field};
use crate::support::{Provider, Script};

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_is_tried_ten_times_over_75_hours() {
    let teller = Teller::start().await;
    let receiver = answering(500).await;
    let id = teller.caller.endpoint_at(&receiver).await;
    let begun = teller.gateway.clock.clock().now();
    teller.bought("k", DELIVERED).await;
    let waiting = teller.caller.attempts(&id).await;
    assert_eq!(waiting[0]["state"], "waiting");
    assert!(field(&waiting[0], "next_attempt_at") > to_iso(begun).as_str());
    teller.pass(5 * DAY, HOUR / 4).await;
    let received = receiver.received();
    let after: Vec<i64> = received
        .iter()
        .map(|it| it.header("webhook-timestamp").unwrap().parse::<i64>().unwrap())
        .map(|at| at - begun.unix_timestamp())
        .collect();
    assert_eq!(after.len(), 10);
    assert!((75 * 3_600..85 * 3_600).contains(after.last().unwrap()), "{after:?}");
    let attempts = teller.caller.attempts(&id).await;
    assert_eq!((&attempts[0]["state"], attempts.len()), (&json!("failed"), 1));
    let lines = attempts[0]["attempts"].as_array().unwrap();
    assert_eq!(lines.len(), 10);
    let is_refused = |line: &Value| line["status"] == 500 && line["problem"] == "refused";
    assert!(lines.iter().all(is_refused));
    assert_eq!(teller.gateway.messages("WebhookQueue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_for_three_days_gets_every_event_once_it_is_back() {
    let teller = Teller::start().await;
    let receiver = answering(503).await;
    let (id, since) =
        (teller.caller.endpoint_at(&receiver).await, to_iso(teller.gateway.clock.clock().now()));
    for day in 0..3 {
        for index in 0..4 {
            teller.bought(&format!("k{day}-{index}"), DELIVERED).await;
        }
        teller.pass(DAY, HOUR / 2).await;
    }
    let down = ids(&receiver).len();
    receiver.script(|_| Script::Json(204, json!({})));
    teller.pass(2 * DAY, HOUR / 2).await;
    let mut taken = ids(&receiver).split_off(down);
    let mut owed = teller.caller.events_since(&since).await;
    taken.sort();
    owed.sort();
    assert_eq!(taken, owed, "each of them once");
    assert_eq!(owed.len(), 12);
    let attempts = teller.caller.attempts(&id).await;
    assert!(attempts.iter().all(|it| it["state"] == "delivered"), "{attempts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_since_a_time_is_sent_again_and_what_was_taken_is_not() {
    let teller = Teller::start().await;
    let receiver = receiver().await;
    let id = teller.caller.endpoint_at(&receiver).await;
    teller.bought("taken", DELIVERED).await;
    teller.gateway.clock.turn(SECOND);
    let since = to_iso(teller.gateway.clock.clock().now());
    teller.caller.on_endpoint("PATCH", &id, "", json!({ "state": "disabled" })).await;
    for index in 0..60 {
        teller.bought(&format!("k{index}"), DELIVERED).await;
    }
    assert_eq!(ids(&receiver).len(), 1);
    teller.caller.on_endpoint("PATCH", &id, "", json!({ "state": "enabled" })).await;
    teller.caller.on_endpoint("POST", &id, "/recover", json!({ "since": since })).await;
    teller.send().await;
    let mut taken = ids(&receiver).split_off(1);
    let mut owed = teller.caller.events_since(&since).await;
    taken.sort();
    owed.sort();
    assert_eq!((taken.len(), &taken), (60, &owed), "no event before that time is sent");
    teller.caller.on_endpoint("POST", &id, "/recover", json!({ "since": since })).await;
    teller.send().await;
    assert_eq!(ids(&receiver).len(), 61);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_says_410_is_disabled_and_the_tenant_is_told() {
    let teller = Teller::start().await;
    let (gone, other) = (answering(410).await, receiver().await);
    let id = teller.caller.endpoint_at(&gone).await;
    teller.caller.endpoint_at(&other).await;
    teller.bought("k1", DELIVERED).await;
    teller.tell().await;
    teller.bought("k2", DELIVERED).await;
    assert_eq!(ids(&gone).len(), 1);
    assert_eq!(types(&other), ["purchase.delivered", "endpoint.disabled", "purchase.delivered"]);
    let endpoint = teller.caller.on_endpoint("GET", &id, "", Value::Null).await;
    assert_eq!(endpoint["state"], "disabled");

    // It has recovered once it takes an event.
    gone.script(|_| Script::Json(200, json!({})));
    teller.caller.on_endpoint("PATCH", &id, "", json!({ "state": "enabled" })).await;
    teller.tell().await;
    assert_eq!(types(&other).len(), 3);
    teller.bought("k3", DELIVERED).await;
    teller.tell().await;
    assert_eq!(types(&other)[3..], ["purchase.delivered", "endpoint.recovered"]);
    assert_eq!(types(&gone)[1..], ["purchase.delivered", "endpoint.recovered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_days_of_failures_only_disable_an_endpoint() {
    let teller = Teller::start().await;
    let receiver = answering(500).await;
    let id = teller.caller.endpoint_at(&receiver).await;
    let state = async || {
        let endpoint = teller.caller.on_endpoint("GET", &id, "", Value::Null).await;
        (field(&endpoint, "state").to_owned(), endpoint["failing_since"].is_null())
    };
    for day in 0..5 {
        teller.bought(&format!("k{day}"), DELIVERED).await;
        assert_eq!(state().await, ("enabled".to_owned(), false), "day {day}");
        teller.pass(DAY, HOUR).await;
    }
    teller.bought("last", DELIVERED).await;
    assert_eq!(state().await.0, "disabled");
    // What still waited is given up, and says so.
    teller.pass(4 * DAY, HOUR).await;
    let attempts = teller.caller.attempts(&id).await;
    assert!(attempts.iter().all(|it| it["state"] == "failed"), "{attempts:?}");
    let last = attempts[1]["attempts"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["status"], &last["problem"]), (&Value::Null, &json!("disabled")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_a_pause_gets_it_for_all_its_events() {
    let teller = Teller::start().await;
    let receiver = Provider::start(|_| Script::Busy(429, "600")).await;
    teller.caller.endpoint_at(&receiver).await;
    teller.bought("k1", DELIVERED).await;
    assert_eq!(ids(&receiver).len(), 1);
    receiver.script(|_| Script::Json(200, json!({})));
    teller.bought("k2", DELIVERED).await;
    teller.pass(590 * SECOND, 10 * SECOND).await;
    assert_eq!(ids(&receiver).len(), 1, "it is not called in its pause");
    teller.pass(130 * SECOND, 10 * SECOND).await;
    assert_eq!(ids(&receiver).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_url_does_not_pay_for_the_pause_and_the_failures_of_the_one_before() {
    let teller = Teller::start().await;
    let before = Provider::start(|_| Script::Busy(503, "86400")).await;
    let id = teller.caller.endpoint_at(&before).await;
    teller.bought("k1", DELIVERED).await;
    let failing = teller.caller.on_endpoint("GET", &id, "", Value::Null).await;
    assert!(failing["failing_since"].is_string(), "{failing}");
    let after = receiver().await;
    let same = json!({ "url": before.url });
    let kept = teller.caller.on_endpoint("PATCH", &id, "", same).await;
    assert_eq!(kept["failing_since"], failing["failing_since"]);
    let url = json!({ "url": after.url });
    let moved = teller.caller.on_endpoint("PATCH", &id, "", url).await;
    assert_eq!(moved["failing_since"], Value::Null);
    teller.bought("k2", DELIVERED).await;
    assert_eq!((ids(&before).len(), ids(&after).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_receiver_that_was_silent_is_sent_soon_after_it_is_back() {
    let teller = Teller::start().await;
    let receiver = receiver().await;
    let id = teller.caller.endpoint_at(&receiver).await;
    // It was silent while much happened, so turns are given for the next quarter of an hour.
    let now = teller.gateway.clock.clock().now();
    teller.gateway.slow_down(&id, 16, now + 1_000 * SECOND).await;
    for index in 0..5 {
        teller.bought(&format!("k{index}"), DELIVERED).await;
    }
    assert_eq!(ids(&receiver).len(), 0);
    // Whoever had the next turn was answered quickly.
    teller.gateway.slow_down(&id, 0, now).await;
    teller.pass(910 * SECOND, 10 * SECOND).await;
    assert_eq!(ids(&receiver).len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_receiver_gets_its_events_one_after_the_other() {
    let teller = Teller::start().await;
    let receiver = receiver().await;
    let id = teller.caller.endpoint_at(&receiver).await;
    // Its last answer took 8 seconds, and its next turn is free in a minute.
    let now = teller.gateway.clock.clock().now();
    teller.gateway.slow_down(&id, 8, now + 61 * SECOND).await;
    teller.bought("k1", DELIVERED).await;
    teller.bought("k2", DELIVERED).await;
    assert_eq!(ids(&receiver).len(), 0);
    teller.pass(55 * SECOND, SECOND).await;
    assert_eq!(ids(&receiver).len(), 0, "its turn has not come");
    teller.pass(5 * SECOND, SECOND).await;
    assert_eq!(ids(&receiver).len(), 1);
    teller.pass(5 * SECOND, SECOND).await;
    assert_eq!(ids(&receiver).len(), 1, "the next turn is 8 seconds later");
    teller.pass(4 * SECOND, SECOND).await;
    assert_eq!(ids(&receiver).len(), 2);
    // It answered quickly, so it has no pace any more.
    teller.bought("k3", DELIVERED).await;
    assert_eq!(ids(&receiver).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_receiver_holds_up_no_other() {
    let teller = Teller::start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let dead = field(&teller.caller.endpoint(json!({ "url": url })).await, "id").to_owned();
    let good = receiver().await;
    teller.caller.endpoint_at(&good).await;
    for index in 0..5 {
        teller.bought(&format!("k{index}"), DELIVERED).await;
        assert_eq!(ids(&good).len(), index + 1);
    }
    teller.pass(10 * SECOND, SECOND).await;
    let attempts = teller.caller.attempts(&dead).await;
    assert_eq!(attempts.len(), 5);
    assert_eq!(attempts[0]["attempts"][0]["problem"], "no_connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_counts_as_a_failure() {
    let teller = Teller::start().await;
    let receiver = answering(307).await;
    let id = teller.caller.endpoint_at(&receiver).await;
    teller.bought("k", DELIVERED).await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(teller.caller.attempts(&id).await[0]["attempts"][0]["status"], 307);
}
