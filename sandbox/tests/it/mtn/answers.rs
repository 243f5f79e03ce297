//! Answers that come later: taken whenever they come, asked for again when they do not.

use std::io::{Read, Write};
use std::time::Duration;

use serde_json::{Value, json};
use shared::mtn::Query;
use shared::mtn_request::MtnRequest;

use super::rig::ANSWER_TIME;
use crate::purchase::rig::field;
use crate::support::{Gateway, KEY, Provider, Script, tenant_of};

const RECHARGES: &str = "recharges?limit=3";

fn asks(request: &Value) -> u64 {
    request["asks"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_callback_makes_the_answer_available() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    caller.mtn_next("recharges", "held").await;
    let id = caller.asked(&account, RECHARGES).await;
    assert_eq!(caller.request(&id).await["state"], "waiting");
    assert_eq!(caller.deliver().await, [200]);
    let request = caller.request(&id).await;
    assert_eq!(request["state"], "available");
    assert_eq!(request["operation"], "recharges");
    assert_eq!(request["result"]["usage"].as_array().unwrap().len(), 3, "{request}");
    assert_eq!((asks(&request), &request["recognised"]), (1, &json!(true)));
    // The requery has nothing left to do.
    gateway.clock.turn(ANSWER_TIME * 2);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(caller.request(&id).await, request);
    assert_eq!(caller.callback_urls().await.len(), 1);
    // A day later it is forgotten, though DynamoDB has not swept it yet.
    gateway.clock.turn(Duration::from_secs(86_400));
    let gone = caller.get(&format!("/requests/{id}")).await;
    assert_eq!(gone.error(), (404, "not_found".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_waits_gets_the_answer_itself() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    for (answer, wait) in [("later", 10), ("before", 10)] {
        caller.mtn_next("recharges", answer).await;
        let body = caller.mtn_waiting(&account, RECHARGES, wait).await.ok();
        assert_eq!(body["data"]["usage"].as_array().unwrap().len(), 3, "{answer}: {body}");
    }
    // What takes longer than the caller waits is 202, with where to ask.
    caller.mtn_next("recharges", "held").await;
    let reply = caller.mtn_waiting(&account, RECHARGES, 1).await;
    assert_eq!(reply.status, 202);
    let id = field(&reply.json()["data"], "request_id").to_owned();
    let path = format!("/requests/{id}");
    let waiting = caller.send("GET", &path, &[("prefer", "respond-async, wait=1")], vec![]);
    assert_eq!(waiting.await.ok()["data"]["state"], "waiting");
    let (waiting, delivered) = tokio::join!(
        caller.send("GET", &path, &[("prefer", "wait=20")], vec![]),
        caller.deliver(),
    );
    assert_eq!(delivered, [200]);
    assert_eq!(waiting.ok()["data"]["state"], "available");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_is_faster_than_our_own_call_is_not_lost() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    caller.mtn_next("recharges", "before").await;
    let id = caller.asked(&account, RECHARGES).await;
    assert_eq!(caller.request(&id).await["state"], "available");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_callback_is_asked_for_again_and_found() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    for found in ["later", "now"] {
        let before = caller.callback_urls().await.len();
        for answer in ["lost", "lost", found] {
            caller.mtn_next("usage", answer).await;
        }
        let id = caller.asked(&account, "usage?start=2026-01-01&end=2026-11-22").await;
        let request = gateway.until_settled_by_mtn(&id).await;
        assert_eq!(request["state"], "available", "{found}: {request}");
        assert_eq!(asks(&request), 3, "{found}");
        let urls = caller.callback_urls().await[before..].to_vec();
        assert_eq!(urls.len(), 3, "{found}");
        let different: std::collections::BTreeSet<_> = urls.iter().collect();
        assert_eq!(different.len(), 3, "each ask has a token of its own");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callback_of_an_earlier_ask_is_as_good() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    caller.mtn_next("recharges", "held").await;
    caller.mtn_next("recharges", "lost").await;
    let id = caller.asked(&account, RECHARGES).await;
    gateway.clock.turn(ANSWER_TIME);
    for _ in 0..100 {
        if asks(&caller.request(&id).await) == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(caller.deliver().await, [200]);
    let request = caller.request(&id).await;
    assert_eq!((field(&request, "state"), asks(&request)), ("available", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_or_different_second_callback_changes_nothing() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    for answer in ["duplicate", "conflicting"] {
        caller.mtn_next("recharges", answer).await;
        let id = caller.asked(&account, RECHARGES).await;
        let first = gateway.until_answered_by_mtn(&id).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(caller.request(&id).await, first, "{answer}");
    }
    let ledger = caller.mtn_ledger().await;
    let callbacks = ledger["callbacks"].as_array().unwrap().iter();
    let statuses: Vec<_> = callbacks.map(|it| it["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200; 4], "MTN hears that each is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_never_answered_times_out_and_is_taken_all_the_same_if_it_comes() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    for _ in 0..4 {
        caller.mtn_next("recharges", "held").await;
    }
    let id = caller.asked(&account, RECHARGES).await;
    let request = gateway.until_settled_by_mtn(&id).await;
    assert_eq!((field(&request, "state"), asks(&request)), ("timed_out", 4));
    assert_eq!(request["result"], Value::Null);
    // All four callbacks come at last, within a day: the first wins.
    gateway.clock.turn(Duration::from_secs(80_000));
    assert_eq!(caller.deliver().await, [200; 4]);
    let request = caller.request(&id).await;
    assert_eq!(request["state"], "available");
    assert!(request["result"]["usage"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_a_day() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    for _ in 0..4 {
        caller.mtn_next("recharges", "held").await;
    }
    let id = caller.asked(&account, RECHARGES).await;
    gateway.until_settled_by_mtn(&id).await;
    gateway.clock.turn(Duration::from_secs(86_400));
    assert_eq!(caller.deliver().await, [404; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_after_unlink_stores_nothing() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    for _ in 0..2 {
        caller.mtn_next("recharges", "held").await;
    }
    caller.mtn_next("recharges", "now").await;
    let first = caller.asked(&account, RECHARGES).await;
    let second = caller.asked(&account, RECHARGES).await;
    caller.mtn(&account, RECHARGES).await.ok();
    let export = caller.get(&format!("/accounts/{account}/export")).await.ok();
    assert_eq!(export["data"]["requests"].as_array().unwrap().len(), 3, "{export}");
    assert_eq!(gateway.items("RequestsTable").await, 3);

    caller.post(&format!("/accounts/{account}/unlink"), json!({})).await.ok();
    assert_eq!(gateway.items("RequestsTable").await, 0);
    assert_eq!(caller.deliver().await, [404, 404]);
    gateway.clock.turn(ANSWER_TIME);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(gateway.items("RequestsTable").await, 0);
    for id in [first, second] {
        let gone = caller.get(&format!("/requests/{id}")).await;
        assert_eq!(gone.error(), (404, "not_found".to_owned()));
    }
    assert_eq!(caller.callback_urls().await.len(), 3, "nobody is asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_kept_beside_it_and_asked_again() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    caller.mtn_next("recharges", "lost").await;
    caller.mtn_next("recharges", "now").await;
    let id = caller.asked(&account, RECHARGES).await;
    let url = caller.callback_urls().await.remove(0);
    let envelope = r#"{"statusCode":"3001","statusMessage":"system","data":null}"#;
    assert_eq!(caller.call_back(&url, envelope).await.status, 200);
    let request = caller.request(&id).await;
    assert_eq!(request["state"], "waiting");
    assert_eq!(request["notice"], serde_json::from_str::<Value>(envelope).unwrap());
    let request = gateway.until_settled_by_mtn(&id).await;
    assert_eq!((field(&request, "state"), asks(&request)), ("available", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_unknown_shape_is_kept_as_it_came() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    for (index, body) in
        [r#"{"rows":[1.10,2],"x":{"y":null}}"#, "[]", "[1,2]", "\"text\"", "7"].iter().enumerate()
    {
        caller.mtn_next("recharges", "lost").await;
        let id = caller.asked(&account, RECHARGES).await;
        let url = caller.callback_urls().await.remove(index);
        assert_eq!(caller.call_back(&url, body).await.status, 200, "{body}");
        let reply = caller.get(&format!("/requests/{id}")).await;
        let request = reply.clone().ok()["data"].clone();
        assert_eq!(
            (field(&request, "state"), &request["recognised"]),
            ("available", &json!(false))
        );
        assert!(reply.text.contains(&format!("\"result\":{body}")), "{}", reply.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unlink_did_not_see_is_deleted_by_its_own_requery() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    caller.post(&format!("/accounts/{account}/unlink"), json!({})).await.ok();
    // The index showed it too late.
    let tenant = shared::store::Tenant::new(&tenant_of(KEY)).unwrap();
    let (now, random) = (gateway.clock.clock().now(), shared::world::Random::system());
    let (request, token) =
        MtnRequest::new(&tenant, &account, Query::Balance, &caller.base_url, now, &random);
    let id = request.request_id.clone();
    gateway.requests().record(&request).await.unwrap();
    let url = token.url(&caller.base_url, &id);
    assert_eq!(caller.call_back(&url, r#"{"mainBalance":[]}"#).await.status, 404);
    assert_eq!(caller.get(&format!("/requests/{id}")).await.status, 404);
    let message = json!({ "kind": "mtn_request", "tenant": tenant, "request_id": id, "step": 0 });
    gateway.send_raw(&message.to_string()).await;
    for _ in 0..100 {
        if gateway.items("RequestsTable").await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it stays");
}

/// Posts from within an MTN that answers meanwhile; the status line.
fn posted(url: &str, body: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_callback_that_comes_before_a_refusal_is_the_answer() {
    let mtn = Provider::start(|request| {
        if request.target.starts_with("/v1/oauth") {
            return Script::Json(200, json!({ "access_token": "t", "expires_in": "3599" }));
        }
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        let said = posted(field(&asked, "callBackUrl"), r#"{"data":{"usage":["early"]}}"#);
        assert!(said.contains("200"), "{said}");
        Script::Json(400, json!({ "statusCode": "5000", "statusMessage": "no" }))
    })
    .await;
    let gateway = Gateway::with(&[
        ("MTN_BASE_URL", &mtn.url),
        ("MTN_API_KEY", "k"),
        ("MTN_CLIENT_ID", "i"),
        ("MTN_CLIENT_SECRET", "s"),
        ("MTN_CHANNEL_NAME", "c"),
    ])
    .await;
    let caller = gateway.caller();
    let account = caller.line().await;
    let body = caller.mtn(&account, RECHARGES).await.ok();
    assert_eq!(body["data"], json!({ "usage": ["early"] }));
    assert_eq!(gateway.items("RequestsTable").await, 1, "and it is kept");
}
