//! Odd text in every field, parameter, header and id: the answer is always a documented one, never a
//! failure of ours, and never repeats what was sent.

use serde_json::{Value, json};

use crate::support::purchases::DELIVERED;
use crate::support::{Caller, Gateway, PHONE, Provider, Reply, Script, mtn_at, with_tokens};

/// Texts that break parsers, databases, logs and HTML, separated by `¦`.
const ODD: &str = "\0¦a\0b¦\u{1}\u{7f}¦\r\nx-injected: 1¦\u{202e}txt.exe¦\u{feff}0803¦💩¦Ünïcödé¦\
    ０８０３１２３４５６７¦٠٨٠٣¦ﷺ¦\u{10ffff}¦' OR '1'='1¦{{7*7}}¦${jndi:x}¦\
    <script>alert(1)</script>¦../../etc/passwd¦..%2f..%2f¦%00¦%¦true¦null¦-1¦1e309¦NaN¦0x10¦ ¦\t";

fn oddities() -> impl Iterator<Item = String> {
    let long = ["x".repeat(5_000), "🇳🇬".repeat(400)];
    ODD.split('¦').map(str::to_owned).chain(long)
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
            json!({ "phone": PHONE, "provider": "mtn",
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
                    "receivingCustomerId": PHONE, "accountHolderId": "a", "message": "m" }),
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
async fn odd_text_in_any_field_is_refused_or_taken_as_text() {
    let (_gateway, caller, account) = Gateway::with_line().await;
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
async fn odd_text_in_any_parameter_or_id_is_refused_or_taken_as_text() {
    let (gateway, caller, account) = Gateway::with_line().await;
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
            let path = format!("/{}", query.replace("{}", &encoded).replace("ID", &account));
            check(&path[..path.len().min(90)], &caller.get(&path).await, &odd);
        }
        let path = format!("/callbacks/mtn/{encoded}/{encoded}");
        let reply = caller.send_bare("POST", &path, &[], b"{}".to_vec()).await;
        check(&path[..path.len().min(60)], &reply, &odd);
    }
    assert!(gateway.sandbox.mtn.as_ref().unwrap().violations().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_and_many_headers_are_refused_or_ignored() {
    let (_gateway, caller, account) = Gateway::with_line().await;
    let long = "h".repeat(4_000);
    let (balance, plans) =
        (format!("/accounts/{account}/mtn/balance"), format!("/accounts/{account}/mtn/plans"));
    let order = json!({ "service_id": "mtn", "phone": PHONE });
    for odd in ["", " ", "\t", "caf\u{e9}", "a,b,c", "wait=-1", "wait=1e9", "wait=\"", &long] {
        for (method, path, name, body) in [
            ("GET", balance.as_str(), "prefer", Value::Null),
            ("GET", plans.as_str(), "x-authorization", Value::Null),
            ("POST", "/v2/telecom/verify", "x-session-id", json!({ "otp": "123456" })),
            ("POST", "/purchases", "idempotency-key", order.clone()),
            ("POST", "/callbacks/mono", "mono-webhook-secret", Value::Null),
            ("GET", balance.as_str(), "x-realtime", Value::Null),
        ] {
            let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
            check(name, &caller.send(method, path, &[(name, odd)], body).await, odd);
        }
    }
    let names: Vec<String> = (0..90).map(|n| format!("x-many-{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(caller.send("GET", "/purchases", &many, vec![]).await.status, 200);
    // Upper case and repeats, as HTTP allows.
    let twice = [("Idempotency-Key", "a"), ("IDEMPOTENCY-KEY", "b")];
    let body = json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": 10_000 });
    let reply = caller.send("POST", "/purchases", &twice, body.to_string().into_bytes()).await;
    check("two keys", &reply, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_too_large_for_lambda_is_upstream_unavailable() {
    let (mono, _gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.link_acc1().await;
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

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_too_large_to_read_is_asked_for_once_and_stops_no_other_read() {
    let (mono, _gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.link_acc1().await;
    let body = json!({ "data": "x".repeat(6 * 1024 * 1024) });
    mono.script(move |_| Script::Json(200, body.clone()));
    let before = mono.received().len();
    for _ in 0..6 {
        let reply = caller.get("/accounts/acc1/transactions").await;
        let said = reply.refused(503, "upstream_unavailable");
        assert_eq!(said, "The provider's answer is too large to pass on. Ask for less at a time.");
    }
    assert_eq!(mono.received().len() - before, 6);
    mono.script(|_| Script::Json(200, json!({ "data": [] })));
    caller.get("/accounts/acc1/transactions").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_whose_answer_is_too_large_to_read_is_refused_and_not_kept() {
    let body = json!({ "data": { "usage": "x".repeat(6 * 1024 * 1024) } });
    let mtn = Provider::start(with_tokens(move |_| Script::Json(200, body.clone()))).await;
    let gateway = Gateway::with(&mtn_at(&mtn.url)).await;
    let caller = gateway.caller();
    let account = caller.line().await;
    let said = caller.mtn(&account, "recharges").await.refused(503, "upstream_unavailable");
    assert_eq!(said, "The provider's answer is too large to pass on. Ask for less at a time.");
    assert_eq!(gateway.items("RequestsTable").await, 0);
}

/// This API is an HTTP API with payload format 2.0: what a REST API sends is not half understood.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_rest_api_is_refused() {
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
