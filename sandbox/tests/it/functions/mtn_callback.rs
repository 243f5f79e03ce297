//! Requests to the callback URL that do not come from MTN.

use serde_json::json;

use crate::support::purchases::field;
use crate::support::{Gateway, KEY, event};

const ANSWER: &str = r#"{"data":{"usage":[{"planted":true}]}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_needs_the_token_of_its_request() {
    let (gateway, caller, account) = Gateway::with_line().await;
    caller.mtn_answers("recharges", &["lost"; 3]).await;
    let id = caller.asked(&account, "recharges").await;
    let other = caller.asked(&account, "recharges").await;
    let stranger = gateway.other_caller();
    let theirs = stranger.asked(&stranger.line().await, "recharges").await;
    let urls = caller.callback_urls().await;
    let (url, token) = (&urls[0], urls[0].rsplit('/').next().unwrap());
    let other_token = urls[1].rsplit('/').next().unwrap();
    let their_token = urls[2].rsplit('/').next().unwrap();
    let base = url.rsplit_once("/callbacks/").unwrap().0;
    let to = |id: &str, token: &str| format!("{base}/callbacks/mtn/{id}/{token}");
    let absent = caller.call_back(&to("00000000000000000000000000000000", token), ANSWER).await;
    absent.refused(404, "not_found");
    for (what, url) in [
        ("a wrong token", to(&id, &"0".repeat(64))),
        ("a swapped token", to(&id, other_token)),
        ("another request's id", to(&other, token)),
        ("another tenant's token", to(&id, their_token)),
        ("another tenant's request", to(&theirs, token)),
        ("a short token", to(&id, &token[..63])),
        ("a long token", to(&id, &format!("{token}0"))),
        ("upper case", to(&id, &token.to_uppercase().replace(char::is_numeric, "A"))),
        ("the token's hash", to(&id, &shared::platform::crypto::hashed(token))),
        ("an id that is none", to("x", token)),
        ("an encoded slash", to(&format!("{id}%2f"), token)),
    ] {
        let reply = caller.call_back(&url, ANSWER).await;
        assert_eq!(reply.error_body(), absent.error_body(), "{what}");
    }
    // API Gateway itself answers these, because there is no such route.
    for url in [format!("{base}/callbacks/mtn/{id}"), format!("{base}/callbacks/mtn")] {
        assert_eq!(caller.call_back(&url, ANSWER).await.status, 404);
    }
    for id in [&id, &other] {
        let request = caller.request(id).await;
        assert_eq!((field(&request, "state"), &request["notice"]), ("waiting", &json!(null)));
    }
    assert_eq!(stranger.request(&theirs).await["state"], "waiting");
    // It costs at most one read.
    let (tap, callback) = gateway.with_tap("mtn-callback").await;
    for (id, token, body, reads) in [
        (id.as_str(), "0".repeat(64), ANSWER, 1),
        ("00000000000000000000000000000000", "0".repeat(64), ANSWER, 1),
        ("no-id-of-ours", "0".repeat(64), ANSWER, 0),
        (id.as_str(), "short".to_owned(), ANSWER, 0),
        (id.as_str(), "0".repeat(64), "no JSON", 0),
    ] {
        tap.hold_at(None);
        let route = "POST /callbacks/mtn/{request_id}/{token}";
        let event = event(KEY, route, &[("request_id", id), ("token", &token)], body);
        let answer = callback(event, lambda_runtime::Context::default()).await.unwrap();
        assert!(matches!(answer["statusCode"].as_u64(), Some(400 | 404)), "{answer}");
        assert_eq!(tap.seen(), vec!["GetItem"; reads], "{id} {token}");
    }
    // The right URL still works.
    assert_eq!(caller.call_back(url, ANSWER).await.status, 200);
    assert_eq!(caller.request(&id).await["state"], "available");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_json_or_too_large_stores_nothing() {
    let (_gateway, caller, account) = Gateway::with_line().await;
    caller.mtn_next("recharges", "lost").await;
    let id = caller.asked(&account, "recharges").await;
    let url = caller.callback_urls().await.remove(0);
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let large = format!("{{\"data\":\"{}\"}}", "x".repeat(256 * 1024));
    for (what, body, status) in [
        ("nothing", "", 400),
        ("blanks", "  \n", 400),
        ("HTML", "<html></html>", 400),
        ("half of it", "{\"data\":", 400),
        ("two", "{}{}", 400),
        ("nested deeply", deep.as_str(), 400),
        ("a number beyond all", "1e999", 400),
        ("too large", large.as_str(), 413),
    ] {
        let reply = caller.call_back(&url, body).await;
        assert_eq!(reply.error().0, status, "{what}");
        let request = caller.request(&id).await;
        assert_eq!((field(&request, "state"), &request["notice"]), ("waiting", &json!(null)));
    }
    let wrong = vec![b'"', 0xff, 0xfe, b'"'];
    assert_eq!(caller.send_bare("POST", &url, &[], wrong).await.error().0, 400);
    // The largest body that is taken.
    let room = 256 * 1024 - r#"{"data":""}"#.len();
    let largest = format!("{{\"data\":\"{}\"}}", "x".repeat(room));
    assert_eq!(caller.call_back(&url, &largest).await.status, 200);
    assert_eq!(caller.request(&id).await["result"].as_str().unwrap().len(), room);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_notices_the_first_is_kept_and_the_answer_still_fits() {
    let (gateway, caller, account) = Gateway::with_line().await;
    caller.mtn_next("recharges", "held").await;
    let id = caller.asked(&account, "recharges").await;
    let url = caller.callback_urls().await.remove(0);
    let (head, tail) = (r#"{"statusCode":"5000","statusMessage":""#, r#""}"#);
    let room = 256 * 1024 - head.len() - tail.len();
    let notice = |filler: &str| format!("{head}{}{tail}", filler.repeat(room));
    for filler in ["a", "b", "c"] {
        assert_eq!(caller.call_back(&url, &notice(filler)).await.status, 200);
    }
    let item = gateway.scan("RequestsTable").await.remove(0);
    assert_eq!(field(&item, "notice"), notice("a"));
    assert_eq!(item["tokens"].as_array().unwrap().len(), 1);
    assert_eq!(caller.deliver().await, [200]);
    let request = caller.request(&id).await;
    assert_eq!((field(&request, "state"), &request["notice"]), ("available", &json!(null)));
}
