//! The requests to Mono are exactly those of its guide, and its answers are passed on unchanged.

use serde_json::{Value, json};

use crate::support::{Gateway, KEY, PHONE, Received, Script};

fn post_with_body(received: &Received, target: &str, body: &Value) {
    assert_eq!((received.method.as_str(), received.target.as_str()), ("POST", target));
    assert_eq!(&serde_json::from_str::<Value>(&received.body).unwrap(), body);
    assert_eq!(received.header("content-type"), Some("application/json"));
    guide_headers(received);
}

fn guide_headers(received: &Received) {
    assert_eq!(received.header("accept"), Some("application/json"));
    assert_eq!(received.header("mono-sec-key"), Some("live_sk_of_mono"));
    assert!(!format!("{:?}", received.headers).contains(KEY), "the caller's key stays here");
}

#[tokio::test]
async fn mono_receives_the_requests_of_its_guide() {
    let (mono, _gateway, caller) = Gateway::with_agreeable_mono().await;

    let session = caller.session("+234 708 210 9281", "Airtel").await;
    caller.verify(&session, "123654").await.ok();
    caller.exchange("code_1").await.ok();
    for tail in ["", "/balances", "/transactions?page=2&limit=5&start=01-01-2026", "/identity"] {
        caller.get(&format!("/accounts/acc1{tail}")).await.ok();
    }
    caller.post("/accounts/acc1/unlink", json!({})).await.ok();

    let received = mono.received();
    assert_eq!(received.len(), 8);
    let auth = json!({ "phone": "07082109281", "provider": "airtel" });
    post_with_body(&received[0], "/v2/telecom/auth", &auth);
    assert_eq!(received[0].header("x-session-id"), None);
    post_with_body(&received[1], "/v2/telecom/verify", &json!({ "otp": "123654" }));
    assert_eq!(received[1].header("x-session-id"), Some("s-1"));
    post_with_body(&received[2], "/account/auth", &json!({ "code": "code_1" }));
    let reads = [
        "/accounts/acc1",
        "/accounts/acc1/balances",
        "/accounts/acc1/transactions?page=2&limit=5&start=01-01-2026",
        "/accounts/acc1/identity",
    ];
    for (read, target) in received[3..7].iter().zip(reads) {
        assert_eq!((read.method.as_str(), read.target.as_str()), ("GET", target));
        assert_eq!(read.body, "");
        guide_headers(read);
    }
    assert_eq!(received[7].target, "/accounts/acc1/unlink");
    guide_headers(&received[7]);
}

#[tokio::test]
async fn fields_beyond_monos_guide_reach_the_tenant() {
    let (mono, _gateway, caller) = Gateway::with_agreeable_mono().await;
    let extra = r#""extra":{"n":1.50,"big":12345678901234567890123,"e":1E2,"u":"\u00e9"}"#;
    let bodies = [
        ("/v2/telecom/auth", r#"{"data":{"session_id":"s-1",EXTRA},EXTRA}"#),
        ("/v2/telecom/verify", r#"{"data":{"code":"code_1",EXTRA},EXTRA}"#),
        ("/account/auth", r#"{"id":"acc1",EXTRA}"#),
        ("/accounts/acc1/transactions", r#"{"paging":{"next":null,EXTRA},EXTRA}"#),
        ("/accounts/acc1/balances", "[{EXTRA}]"),
    ]
    .map(|(target, body)| (target, &*body.replace("EXTRA", extra).leak()));
    mono.script(move |request| {
        let body = bodies.iter().find(|(target, _)| *target == request.target);
        Script::Text(200, body.expect("a known target").1)
    });
    let replies = [
        caller.auth(PHONE, "mtn").await,
        caller.verify("s-1", "123456").await,
        caller.exchange("code_1").await,
        caller.get("/accounts/acc1/transactions").await,
        caller.get("/accounts/acc1/balances").await,
    ];
    for (reply, (target, body)) in replies.iter().zip(bodies) {
        assert_eq!(reply.text, body, "{target}");
    }
}
