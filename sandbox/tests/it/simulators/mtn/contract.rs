//! Requests that break MTN's contract, one thing at a time. The requests of the gateway are held
//! against the same contract after every test.

use std::time::Duration;

use serde_json::json;

use super::{Ask, LATE, NUMBER, OPERATIONS, Rig};

type Break = fn(Ask) -> Ask;

const PLANS: [&str; 4] = ["plans", "premium", "product_plans", "refill"];
const CONSUMPTION: [&str; 5] =
    ["balance", "recharges", "recharge_summary", "usage", "usage_summary"];
const RECHARGES: [&str; 2] = ["recharges", "recharge_summary"];
const USAGE: [&str; 2] = ["usage", "usage_summary"];

/// Without credentials, or with the wrong ones: 401.
const STRANGERS: &[(&[&str], Break, &str)] = &[
    (&OPERATIONS, |it| it.without("x-api-key"), "key: is missing"),
    (&OPERATIONS, |it| it.header("x-api-key", "wrong"), "key: is wrong"),
    (&OPERATIONS, |it| it.header("authorization", "Bearer wrong"), "token: is unknown"),
    (&OPERATIONS, |it| it.header("authorization", "Basic d3Jv"), "authorization: is wrong"),
    (&["plans", "premium"], |it| it.without("authorization"), "authorization: is missing"),
    (&CONSUMPTION, |it| it.without("authorization"), "authorization: is missing"),
    (
        &["token"],
        |it| it.body("client_id=wrong&client_secret=wrong"),
        "body: the client's credentials are wrong",
    ),
];

/// Everything else that is wrong: 400.
const BREACHES: &[(&[&str], Break, &str)] = &[
    // Path, method, content type.
    (&["plans"], |it| it.target("/v2/", "/v3/"), "path: is unknown"),
    (&["balance"], |it| it.plus("s"), "path: is unknown"),
    (&["token"], |it| it.target("access_token", "token"), "path: is unknown"),
    (&["product_plans"], |it| it.target("DATA%201GB", ""), "path productCode: is empty"),
    (&["plans"], |it| Ask { method: "PUT", ..it }, "method: PUT is not allowed here"),
    (&["balance", "token"], |it| Ask { method: "GET", ..it }, "method: GET is not allowed here"),
    (&["plans"], |it| it.body("{}"), "body: is not allowed here"),
    (
        &["premium", "refill", "usage"],
        |it| it.header("content-type", "text/plain"),
        "content type: is not application/json",
    ),
    (&["refill"], |it| it.without("content-type"), "content type: is not application/json"),
    (
        &["token"],
        |it| it.header("content-type", "application/json"),
        "content type: is not application/x-www-form-urlencoded",
    ),
    // Query.
    (&["plans"], |it| it.plus("?plan=voice"), "query plan: is not one of the allowed values"),
    (&["plans"], |it| it.plus("?plan="), "query plan: is empty"),
    (&["plans"], |it| it.plus("?plan=DATA&plan=SMS"), "query plan: is there twice"),
    (&["plans"], |it| it.plus("?momo=yes"), "query momo: is neither true nor false"),
    (&["plans"], |it| it.plus("?quoteId=q"), "query: unknown field quoteId"),
    (&["plans"], |it| it.plus("?2348031234567=1"), "query: unknown field (unprintable)"),
    (&["balance", "refill"], |it| it.plus("?plan=DATA"), "query: unknown field plan"),
    (&["token"], |it| it.target("?grant_type=client_credentials", ""), "query: lacks grant_type"),
    // Headers.
    (&CONSUMPTION, |it| it.without("traceid"), "header: lacks traceId"),
    (&CONSUMPTION, |it| it.without("channelname"), "header: lacks channelName"),
    (&CONSUMPTION, |it| it.header("channelname", ""), "header channelName: is empty"),
    (&CONSUMPTION, |it| it.with("traceid", "again"), "header traceId: is there twice"),
    (&CONSUMPTION, |it| it.header("transactionid", "abcd"), BAD_TRANSACTION),
    (&["refill"], |it| it.header("transactionid", "abc_de"), BAD_TRANSACTION),
    (&["refill"], |it| it.header("transactionid", "abcdeabcdeabcdeabcdea"), BAD_TRANSACTION),
    // Numbers.
    (
        &PLANS,
        |it| it.of("08031234567"),
        "path customerId: is not international: 234 and ten digits",
    ),
    (
        &CONSUMPTION,
        |it| it.of("234803123456"),
        "body msisdn: is not international: 234 and ten digits",
    ),
    (&PLANS, |it| it.of("+2348031234567"), "path customerId: is not 3 to 15 digits"),
    (&CONSUMPTION, |it| it.of("2348031234567890"), "body msisdn: is not 3 to 15 digits"),
    // Bodies.
    (&["balance"], |it| it.body("["), "body: is no JSON object"),
    (&["refill"], |it| it.body(""), "body: is no JSON object"),
    (
        &["premium", "refill"],
        |it| it.set("callbackUrl", json!("x")),
        "body: unknown field callbackUrl",
    ),
    (&CONSUMPTION, |it| it.set("callbackUrl", json!("x")), "body: unknown field callbackUrl"),
    (&["usage_summary"], |it| it.set("callBackUrl", json!("x")), "body: unknown field callBackUrl"),
    (&["token"], |it| it.body("client_id=x"), "body: lacks client_secret"),
    (&["token"], |it| it.body("client_id=x&client_secret=x&scope=x"), "body: unknown field scope"),
    (&CONSUMPTION, |it| it.lacking("msisdn"), "body: lacks msisdn"),
    (&CONSUMPTION, |it| it.set("msisdn", json!(2_348_031_234_567_u64)), "body msisdn: is no text"),
    (&RECHARGES, |it| it.lacking("callBackUrl"), "body: lacks callBackUrl"),
    (&LATE, |it| it.set("callBackUrl", json!("/callbacks/mtn")), BAD_URL),
    (&LATE, |it| it.set("callBackUrl", json!("ftp://x.example/")), BAD_URL),
    // Days and pages.
    (&RECHARGES, |it| it.set("startDate", json!("17-07-2024")), BAD_START),
    (&RECHARGES, |it| it.set("startDate", json!("20240231")), BAD_START),
    (&RECHARGES, |it| it.set("endDate", json!("+2240717")), BAD_END),
    (&RECHARGES, |it| it.set("pageNumber", json!(0)), "body pageNumber: is out of range"),
    (&RECHARGES, |it| it.set("pageNumber", json!("1")), "body pageNumber: is no integer"),
    (&RECHARGES, |it| it.set("pageSize", json!(101)), "body pageSize: is out of range"),
    (&USAGE, |it| it.set("startDate", json!("20240717")), BAD_START),
    (&USAGE, |it| it.set("startDate", json!("31-02-2024")), BAD_START),
    (&USAGE, |it| it.set("endDate", json!("1-7-2024")), BAD_END),
    (&USAGE, |it| it.set("pageSize", json!(10)), "body: unknown field pageSize"),
    (&["usage"], |it| it.lacking("startDate"), "body: lacks startDate"),
    (&["usage_summary"], |it| it.set("pageNumber", json!(1)), "body: unknown field pageNumber"),
    // Premiums and refills.
    (&["premium"], |it| it.lacking("product"), "body: lacks product"),
    (&["premium"], |it| it.lacking("transactionId"), "body: lacks transactionId"),
    (&["premium"], |it| it.set("transactionType", json!("")), "body transactionType: is empty"),
    (&["premium"], |it| it.set("amount", json!("2500")), "body amount: is no object"),
    (&["premium"], |it| it.set("amount", json!({})), "body amount: lacks value"),
    (&["premium"], |it| it.set("amount", json!({ "value": 1 })), "body amount value: is no text"),
    (&["refill"], |it| it.lacking("refillType"), "body: lacks refillType"),
    (
        &["refill"],
        |it| it.set("refillType", json!("voucher")),
        "body: lacks voucherActivationCode, which voucher needs",
    ),
    (
        &["refill"],
        |it| it.lacking("refillProfileId"),
        "body: lacks refillProfileId, which voucherless needs",
    ),
    (
        &["refill"],
        |it| it.set("transactionAmount", json!("7.00")),
        "body transactionAmount: is no whole number above zero",
    ),
];

