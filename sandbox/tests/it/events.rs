//! The sample events in `events/`: the same files that `cargo lambda invoke --data-file` sends.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::Gateway;

/// Each sample and what its function answers in an empty sandbox: a status, or a whole answer.
fn expected() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("authorizer", "unknown-key", json!({ "isAuthorized": false, "context": {} })),
        ("auth", "airtel", json!(200)),
        ("auth", "unknown-provider", json!(400)),
        ("verify", "unknown-session", json!(410)),
        ("exchange", "unknown-code", json!(410)),
        ("exchange", "unlink-unknown-account", json!(404)),
        ("fetch-data", "unknown-account", json!(404)),
        ("fetch-data", "mtn-unknown-account", json!(404)),
        ("mtn-callback", "unknown-request", json!(404)),
        ("mtn-callback", "not-json", json!(400)),
        ("purchase", "airtime", json!(201)),
        ("purchase", "no-key", json!(400)),
        ("purchase", "catalogue", json!(200)),
        ("purchase", "refill", json!(201)),
        (
            "requery",
            "unknown-and-unreadable",
            json!({ "batchItemFailures": [{ "itemIdentifier": "sample-unreadable" }] }),
        ),
        ("requery", "masking", json!({ "batchItemFailures": [] })),
        ("vtpass-callback", "unknown", json!(200)),
    ]
}

fn events() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../events"))
}

#[tokio::test]
async fn every_sample_is_answered_as_documented() {
    let gateway = Gateway::start().await;
    for (function, case, wanted) in expected() {
        let file = events().join(format!("{function}-{case}.json"));
        let event = std::fs::read_to_string(&file).unwrap();
        let event: Value = serde_json::from_str(&event).unwrap();
        let answer = gateway.sandbox.functions[function].invoke(&event).await.unwrap();
        match wanted.is_number() {
            true => assert_eq!(answer["statusCode"], wanted, "{function}-{case}: {answer}"),
            false => assert_eq!(answer, wanted, "{function}-{case}"),
        }
    }
}

#[tokio::test]
async fn every_function_has_a_sample_and_every_sample_is_tried() {
    let gateway = Gateway::start().await;
    let tried: BTreeSet<String> =
        expected().iter().map(|(function, case, _)| format!("{function}-{case}.json")).collect();
    let files = std::fs::read_dir(events()).unwrap();
    let there: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(tried, there);
    for function in gateway.sandbox.functions.keys() {
        assert!(expected().iter().any(|(it, ..)| it == function), "{function} has no sample");
    }
}

#[tokio::test]
async fn the_console_invokes_a_function() {
    let gateway = Gateway::start().await;
    let invoke = async |function: &str, event: &str| {
        let path = format!("/_sandbox/invoke/{function}");
        gateway.caller().send_bare("POST", &path, &[], event.into()).await
    };
    let event = std::fs::read_to_string(events().join("requery-unknown-and-unreadable.json"));
    let answer = invoke("requery", &event.unwrap()).await.ok();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "sample-unreadable");
    assert_eq!(invoke("nothing", "{}").await.status, 404);
    assert_eq!(invoke("requery", "no event").await.status, 400);
    // An event of another kind: the function fails, as it would in Lambda.
    assert_eq!(invoke("requery", "{}").await.status, 502);
}

#[tokio::test]
async fn a_web_page_has_no_say_on_the_console() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let event = std::fs::read(events().join("purchase-airtime.json")).unwrap();
    let page = [("origin", "https://example.com"), ("content-type", "text/plain")];
    let path = "/_sandbox/invoke/purchase";
    assert_eq!(caller.send_bare("POST", path, &page, event).await.status, 403);
    assert_eq!(caller.send_bare("GET", "/_sandbox/otps", &page, vec![]).await.status, 403);
    assert_eq!(gateway.items("PurchasesTable").await, 0);
}
