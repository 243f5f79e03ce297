//! Requests that reach no function, and ids that cannot exist.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Gateway, KEY, Reply};

#[tokio::test]
async fn an_impossible_account_id_is_not_found_and_dots_do_not_leave_a_route() {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    let long = "a".repeat(3_000);
    for id in ["..%2Facc1", "a%00b", "a%20b", "%F0%9F%92%A9", "a'b", long.as_str()] {
        for tail in ["", "/balances", "/transactions", "/consent", "/export"] {
            caller.get(&format!("/accounts/{id}{tail}")).await.refused(404, "not_found");
        }
    }
    // By hand: a client library would resolve the dots.
    let host = gateway.sandbox.base_url.trim_start_matches("http://");
    for path in ["/accounts/%2e%2e", "/accounts/..", "/accounts/%2E%2E%2Facc1"] {
        let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nmono-sec-key: {KEY}\r\nconnection: close\r\n\r\n"
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
async fn api_gateway_answers_what_reaches_no_function() {
    let (mono, _gateway, caller) = Gateway::with_agreeable_mono().await;
    let answered = |reply: Reply, status: u16, message: &str| {
        assert_eq!((reply.status, reply.json()), (status, json!({ "message": message })));
    };
    let key = ("mono-sec-key", KEY);
    for (headers, status, message) in
        [(&[("mono-sec-key", "")][..], 401, "Unauthorized"), (&[key, key], 403, "Forbidden")]
    {
        let reply = caller.send_bare("POST", "/v2/telecom/auth", headers, b"{}".to_vec()).await;
        answered(reply, status, message);
    }
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
        answered(caller.send(method, path, &[], Vec::new()).await, 404, "Not Found");
    }
    let huge = vec![b'x'; 11 * 1024 * 1024];
    let reply = caller.send("POST", "/v2/telecom/auth", &[], huge).await;
    answered(reply, 413, "Request Entity Too Large");
    assert_eq!(mono.received().len(), 0);
}
