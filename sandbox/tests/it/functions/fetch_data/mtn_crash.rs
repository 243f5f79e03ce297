//! Crashes at every call of asking, asking again and receiving: every deferred request ends
//! available or timed out by itself.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::mtn::ANSWER_TIME;
use crate::support::purchases::field;
use crate::support::tap::crash_at;
use crate::support::{Gateway, KEY, event};

const RECHARGES: &str = "GET /accounts/{id}/mtn/recharges";

fn ask(account: &str) -> String {
    event(KEY, RECHARGES, &[("id", account)], "")
}

/// Turns the clock until nothing waits, and gives the states of all requests.
async fn ends(gateway: &Gateway) -> Vec<String> {
    let find = async || {
        let requests = gateway.scan("RequestsTable").await;
        let states: Vec<String> = requests.iter().map(|it| field(it, "state").into()).collect();
        states.iter().all(|state| state != "waiting").then_some(states)
    };
    gateway.turn_until(ANSWER_TIME, Duration::from_millis(60), find).await
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_while_asking_the_request_is_answered() {
    for answer in ["now", "later", "lost"] {
        for point in 0.. {
            let (gateway, caller, account) = Gateway::with_line().await;
            caller.mtn_answers("recharges", &[answer, "now", "now"]).await;
            let (tap, fetch) = gateway.with_tap("fetch-data").await;
            let crashed = crash_at(&fetch, ask(&account), &tap, point).await;
            let states = ends(&gateway).await;
            let what = format!("{answer}, point {point}");
            assert!(states.len() <= 1, "{what}");
            assert!(states.iter().all(|state| state == "available"), "{what}: {states:?}");
            // Count, account, message, record, token, question, and the answer's announcement and record,
            // and the disclosure's.
            let calls = if answer == "now" { 9 } else { 6 };
            assert_eq!(states.len(), usize::from(point > 2 * 3), "{what}");
            if !crashed {
                assert_eq!(point, 2 * calls, "{answer}");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_while_asking_again_the_request_ends() {
    for (answer, end) in [("now", "available"), ("lost", "timed_out")] {
        for point in 0.. {
            let (gateway, caller, account) = Gateway::undriven_with_line().await;
            caller.mtn_answers("recharges", &["lost", answer, answer, answer, answer]).await;
            let id = caller.asked(&account, "recharges").await;
            gateway.clock.turn(ANSWER_TIME);
            let (tap, requery) = gateway.with_tap("requery").await;
            let (record, receipt) = gateway.receive("FollowUpQueue").await.remove(0);
            let batch = json!({ "Records": [record] }).to_string();
            let crashed = crash_at(&requery, batch, &tap, point).await;
            tap.hold_at(None);
            if !crashed {
                gateway.delete("FollowUpQueue", &receipt).await;
            }
            for _ in 0..10 {
                // A crashed message is delivered again after its visibility timeout.
                gateway.clock.turn(Duration::from_secs(360));
                gateway.drive(&requery).await;
            }
            let request = caller.request(&id).await;
            assert_eq!(field(&request, "state"), end, "{answer}, point {point}: {request}");
            assert!(request["asks"].as_u64() <= Some(4));
            assert!(caller.callback_urls().await.len() <= 4, "{answer}, point {point}");
            assert_eq!(gateway.messages("FollowUpQueue").await, 0, "{answer}, point {point}");
            if !crashed {
                // Request, account, message, record, token, question, and the answer's announcement
                // and record.
                assert_eq!(point, if answer == "now" { 16 } else { 12 }, "{answer}");
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_while_receiving_the_request_is_answered() {
    for point in 0..=8 {
        let (gateway, caller, account) = Gateway::with_line().await;
        caller.mtn_answers("recharges", &["lost", "now"]).await;
        let id = caller.asked(&account, "recharges").await;
        let url = caller.callback_urls().await.remove(0);
        let token = url.rsplit('/').next().unwrap();
        let (tap, callback) = gateway.with_tap("mtn-callback").await;
        let route = "POST /callbacks/mtn/{request_id}/{token}";
        let answer = json!({ "data": { "usage": [], "pageNumber": "callback" } }).to_string();
        let event = event(KEY, route, &[("request_id", &id), ("token", token)], &answer);
        // Calls: request, account, announcement, record.
        assert_eq!(crash_at(&callback, event, &tap, point).await, point < 8);
        assert_eq!(ends(&gateway).await, ["available"], "point {point}");
        let by_callback = caller.request(&id).await["result"]["pageNumber"] == "callback";
        assert_eq!(by_callback, point >= 7, "point {point}: stored before 200 is said");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_while_asking_again_only_delays_the_answer() {
    let (gateway, caller, account) = Gateway::undriven_with_line().await;
    caller.mtn_answers("recharges", &["lost", "now"]).await;
    let id = caller.asked(&account, "recharges").await;
    let (tap, requery) = gateway.with_tap("requery").await;
    tap.fail_store(true);
    for _ in 0..3 {
        gateway.clock.turn(ANSWER_TIME);
        gateway.drive(&requery).await;
        assert_eq!(gateway.messages("FollowUpQueue").await, 1);
    }
    assert_eq!(caller.request(&id).await["asks"], 1);
    tap.fail_store(false);
    gateway.clock.turn(ANSWER_TIME);
    gateway.drive(&requery).await;
    assert_eq!(caller.request(&id).await["state"], "available");
}

#[tokio::test(flavor = "multi_thread")]
async fn mtn_is_not_asked_before_the_request_is_recorded() {
    let (gateway, caller, account) = Gateway::with_line().await;
    let (tap, fetch) = gateway.with_tap("fetch-data").await;
    // The record's three tries, each held back after it took effect.
    tap.hold_at_all(vec![2 * 3 + 1, 2 * 4 + 1, 2 * 5 + 1]);
    let context = lambda_runtime::Context::default();
    let answer: Value = fetch(ask(&account), context).await.unwrap();
    assert_eq!(answer["statusCode"], 503, "{answer}");
    assert_eq!(caller.mtn_ledger().await["asks"], json!([]));
}
