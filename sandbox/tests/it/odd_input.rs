//! Odd text in every field, parameter, header and id of every route: always an answer that is
//! documented, never a failure of ours, and never an echo of what was sent.

use serde_json::{Value, json};

use crate::purchase::rig::{DELIVERED, field};
use crate::support::{Caller, Gateway, Provider, Reply, Script, agreeable_mono};

/// Texts that break parsers, databases, logs and HTML.
fn oddities() -> Vec<String> {
    let mut all: Vec<String> = [
        "\0",
        "a\0b",
        "\u{1}\u{7f}",
        "\r\nx-injected: 1",
        "\u{202e}txt.exe",
        "\u{feff}0803",
        "💩",
        "Ünïcödé",
        "０８０３１２３４５６７",
        "٠٨٠٣",
        "ﷺ",
        "\u{10ffff}",
        "' OR '1'='1",
        "{{7*7}}",
        "${jndi:x}",
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "..%2f..%2f",
        "%00",
        "%",
        "true",
        "null",
        "-1",
        "1e309",
        "NaN",
        "0x10",
        " ",
        "\t",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("x".repeat(5_000));
    all.push("🇳🇬".repeat(400));
    all
}

/// A refusal in one of the documented forms, or a success that took the text for what it is.
fn check(what: &str, reply: &Reply, sent: &str) {
    assert!(reply.status < 500, "{what}: {} {}", reply.status, reply.text);
    if reply.status < 300 {
        return;
    }
    let body = reply.json();
    if body["message"].is_string() && body.as_object().unwrap().len() == 1 {
        return;
    }
    let (_, code) = reply.error();
    let expected =
        ["invalid_request", "not_found", "session_expired", "code_expired", "upstream_rejected"];
    assert!(expected.contains(&code.as_str()), "{what}: {code}");
    if sent.len() > 8 {
        assert!(!reply.text.contains(sent), "{what}: an echo");
    }
}

/// The bodies that every route with a body takes.
fn bodies(account: &str) -> Vec<(String, Value)> {
    let amount = json!({ "value": "1", "type": "CURRENCY", "unit": "NGN" });
    vec![
        (
            "/v2/telecom/auth".to_owned(),
            json!({ "phone": "08031234567", "provider": "mtn",
                    "consent": { "purpose": "p", "scope": "s", "policy_version": "1" } }),
        ),
        ("/v2/telecom/verify".to_owned(), json!({ "otp": "123456" })),
        ("/account/auth".to_owned(), json!({ "code": "code_1" })),
        (
            "/purchases".to_owned(),
            json!({ "service_id": "mtn-data", "phone": DELIVERED, "variation_code": "x",
                    "amount_kobo": 100, "refill_type": "voucher", "refill_profile_id": "p",
                    "voucher_code": "v" }),
        ),
        (
            format!("/accounts/{account}/mtn/premium"),
            json!({ "product": "p", "transactionType": "t", "amount": amount, "quoteId": "q",
                    "receivingCustomerId": "08031234567", "accountHolderId": "a", "message": "m" }),
        ),
        (
            "/callbacks/vtpass".to_owned(),
            json!({ "type": "transaction-update", "data": { "requestId": "r" }, "serviceID": "s" }),
        ),
        ("/callbacks/mono".to_owned(), json!({ "event": "e", "data": { "id": "i" } })),
    ]
}

/// Every field of a body, at any depth, replaced by `odd`, one at a time.
fn spoiled(body: &Value, odd: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        let mut one = body.clone();
        one[name] = odd.clone();
        all.push(one);
        for inner in spoiled(value, odd) {
            let mut one = body.clone();
            one[name] = inner;
            all.push(one);
        }
    }
    all
}

const HEADERS: [(&str, &str); 2] = [("idempotency-key", "odd"), ("x-session-id", "s")];

