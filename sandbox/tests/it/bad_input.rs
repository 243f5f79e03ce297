//! Bad input gets its documented error; nothing is stored and nothing reaches the provider.

use serde_json::json;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Gateway, KEY, Provider, Reply, agreeable_mono};

const JSON: (&str, &str) = ("content-type", "application/json");

fn invalid(reply: &Reply) -> String {
    assert_eq!(reply.error(), (400, "invalid_request".to_owned()), "{}", reply.text);
    reply.json()["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_bad_auth_is_refused_before_anything_happens() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let raw = |body: &'static str| caller.send("POST", "/v2/telecom/auth", &[JSON], body.into());

    let by_position = "[\"08031234567\",\"mtn\"]";
    for body in [
        "",
        " \n",
        "{",
        "phone=1",
        "[]",
        "null",
        "\"x\"",
        "{}",
        "{\"phone\":\"0803\"}",
        by_position,
    ] {
        assert!(invalid(&raw(body).await).contains("phone and provider"), "{body}");
    }
    let wrong_types = [
        json!({ "phone": 8_031_234_567_u64, "provider": "mtn" }),
        json!({ "phone": null, "provider": "mtn" }),
        json!({ "phone": ["08031234567"], "provider": "mtn" }),
        json!({ "phone": "08031234567", "provider": 7 }),
        json!({ "phone": "08031234567", "provider": "mtn", "consent": "yes" }),
        json!({ "phone": "08031234567", "provider": "mtn", "consent": { "purpose": 1 } }),
        json!({ "phone": "08031234567", "provider": "mtn", "consent": [] }),
        json!({ "phone": "08031234567", "provider": "mtn", "consent": ["a", "b", "c"] }),
    ];
    for body in wrong_types {
        let reply = caller.post("/v2/telecom/auth", body).await;
        let message = invalid(&reply);
        assert!(!message.contains("0803"), "the message quotes no value: {message}");
    }
    for provider in ["glo", "9mobile", "etisalat", "", "mtn\u{0}", "mtn airtel"] {
        let message = invalid(&caller.auth("08031234567", provider).await);
        assert!(message.contains("mtn, airtel"), "{message}");
    }
    for phone in
        ["", "0803", "+447911123456", "080312345678", "0803123456x", "０８０３１２３４５６７"]
    {
        let message = invalid(&caller.auth(phone, "mtn").await);
        assert!(message.contains("Nigerian"), "{message}");
    }
    let long = json!({ "purpose": "x".repeat(501) });
    let body = json!({ "phone": "08031234567", "provider": "mtn", "consent": long });
    invalid(&caller.post("/v2/telecom/auth", body).await);

    let large = json!({ "phone": "08031234567", "provider": "mtn", "x": "y".repeat(1_000_000) });
    let reply = caller.post("/v2/telecom/auth", large).await;
    assert_eq!(reply.error(), (413, "payload_too_large".to_owned()));

    assert_eq!(mono.received().len(), 0);
    assert_eq!(gateway.items("SessionsTable").await, 0);
}

#[tokio::test]
async fn a_bad_verify_is_refused_and_costs_no_try() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let session = caller.session("08031234567", "mtn").await;

    for _ in 0..3 {
        for otp in ["", "12345", "1234567", "12 456", "12345\u{0}", "１２３４５６"] {
            invalid(&caller.verify(&session, otp).await);
        }
    }
    let header = [JSON, ("x-session-id", session.as_str())];
    for body in ["", "{}", "{\"otp\":123456}", "{\"otp\":null}", "otp"] {
        invalid(&caller.send("POST", "/v2/telecom/verify", &header, body.into()).await);
    }
    let missing = caller.post("/v2/telecom/verify", json!({ "otp": "123456" })).await;
    assert!(invalid(&missing).contains("x-session-id"));
    let long = "s".repeat(600);
    assert_eq!(caller.verify(&long, "123456").await.error(), (410, "session_expired".into()));

    assert_eq!(mono.received().len(), 1, "only auth reached Mono");
    assert_eq!(caller.verify(&session, "123456").await.status, 200);
}

