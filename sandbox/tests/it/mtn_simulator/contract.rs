//! Requests that break their contract, one thing at a time.

use std::time::Duration;

use serde_json::json;

use super::rig::{Ask, NUMBER, OPERATIONS, Rig};

type Break = fn(Ask) -> Ask;

const CONSUMPTION: [&str; 5] =
    ["balance", "recharges", "recharge_summary", "usage", "usage_summary"];

/// Breaks a right request; it is refused with the canonical envelope and counted, and nothing
/// comes of it.
async fn refused(rig: &Rig, operation: &str, breaking: Break, status: u16, problem: &str) {
    let case = format!("{operation}: {problem}");
    let before = (rig.look("violations").await["count"].clone(), rig.look("ledger").await);
    let ask = breaking(rig.right(operation));
    let (method, target) = (ask.method, ask.target.clone());
    let reply = rig.send(ask).await;
    assert_eq!(reply.status, status, "{case}: {}", reply.text);
    let body = reply.json();
    assert_eq!(body["statusCode"], if status == 401 { "4000" } else { "5000" }, "{case}");
    assert_eq!(body["method"], method, "{case}");
    assert_eq!(body["path"], target.split('?').next().unwrap(), "{case}");
    assert!(body["statusMessage"].is_string() && body["timestamp"].is_string(), "{case}");
    let violations = rig.look("violations").await;
    assert_eq!(violations["count"].as_u64(), before.0.as_u64().map(|it| it + 1), "{case}");
    let last = violations["violations"].as_array().unwrap().last().unwrap();
    assert_eq!(last["problem"], problem, "{case}");
    let unknown = problem.starts_with("path: is unknown") || problem.starts_with("method");
    assert_eq!(last["operation"], if unknown { json!(null) } else { json!(operation) }, "{case}");
    assert_eq!(rig.look("ledger").await, before.1, "{case}");
}

#[tokio::test]
async fn a_stranger_is_turned_away() {
    let rig = Rig::new().await;
    for operation in OPERATIONS {
        let cases: [(Break, &str); 5] = [
            (|it| it.without("x-api-key"), "key: is missing"),
            (|it| it.header("x-api-key", "wrong"), "key: is wrong"),
            (|it| it.header("authorization", "Bearer wrong"), "token: is unknown"),
            (|it| it.header("authorization", "Basic d3Jvbmc6"), "authorization: is wrong"),
            (|it| it.header("authorization", "Token x"), "authorization: is wrong"),
        ];
        for (breaking, problem) in cases {
            refused(&rig, operation, breaking, 401, problem).await;
        }
        if !matches!(operation, "product_plans" | "refill") {
            let problem = "authorization: is missing";
            refused(&rig, operation, |it| it.without("authorization"), 401, problem).await;
        }
    }
    let cases: [Break; 2] = [
        |it| it.body("client_id=wrong&client_secret=wrong"),
        |it| {
            let form = String::from_utf8(it.body.clone()).unwrap();
            it.body(&form.replace("client_secret=", "client_secret=x"))
        },
    ];
    for breaking in cases {
        let problem = "body: the client's credentials are wrong";
        refused(&rig, "token", breaking, 401, problem).await;
    }
}

#[tokio::test]
async fn a_token_lives_as_long_as_it_says() {
    let rig = Rig::new().await;
    rig.clock.turn(Duration::from_secs(3_598));
    rig.ask("plans").await.ok();
    rig.clock.turn(Duration::from_secs(1));
    refused(&rig, "plans", |it| it, 401, "token: has expired").await;
    refused(&rig, "refill", |it| it, 401, "token: has expired").await;
}