async fn send(caller: &Caller, path: &str, body: &Value) -> Reply {
    caller.send("POST", path, &HEADERS, body.to_string().into_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_text_in_every_field() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    for (path, body) in bodies(&account) {
        for odd in oddities() {
            for spoiled in spoiled(&body, &json!(odd)) {
                check(&format!("{path} {odd:.20?}"), &send(&caller, &path, &spoiled).await, &odd);
            }
        }
        for odd in [json!(null), json!([]), json!({}), json!([[]]), json!(-1), json!(1e300)] {
            for spoiled in spoiled(&body, &odd) {
                check(&format!("{path} {odd}"), &send(&caller, &path, &spoiled).await, "");
            }
        }
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        for raw in ["", "\0", "\u{feff}{}", "{\"a\":1,}", "{'a':1}", "[", deep.as_str()] {
            let reply = caller.send("POST", &path, &HEADERS, raw.as_bytes().to_vec()).await;
            check(&format!("{path} {raw:.20?}"), &reply, raw);
        }
        let reply = caller.send("POST", &path, &HEADERS, vec![0xff, 0xfe, 0x00]).await;
        check(&path, &reply, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_text_in_every_parameter_and_id() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    let id = field(&json!({ "id": account }), "id").to_owned();
    for odd in oddities() {
        let encoded =
            percent_encoding::utf8_percent_encode(&odd, percent_encoding::NON_ALPHANUMERIC)
                .to_string();
        for query in [
            "purchases?state={}",
            "purchases?limit={}",
            "purchases?cursor={}",
            "accounts/ID/mtn/plans?plan={}",
            "accounts/ID/mtn/plans?quoteid={}",
            "accounts/ID/mtn/plans?fixedLine={}",
            "accounts/ID/mtn/recharges?start={}",
            "accounts/ID/mtn/recharges?limit={}",
            "accounts/ID/mtn/usage?start=2026-01-01&sort={}",
            "accounts/ID/mtn/usage?{}=1",
            "accounts/{}",
            "accounts/{}/mtn/balance",
            "accounts/{}/export",
            "requests/{}",
            "purchases/{}",
            "services/{}/variations",
            "accounts/ID/mtn/plans/{}",
        ] {
            let path = format!("/{}", query.replace("{}", &encoded).replace("ID", &id));
            check(&path[..path.len().min(90)], &caller.get(&path).await, &odd);
        }
        let path = format!("/callbacks/mtn/{encoded}/{encoded}");
        let reply = caller.send_bare("POST", &path, &[], b"{}".to_vec()).await;
        check(&path[..path.len().min(60)], &reply, &odd);
    }
    assert!(gateway.sandbox.mtn.as_ref().unwrap().violations().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_and_many_headers() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let account = caller.line().await;
    let long = "h".repeat(4_000);
    let high = "caf\u{e9}";
    let balance = format!("/accounts/{account}/mtn/balance");
    for odd in ["", " ", "\t", high, "a,b,c", "wait=-1", "wait=1e9", "wait=\"", long.as_str()] {
        let name = |name: &'static str| [(name, odd)];
        check("prefer", &caller.send("GET", &balance, &name("prefer"), vec![]).await, "");
        let plans = format!("/accounts/{account}/mtn/plans");
        check("x-auth", &caller.send("GET", &plans, &name("x-authorization"), vec![]).await, odd);
        let body = json!({ "otp": "123456" }).to_string().into_bytes();
        let path = "/v2/telecom/verify";
        check("session", &caller.send("POST", path, &name("x-session-id"), body).await, odd);
        let body = json!({ "service_id": "mtn", "phone": "08031234567" }).to_string().into_bytes();
        let path = "/purchases";
        check("key", &caller.send("POST", path, &name("idempotency-key"), body).await, odd);
        let path = "/callbacks/mono";
        check(
            "webhook",
            &caller.send("POST", path, &name("mono-webhook-secret"), vec![]).await,
            odd,
        );
        check("realtime", &caller.send("GET", &balance, &name("x-realtime"), vec![]).await, odd);
    }
    let names: Vec<String> = (0..90).map(|n| format!("x-many-{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(caller.send("GET", "/purchases", &many, vec![]).await.status, 200);
    let more: Vec<(&str, &str)> = many.iter().map(|(name, _)| (*name, long.as_str())).collect();
    let reply = caller.send("GET", "/purchases", &more, vec![]).await;
    assert_eq!(reply.status, 431);
    assert!(reply.json()["message"].is_string());
    // Upper case and repeats, as HTTP allows.
    let twice = [("Idempotency-Key", "a"), ("IDEMPOTENCY-KEY", "b")];
    let body = json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": 10_000 });
    let reply = caller.send("POST", "/purchases", &twice, body.to_string().into_bytes()).await;
    check("two keys", &reply, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_lambda_cannot_carry_is_refused_and_one_that_it_can_is_passed_on() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let session = caller.session("08031234567", "mtn").await;
    caller.verify(&session, "123456").await.ok();
    caller.exchange("code_1").await.ok();
    // Each quote counts twice on its way out of Lambda.
    for (lines, status) in [(550_000, 503), (300_000, 200)] {
        let body = json!({ "data": vec![json!({ "": "" }); lines] });
        mono.script(move |_| Script::Json(200, body.clone()));
        let reply = caller.get("/accounts/acc1/transactions").await;
        assert_eq!(reply.status, status, "{lines}: {:.200}", reply.text);
        if status == 503 {
            assert_eq!(reply.error().1, "upstream_unavailable");
        }
    }
}

/// This API is an HTTP API with payload format 2.0: what a REST API sends is not half understood.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_rest_api_is_refused_whole() {
    let gateway = Gateway::start().await;
    let body = json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": 10_000 });
    let event = json!({
        "resource": "/purchases", "path": "/purchases", "httpMethod": "POST",
        "headers": { "Idempotency-Key": "k" }, "multiValueHeaders": {}, "queryStringParameters": null,
        "pathParameters": null, "stageVariables": null, "body": body.to_string(),
        "isBase64Encoded": false,
        "requestContext": { "resourcePath": "/purchases", "httpMethod": "POST", "requestId": "r",
            "stage": "prod", "authorizer": { "tenant": "t", "lambda": { "tenant": "t" } },
            "identity": { "sourceIp": "192.0.2.1" }, "accountId": "0", "apiId": "a" },
    });
    let answer = gateway.sandbox.functions["purchase"].invoke(&event).await;
    match answer {
        Ok(answer) => assert!(answer["statusCode"].as_u64() >= Some(400), "{answer}"),
        Err(error) => assert!(error.to_string().contains("failed"), "{error}"),
    }
    assert!(gateway.caller().ledger().await.is_empty());
    assert_eq!(gateway.items("PurchasesTable").await, 0);
}
