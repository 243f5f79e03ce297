//! The sample events in `events/`, which `cargo lambda invoke --data-file` sends too.

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
        ("consent", "unlink-unknown-account", json!(404)),
        ("events", "list", json!(200)),
        ("books", "run", json!({ "balance_kobo": 1_000_000_000, "days_closed": 1 })),
        ("fetch-data", "unknown-account", json!(404)),
        ("fetch-data", "mtn-unknown-account", json!(404)),
        ("fetch-data", "providers", json!(200)),
        ("mtn-callback", "unknown-request", json!(404)),
        ("mtn-callback", "not-json", json!(400)),
        (
            "notify",
            "unknown-and-unreadable",
            json!({ "batchItemFailures": [{ "itemIdentifier": "sample-unreadable" }] }),
        ),
        ("purchase", "airtime", json!(201)),
        ("purchase", "no-key", json!(400)),
        ("purchase", "catalogue", json!(200)),
        ("purchase", "refill", json!(201)),
        ("purchase", "report", json!(200)),
        (
            "reconcile",
            "run",
            json!({ "restarted": 0, "consents_ended": 0, "looked_back": 0, "finished": 0, "given_up": 0,
                    "unreadable": 0, "failed": 0, "dormant_ended": 0, "masked": 0, "complete": true }),
        ),
        (
            "requery",
            "unknown-and-unreadable",
            json!({ "batchItemFailures": [{ "itemIdentifier": "sample-unreadable" }] }),
        ),
        ("requery", "masking", json!({ "batchItemFailures": [] })),
        (
            "send-webhook",
            "unknown-and-unreadable",
            json!({ "batchItemFailures": [{ "itemIdentifier": "sample-unreadable" }] }),
        ),
        ("vtpass-callback", "unknown", json!(200)),
        ("webhook-endpoints", "list", json!(200)),
    ]
}

/// The folder of the samples.
pub fn events() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../events"))
}

#[tokio::test]
async fn every_function_has_samples_and_each_is_answered_as_documented() {
    let gateway = Gateway::start().await;
    let mut tried = BTreeSet::new();
    for (function, case, wanted) in expected() {
        let name = format!("{function}-{case}.json");
        let event = std::fs::read_to_string(events().join(&name)).unwrap();
        let event: Value = serde_json::from_str(&event).unwrap();
        let answer = gateway.sandbox.functions[function].invoke(&event).await.unwrap();
        match wanted.is_number() {
            true => assert_eq!(answer["statusCode"], wanted, "{name}: {answer}"),
            false => assert_eq!(answer, wanted, "{name}"),
        }
        tried.insert(name);
    }
    let files = std::fs::read_dir(events()).unwrap();
    let there: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(tried, there);
    for function in gateway.sandbox.functions.keys() {
        assert!(expected().iter().any(|(it, ..)| it == function), "{function} has no sample");
    }
}
