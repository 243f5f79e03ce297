//! Deferred requests to MTN.

use serde_json::{Value, json};

use super::loss::Loss;
use crate::support::mtn::ANSWER_TIME;
use crate::support::purchases::field;
use crate::support::{Caller, Gateway, KEY, event};

const ANSWER: &str = r#"{"statusCode":"0000","data":{"usage":[],"summary":[],"bundles":[]}}"#;

fn ask(account: &str) -> String {
    event(KEY, "GET /accounts/{id}/mtn/recharges", &[("id", account)], "")
}

/// A gateway that is driven by hand, its tenant, and the id of a request that waits.
async fn waiting() -> (Gateway, Caller, String) {
    let (gateway, caller, account) = Gateway::undriven_with_line().await;
    caller.mtn_answers("recharges", &["lost"; 4]).await;
    let id = caller.asked(&account, "recharges").await;
    (gateway, caller, id)
}

/// Lets MTN call back, with one write repeated.
async fn call_back(loss: Loss, body: &str) -> Value {
    let (gateway, caller, id) = waiting().await;
    let url = caller.callback_urls().await.remove(0);
    let token = url.rsplit('/').next().unwrap();
    let (tap, function) = gateway.with_tap("mtn-callback").await;
    let path = [("request_id", id.as_str()), ("token", token)];
    let answer = event(KEY, "POST /callbacks/mtn/{request_id}/{token}", &path, body);
    let answer = loss.run(&tap, &function, answer).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    caller.request(&id).await
}

pub async fn a_request_is_recorded_and_mtn_asked_once(loss: Loss) {
    let (gateway, caller, account) = Gateway::undriven_with_line().await;
    caller.mtn_answers("recharges", &["lost"; 4]).await;
    let (tap, fetch) = gateway.with_tap("fetch-data").await;
    let answer = loss.run(&tap, &fetch, ask(&account)).await;
    assert_eq!(answer["statusCode"], 202, "{answer}");
    assert_eq!(gateway.items("RequestsTable").await, 1);
    assert_eq!(caller.callback_urls().await.len(), 1);
}

pub async fn an_answer_is_kept(loss: Loss) {
    let request = call_back(loss, ANSWER).await;
    assert_eq!(request["state"], "available");
    assert_eq!(request["result"]["usage"], json!([]));
}

pub async fn a_notice_is_kept(loss: Loss) {
    let request = call_back(loss, r#"{"statusCode":"5000"}"#).await;
    assert_eq!(request["state"], "waiting");
    assert_eq!(request["notice"]["statusCode"], "5000");
}

pub async fn mtn_is_asked_again_once(loss: Loss) {
    let (gateway, caller, id) = waiting().await;
    let (tap, requery) = gateway.with_tap("requery").await;
    gateway.clock.turn(ANSWER_TIME);
    loss.begin(&tap);
    gateway.drive(&requery).await;
    loss.end(&tap);
    assert_eq!(caller.request(&id).await["asks"], 2);
    assert_eq!(caller.callback_urls().await.len(), 2);
    let tokens = gateway.scan("RequestsTable").await[0]["tokens"].clone();
    assert_eq!(tokens.as_array().unwrap().len(), 2);
}

pub async fn a_request_times_out(loss: Loss) {
    let (gateway, caller, id) = waiting().await;
    let (tap, requery) = gateway.with_tap("requery").await;
    loss.begin(&tap);
    for _ in 0..4 {
        gateway.clock.turn(ANSWER_TIME);
        gateway.drive(&requery).await;
    }
    loss.end(&tap);
    let request = caller.request(&id).await;
    assert_eq!((field(&request, "state"), &request["asks"]), ("timed_out", &json!(4)));
    assert_eq!(caller.callback_urls().await.len(), 4);
}

pub async fn a_refused_request_is_withdrawn(loss: Loss) {
    let (gateway, caller, account) = Gateway::undriven_with_line().await;
    let refusal = json!({ "operation": "recharges", "answer": "error", "http_status": 400,
                          "status_code": "5000" });
    caller.mtn_script(refusal).await;
    let (tap, fetch) = gateway.with_tap("fetch-data").await;
    let answer = loss.run(&tap, &fetch, ask(&account)).await;
    assert_eq!(answer["statusCode"], 422, "{answer}");
    assert_eq!(gateway.items("RequestsTable").await, 0);
}

pub async fn a_request_is_forgotten(loss: Loss) {
    let (gateway, caller, account) = Gateway::undriven_with_line().await;
    caller.mtn_next("recharges", "lost").await;
    caller.asked(&account, "recharges").await;
    let (tap, consent) = gateway.with_tap("consent").await;
    let unlink = event(KEY, "POST /accounts/{id}/unlink", &[("id", &account)], "{}");
    let answer = loss.run(&tap, &consent, unlink).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(gateway.items("RequestsTable").await, 0);
}
