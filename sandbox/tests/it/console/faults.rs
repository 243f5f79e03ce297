//! A provider that is down or slow by the console's switch.

use serde_json::{Value, json};

use crate::support::{Caller, Gateway, PHONE};

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_down_answers_nobody_until_it_is_up() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let fault = async |provider: &str, body: Value| {
        caller.console("POST", &format!("{provider}/fault"), &body).await
    };
    for provider in ["mono", "vtpass", "mtn"] {
        let shown = caller.console("GET", &format!("{provider}/fault"), &Value::Null).await;
        assert_eq!(shown, json!({ "down": false, "delay_ms": 0 }), "{provider}");
    }
    assert_eq!(fault("mono", json!({ "down": true })).await["down"], true);
    caller.auth(PHONE, "mtn").await.refused(503, "upstream_unavailable");
    // The others are not.
    assert_eq!(caller.get("/services/etisalat-data/variations").await.status, 200);
    fault("mono", json!({ "down": false })).await;
    caller.auth(PHONE, "mtn").await.ok();

    let slow = fault("mono", json!({ "delay_ms": 40 })).await;
    assert_eq!(slow, json!({ "down": false, "delay_ms": 40 }));
    let begun = std::time::Instant::now();
    caller.auth(PHONE, "mtn").await.ok();
    assert!(begun.elapsed().as_millis() >= 40);
}

#[tokio::test]
async fn a_fault_is_a_switch_and_a_delay_up_to_a_minute() {
    let (_gateway, caller) = Gateway::with_caller().await;
    for (body, why) in [
        (r#"{"delay_ms":60001}"#, "0 to 60000"),
        (r#"{"delay_ms":-1}"#, "expected u64"),
        (r#"{"down":1}"#, "expected a boolean"),
        (r#"{"up":true}"#, "unknown field `up`"),
        ("", "EOF"),
    ] {
        Caller::says(&caller.to_console("POST", "vtpass/fault", body).await, 400, why);
    }
    let shown = caller.console("GET", "vtpass/fault", &Value::Null).await;
    assert_eq!(shown, json!({ "down": false, "delay_ms": 0 }));
}