#[tokio::test]
async fn paths_methods_and_content_types_are_those_of_the_contract() {
    let rig = Rig::new().await;
    let json_type: Break = |it| it.header("content-type", "text/plain");
    let cases: [(&str, Break, &str); 17] = [
        ("plans", |it| it.target("/v2/", "/v3/"), "path: is unknown"),
        ("product_plans", |it| it.target("DATA%201GB", ""), "path productCode: is empty"),
        ("balance", |it| it.plus("s"), "path: is unknown"),
        ("refill", |it| it.plus("/x"), "path: is unknown"),
        ("token", |it| it.target("access_token", "token"), "path: is unknown"),
        ("plans", |it| Ask { method: "PUT", ..it }, "method: PUT is not allowed here"),
        ("balance", |it| Ask { method: "GET", ..it }, "method: GET is not allowed here"),
        ("refill", |it| Ask { method: "POST", ..it }, "method: POST is not allowed here"),
        ("token", |it| Ask { method: "GET", ..it }, "method: GET is not allowed here"),
        ("plans", |it| it.body("{}"), "body: is not allowed here"),
        ("premium", json_type, "content type: is not application/json"),
        ("refill", |it| it.without("content-type"), "content type: is not application/json"),
        ("usage", json_type, "content type: is not application/json"),
        (
            "token",
            |it| it.header("content-type", "application/json"),
            "content type: is not application/x-www-form-urlencoded",
        ),
        ("balance", |it| it.body("{"), "body: is no JSON object"),
        ("balance", |it| it.body("[]"), "body: is no JSON object"),
        ("refill", |it| it.body(""), "body: is no JSON object"),
    ];
    for (operation, breaking, problem) in cases {
        refused(&rig, operation, breaking, 400, problem).await;
    }
    let charset = "application/json; charset=utf-8";
    rig.send(rig.right("balance").header("content-type", charset)).await.ok();
}

#[tokio::test]
async fn queries_have_declared_parameters_only() {
    let rig = Rig::new().await;
    let cases: [(&str, Break, &str); 11] = [
        ("plans", |it| it.plus("?plan=voice"), "query plan: is not one of the allowed values"),
        ("plans", |it| it.plus("?plan="), "query plan: is empty"),
        ("plans", |it| it.plus("?plan=DATA&plan=SMS"), "query plan: is there twice"),
        ("plans", |it| it.plus("?momo=yes"), "query momo: is neither true nor false"),
        (
            "plans",
            |it| it.plus("?includeReservations=1"),
            "query includeReservations: is neither true nor false",
        ),
        ("plans", |it| it.plus("?quoteId=q"), "query: unknown field quoteId"),
        ("plans", |it| it.plus("?2348031234567=1"), "query: unknown field (unprintable)"),
        ("balance", |it| it.plus("?plan=DATA"), "query: unknown field plan"),
        ("refill", |it| it.plus("?momo=true"), "query: unknown field momo"),
        ("token", |it| it.target("?grant_type=client_credentials", ""), "query: lacks grant_type"),
        (
            "token",
            |it| it.target("client_credentials", "password"),
            "query grant_type: is not one of the allowed values",
        ),
    ];
    for (operation, breaking, problem) in cases {
        refused(&rig, operation, breaking, 400, problem).await;
    }
    let all = "?plan=DATA&momo=true&includeReservations=false&quoteid=q1&fixedLine=01234";
    rig.send(rig.right("plans").plus(all).with("x-authorization", "opaque")).await.ok();
}

#[tokio::test]
async fn headers_carry_the_trace() {
    let rig = Rig::new().await;
    for operation in CONSUMPTION {
        let cases: [(Break, &str); 5] = [
            (|it| it.without("traceid"), "header: lacks traceId"),
            (|it| it.without("channelname"), "header: lacks channelName"),
            (|it| it.header("channelname", ""), "header channelName: is empty"),
            (|it| it.with("traceid", "again"), "header traceId: is there twice"),
            (
                |it| it.header("transactionid", "cbd4772b-d1cf-5905-be9d-7a04adedf5b2"),
                "header transactionId: is not 5 to 20 of the allowed characters",
            ),
        ];
        for (breaking, problem) in cases {
            refused(&rig, operation, breaking, 400, problem).await;
        }
        let bare = rig.right(operation).without("transactionid");
        assert!(rig.send(bare).await.status < 300, "{operation}");
    }
    for wrong in ["abcd", "abcdeabcdeabcdeabcdea", "abc_de", "abc de"] {
        let reply = rig.send(rig.right("refill").header("transactionid", wrong)).await;
        assert_eq!(reply.status, 400, "{wrong}");
    }
    for right in ["abcde", "aA9+/=-", "abcdeabcdeabcdeabcde"] {
        rig.send(rig.right("refill").header("transactionid", right)).await.ok();
    }
}