const BAD_TRANSACTION: &str = "header transactionId: is not 5 to 20 of the allowed characters";
const BAD_URL: &str = "body callBackUrl: is no absolute http(s) URL";
const BAD_START: &str = "body startDate: is no day in the right format";
const BAD_END: &str = "body endDate: is no day in the right format";

/// Breaks a right request. It is refused with the canonical envelope and counted, and it does
/// nothing.
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
async fn every_breach_of_the_contract_is_refused_and_counted() {
    let rig = Rig::new().await;
    for (cases, status) in [(STRANGERS, 401), (BREACHES, 400)] {
        for (operations, breaking, problem) in cases {
            for operation in *operations {
                refused(&rig, operation, *breaking, status, problem).await;
            }
        }
    }
    assert!(!rig.look("violations").await.to_string().contains(NUMBER));
    // A token ends when it says.
    rig.clock.turn(Duration::from_secs(3_598));
    rig.ask("plans").await.ok();
    rig.clock.turn(Duration::from_secs(1));
    refused(&rig, "plans", |it| it, 401, "token: has expired").await;
    refused(&rig, "refill", |it| it, 401, "token: has expired").await;
}

#[tokio::test]
async fn what_the_contract_leaves_open_is_accepted() {
    let rig = Rig::new().await;
    for operation in OPERATIONS {
        let expected = if LATE[1..].contains(&operation) { 202 } else { 200 };
        let by_basic = rig.right(operation).header("authorization", &rig.basic());
        for right in [rig.right(operation), by_basic, rig.right(operation).without("transactionid")]
        {
            assert_eq!(rig.send(right).await.status, expected, "{operation}");
        }
        if matches!(operation, "product_plans" | "refill") {
            rig.send(rig.right(operation).without("authorization")).await.ok();
        }
    }
    let charset = "application/json; charset=utf-8";
    rig.send(rig.right("balance").header("content-type", charset)).await.ok();
    for id in ["abcde", "aA9+/=-", "abcdeabcdeabcdeabcde"] {
        rig.send(rig.right("refill").header("transactionid", id)).await.ok();
    }
    let all = "?plan=DATA&momo=true&includeReservations=false&quoteid=q1&fixedLine=01234";
    rig.send(rig.right("plans").plus(all).with("x-authorization", "opaque")).await.ok();
    rig.assert_no_violations().await;
}