#[tokio::test]
async fn a_bad_exchange_is_refused() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    for body in
        [json!({}), json!({ "code": 1 }), json!({ "code": "" }), json!({ "code": "c".repeat(600) })]
    {
        invalid(&caller.post("/account/auth", body).await);
    }
    assert_eq!(caller.exchange("code_unknown").await.error(), (410, "code_expired".into()));
    assert_eq!(mono.received().len(), 0);
    assert_eq!(gateway.items("SessionsTable").await, 0);
    assert_eq!(gateway.items("AccountsTable").await, 0);
}

#[tokio::test]
async fn odd_ids_are_simply_not_there() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let long = "a".repeat(3_000);
    for id in ["..%2Facc1", "a%00b", "a%20b", "%F0%9F%92%A9", "a'b", long.as_str()] {
        for tail in ["", "/balances", "/transactions", "/consent", "/export"] {
            let reply = caller.get(&format!("/accounts/{id}{tail}")).await;
            assert_eq!(reply.error(), (404, "not_found".to_owned()), "{id}{tail}");
        }
    }
    assert_eq!(mono.received().len(), 0);
}

#[tokio::test]
async fn dots_in_a_path_do_not_climb_out_of_their_route() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    // By hand: a client library would resolve the dots.
    let host = gateway.sandbox.base_url.trim_start_matches("http://");
    for path in ["/accounts/%2e%2e", "/accounts/..", "/accounts/%2E%2E%2Facc1"] {
        let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: a b\r\nmono-sec-key: {KEY}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(answer.contains("\"code\":\"not_found\""), "{path}: {answer}");
    }
    assert_eq!(mono.received().len(), 0);
}

#[tokio::test]
async fn api_gateway_answers_what_no_function_sees() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let body = || json!({ "phone": "08031234567", "provider": "mtn" }).to_string().into_bytes();
    let own = |reply: Reply| (reply.status, reply.text);
    let message = |status: u16, text: &str| (status, json!({ "message": text }).to_string());

    let post = |headers: Vec<(&'static str, &'static str)>| {
        let caller = &caller;
        async move { own(caller.send_bare("POST", "/v2/telecom/auth", &headers, body()).await) }
    };
    assert_eq!(post(vec![JSON]).await, message(401, "Unauthorized"));
    assert_eq!(post(vec![JSON, ("mono-sec-key", "")]).await, message(401, "Unauthorized"));
    assert_eq!(post(vec![JSON, ("mono-sec-key", "wrong")]).await, message(403, "Forbidden"));
    let doubled = vec![JSON, ("mono-sec-key", "test_sk_first"), ("mono-sec-key", "test_sk_first")];
    assert_eq!(post(doubled).await, message(403, "Forbidden"));

    let not_found = message(404, "Not Found");
    for (method, path) in [
        ("GET", "/v2/telecom/auth"),
        ("DELETE", "/accounts/acc1"),
        ("OPTIONS", "/accounts/acc1"),
        ("GET", "/"),
        ("GET", "/accounts"),
        ("GET", "/accounts/"),
        ("GET", "/v3/accounts/acc1"),
        ("POST", "/v2/telecom/auth/"),
        ("GET", "/_sandbox/nothing"),
    ] {
        assert_eq!(own(caller.send(method, path, &[], Vec::new()).await), not_found, "{path}");
    }
    let huge = vec![b'x'; 11 * 1024 * 1024];
    let reply = caller.send("POST", "/v2/telecom/auth", &[JSON], huge).await;
    assert_eq!(own(reply), message(413, "Request Entity Too Large"));
    let header = "h".repeat(11_000);
    let reply = caller.send("GET", "/accounts/acc1", &[("x-long", &header)], Vec::new()).await;
    assert_eq!(reply.status, 431);
    assert_eq!(mono.received().len(), 0);
}

#[tokio::test]
async fn a_form_body_arrives_in_base64_and_is_read_all_the_same() {
    let gateway = Gateway::start().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = json!({ "phone": "08031234567", "provider": "mtn" }).to_string().into_bytes();
    let reply = gateway.caller().send("POST", "/v2/telecom/auth", &[form], body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}