#[tokio::test]
async fn numbers_are_international() {
    let rig = Rig::new().await;
    let not_234 = "is not international: 234 and ten digits";
    let not_digits = "is not 3 to 15 digits";
    for operation in OPERATIONS {
        let path = matches!(operation, "plans" | "premium" | "product_plans" | "refill");
        let place = if path { "path customerId" } else { "body msisdn" };
        let cases: [(Break, &str); 5] = [
            (|it| it.of("08031234567"), not_234),
            (|it| it.of("234803123456"), not_234),
            (|it| it.of("+2348031234567"), not_digits),
            (|it| it.of("2348031234567890"), not_digits),
            (|it| it.of("12"), not_digits),
        ];
        for (breaking, problem) in cases {
            refused(&rig, operation, breaking, 400, &format!("{place}: {problem}")).await;
        }
    }
}

#[tokio::test]
async fn bodies_have_declared_fields_only() {
    let rig = Rig::new().await;
    let strange: Break = |it| it.set(json!({ "callbackUrl": "http://x.example" }));
    for operation in ["premium", "refill"].into_iter().chain(CONSUMPTION) {
        refused(&rig, operation, strange, 400, "body: unknown field callbackUrl").await;
    }
    refused(&rig, "token", |it| it.body("client_id=x"), 400, "body: lacks client_secret").await;
    let more: Break = |it| it.body("client_id=x&client_secret=x&scope=x");
    refused(&rig, "token", more, 400, "body: unknown field scope").await;
    for operation in CONSUMPTION {
        let lacking: Break = |it| it.set(json!({ "msisdn": null }));
        refused(&rig, operation, lacking, 400, "body: lacks msisdn").await;
        let number: Break = |it| it.set(json!({ "msisdn": 2_348_031_234_567_u64 }));
        refused(&rig, operation, number, 400, "body msisdn: is no text").await;
    }
    let no_url: Break = |it| it.set(json!({ "callBackUrl": null }));
    for operation in ["recharges", "recharge_summary"] {
        refused(&rig, operation, no_url, 400, "body: lacks callBackUrl").await;
    }
    let has_url: Break = |it| it.set(json!({ "callBackUrl": "http://127.0.0.1/x" }));
    refused(&rig, "usage_summary", has_url, 400, "body: unknown field callBackUrl").await;
    for operation in super::rig::LATE {
        let cases: [Break; 3] = [
            |it| it.set(json!({ "callBackUrl": "/callbacks/mtn" })),
            |it| it.set(json!({ "callBackUrl": "ftp://x.example/" })),
            |it| it.set(json!({ "callBackUrl": "http://" })),
        ];
        for breaking in cases {
            let problem = "body callBackUrl: is no absolute http(s) URL";
            refused(&rig, operation, breaking, 400, problem).await;
        }
    }
}

