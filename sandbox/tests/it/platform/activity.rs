//! The record of what happens in the sandbox. That it holds nothing secret, every test asserts at its
//! end.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::purchases::{DELIVERED, FAILED, airtime, field};
use crate::support::{Caller, Gateway, vtpass_at};

/// What is recorded, by the query of `GET /_sandbox/activity`.
async fn recorded(caller: &Caller, query: &str) -> (Vec<Value>, u64) {
    let answer = caller.console("GET", &format!("activity?{query}"), &Value::Null).await;
    (answer["entries"].as_array().unwrap().clone(), answer["next"].as_u64().unwrap())
}

fn sentences(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|it| format!("{}: {}", field(it, "who"), field(it, "what"))).collect()
}

fn of_kind<'a>(entries: &'a [Value], kind: &str) -> Vec<&'a Value> {
    entries.iter().filter(|it| it["kind"] == kind).collect()
}

#[tokio::test]
async fn an_orders_story_is_recorded_from_the_request_to_the_event() {
    let (gateway, caller) = Gateway::with_caller().await;
    caller.script(json!([{ "call": "pay", "code": "099", "status": "pending" }])).await;
    let bought = caller.bought("order", &airtime(FAILED)).await;
    let id = field(&bought, "purchase_id");
    let other = caller.bought("other", &airtime(DELIVERED)).await;
    let about = format!("about={id}");
    let told = async || {
        let (story, _) = recorded(&caller, &about).await;
        let ends = |it: &String| it.starts_with("notify: put into events");
        sentences(&story).iter().any(ends).then_some(())
    };
    gateway.turn_until(Duration::from_secs(30), Duration::from_millis(20), told).await;

    let (story, _) = recorded(&caller, &about).await;
    let mut told = sentences(&story);
    told.dedup();
    let expected = [
        "purchase: sent purchase to RequeryQueue, due in",
        "purchase: put into purchases, state submitted",
        "purchase: asked VTpass: POST /api/pay",
        "purchase: updated purchases, state pending",
        "caller: POST /purchases was answered 202",
        "requery: asked VTpass: POST /api/requery",
        "requery: sent purchase.delivered to NotifyQueue",
        "requery: updated purchases, state delivered",
        "requery: is done with purchase of RequeryQueue",
        "notify: put into events",
    ];
    let mut rest = told.iter();
    for sentence in expected {
        let found = rest.any(|it| it.starts_with(sentence));
        assert!(found, "{sentence} is missing, or too late, in {told:#?}");
    }
    let pay = of_kind(&story, "call")[0];
    assert_eq!((&pay["detail"]["code"], &pay["ok"]), (&json!("099"), &json!(true)));
    assert!(story.iter().all(|it| it["about"].as_array().unwrap().contains(&json!(id))));
    let other = field(&other, "purchase_id");
    assert!(story.iter().all(|it| !it["about"].to_string().contains(other)), "another order's");
}

#[tokio::test]
async fn the_record_is_read_in_pages() {
    let (_gateway, caller) = Gateway::with_caller().await;
    caller.bought("order", &airtime(DELIVERED)).await;
    let (all, last) = recorded(&caller, "").await;
    assert!(all.len() > 5, "{all:#?}");
    let (mut paged, mut after) = (Vec::new(), 0);
    while after < last {
        let (page, next) = recorded(&caller, &format!("after={after}&limit=2")).await;
        assert!(page.len() <= 2 && next > after, "{page:?} {next}");
        (paged, after) = ([paged, page].concat(), next);
    }
    assert_eq!(paged[..all.len()], all);
    for query in ["after=-1", "after=x", "limit=many"] {
        let answer = caller.get(&format!("/_sandbox/activity?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_refused_request_is_recorded_with_its_error_and_its_route() {
    let (_gateway, caller) = Gateway::with_caller().await;
    caller.get("/purchases/fee424495bd69fe3b05ce1b22aa8f21e").await.refused(404, "not_found");
    caller.get("/no/such/path").await;
    let token = "ab".repeat(32);
    let path = format!("/callbacks/mtn/fee424495bd69fe3b05ce1b22aa8f21e/{token}");
    caller.send_bare("POST", &path, &[], b"{}".to_vec()).await;

    let (entries, _) = recorded(&caller, "").await;
    let requests: Vec<Value> = of_kind(&entries, "request")
        .iter()
        .map(|it| json!([it["detail"]["route"], it["detail"]["error"], it["ok"]]))
        .collect();
    assert!(requests.contains(&json!(["/purchases/{purchase_id}", "not_found", false])));
    assert!(requests.contains(&json!(["an unknown path", "Not Found", false])));
    let text = json!(entries).to_string();
    assert!(text.contains("/callbacks/mtn/{request_id}/{token}"), "{text}");
    assert!(!text.contains(&token), "the token is recorded");
}

#[tokio::test]
async fn a_call_without_an_answer_is_recorded_when_it_is_given_up() {
    let gateway = Gateway::with(&vtpass_at("http://127.0.0.1:1/api")).await;
    let caller = gateway.caller();
    let bought = caller.buy("order", &airtime(DELIVERED)).await;
    let (entries, _) = recorded(&caller, "").await;
    let calls = of_kind(&entries, "call");
    let told = calls.iter().map(|it| &it["detail"]["no_answer"]).collect::<Vec<_>>();
    assert_eq!(told, [&json!("no connection")], "{}", bought.text);
    assert_eq!(calls[0]["ok"], false);
}

#[tokio::test]
async fn the_stream_tells_what_happens_and_ends_with_the_sandbox() {
    let (gateway, caller) = Gateway::with_caller().await;
    caller.get("/no/such/path").await;
    caller.get("/no/such/path").await;
    let address = gateway.sandbox.base_url.strip_prefix("http://").unwrap();
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let head =
        format!("GET /_sandbox/stream HTTP/1.1\r\nHost: {address}\r\nLast-Event-ID: 1\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut text, mut read) = (String::new(), async |text: &mut String, end: &str| {
        while !text.ends_with(end) {
            assert!(stream.read_line(text).await.unwrap() > 0, "it ended: {text}");
        }
    });
    read(&mut text, "event: activity\n").await;
    assert!(text.contains("content-type: text/event-stream\r\n"), "{text}");
    read(&mut text, "id: 2\n").await;
    caller.get("/no/such/path").await;
    read(&mut text, "id: 3\n").await;
    assert!(!text.contains("id: 1\n"), "the caller knew it: {text}");
    let Gateway { sandbox, .. } = gateway;
    sandbox.stop().await;
    // The last chunk of a body has no bytes.
    read(&mut text, "0\r\n").await;
}