#[tokio::test]
async fn days_and_pages_are_in_their_formats() {
    let rig = Rig::new().await;
    let not_a_day = "is no day in the right format";
    for operation in ["recharges", "recharge_summary"] {
        let cases: [(Break, &str); 9] = [
            (|it| it.set(json!({ "startDate": "17-07-2024" })), "startDate: is no day"),
            (|it| it.set(json!({ "startDate": "20240231" })), "startDate: is no day"),
            (|it| it.set(json!({ "endDate": "2024071" })), "endDate: is no day"),
            (|it| it.set(json!({ "endDate": "+2240717" })), "endDate: is no day"),
            (|it| it.set(json!({ "pageNumber": 0 })), "pageNumber: is out of range"),
            (|it| it.set(json!({ "pageNumber": "1" })), "pageNumber: is no integer"),
            (|it| it.set(json!({ "pageSize": 0 })), "pageSize: is out of range"),
            (|it| it.set(json!({ "pageSize": 101 })), "pageSize: is out of range"),
            (|it| it.set(json!({ "pageSize": 1.5 })), "pageSize: is no integer"),
        ];
        for (breaking, problem) in cases {
            let problem = format!("body {}", problem.replace("is no day", not_a_day));
            refused(&rig, operation, breaking, 400, &problem).await;
        }
    }
    for operation in ["usage", "usage_summary"] {
        let cases: [(Break, &str); 3] = [
            (|it| it.set(json!({ "startDate": "20240717" })), "startDate"),
            (|it| it.set(json!({ "startDate": "31-02-2024" })), "startDate"),
            (|it| it.set(json!({ "endDate": "1-7-2024" })), "endDate"),
        ];
        for (breaking, field) in cases {
            refused(&rig, operation, breaking, 400, &format!("body {field}: {not_a_day}")).await;
        }
        let sized: Break = |it| it.set(json!({ "pageSize": 10 }));
        refused(&rig, operation, sized, 400, "body: unknown field pageSize").await;
    }
    let lacking: Break = |it| it.set(json!({ "startDate": null }));
    refused(&rig, "usage", lacking, 400, "body: lacks startDate").await;
    let paged: Break = |it| it.set(json!({ "pageNumber": 1 }));
    refused(&rig, "usage_summary", paged, 400, "body: unknown field pageNumber").await;
}

#[tokio::test]
async fn a_premium_and_a_refill_are_complete() {
    let rig = Rig::new().await;
    let cases: [(&str, Break, &str); 14] = [
        ("premium", |it| it.set(json!({ "product": null })), "body: lacks product"),
        ("premium", |it| it.set(json!({ "transactionId": null })), "body: lacks transactionId"),
        (
            "premium",
            |it| it.set(json!({ "transactionType": "" })),
            "body transactionType: is empty",
        ),
        ("premium", |it| it.set(json!({ "amount": "2500" })), "body amount: is no object"),
        ("premium", |it| it.set(json!({ "amount": {} })), "body amount: lacks value"),
        (
            "premium",
            |it| it.set(json!({ "amount": { "value": "1", "type": "CURRENCY", "unit": "USD" } })),
            "body amount unit: is not one of the allowed values",
        ),
        (
            "premium",
            |it| it.set(json!({ "amount": { "value": 1, "type": "CURRENCY", "unit": "NGN" } })),
            "body amount value: is no text",
        ),
        ("refill", |it| it.set(json!({ "refillType": null })), "body: lacks refillType"),
        (
            "refill",
            |it| it.set(json!({ "refillType": "Voucher" })),
            "body refillType: is not one of the allowed values",
        ),
        (
            "refill",
            |it| it.set(json!({ "refillType": "voucher" })),
            "body: lacks voucherActivationCode, which voucher needs",
        ),
        (
            "refill",
            |it| it.set(json!({ "refillProfileId": null })),
            "body: lacks refillProfileId, which voucherless needs",
        ),
        (
            "refill",
            |it| it.set(json!({ "transactionAmount": null })),
            "body: lacks transactionAmount, which voucherless needs",
        ),
        (
            "refill",
            |it| it.set(json!({ "transactionAmount": "7.00" })),
            "body transactionAmount: is no whole number above zero",
        ),
        (
            "refill",
            |it| it.set(json!({ "transactionAmount": 700 })),
            "body transactionAmount: is no text",
        ),
    ];
    for (operation, breaking, problem) in cases {
        refused(&rig, operation, breaking, 400, problem).await;
    }
    assert!(!rig.look("violations").await.to_string().contains(NUMBER));
}
