//! What a consent covers, and what a deployment requires of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::functions::consent::DATA;
use crate::support::mtn::ANSWER_TIME;
use crate::support::{Caller, Gateway, PHONE};

const LINE: &str = "08031234567";

/// The paths of data that open.
async fn open(caller: &Caller, id: &str) -> Vec<&'static str> {
    let mut open = Vec::new();
    for path in DATA {
        let reply = caller.get(&format!("/accounts/{id}{path}")).await;
        match reply.status {
            200 | 202 => open.push(path),
            _ => assert!(reply.refused(403, "forbidden").contains("consent does not cover")),
        }
    }
    open
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_of_known_words_opens_these_only() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let recharges = ["/mtn/recharges", "/mtn/recharges/summary"];
    for (scope, opens) in [
        ("balances, Identity", &["/balances", "/identity"][..]),
        ("account transactions", &["", "/transactions"]),
        ("mtn.plans", &["/mtn/plans"]),
        ("mtn.recharges", &recharges),
        ("mtn", &DATA[4..]),
        ("whatever helps", &DATA),
        ("", &DATA),
    ] {
        let id = caller.consented(LINE, "mtn", &json!({ "scope": scope })).await;
        assert_eq!(open(&caller, &id).await, opens, "{scope}");
        let record = caller.get(&format!("/accounts/{id}/consent")).await.ok();
        assert_eq!(record["data"]["consent"]["scope"], scope);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrower_consent_closes_the_answers_to_earlier_questions() {
    let (gateway, caller) = Gateway::with_caller().await;
    let id = caller.link(LINE, "mtn").await;
    caller.mtn_answers("recharges", &["now", "lost"]).await;
    caller.mtn(&id, "recharges").await.ok();
    let asked = caller.asked(&id, "recharges").await;
    let export = async || caller.get(&format!("/accounts/{id}/export")).await.ok()["data"].clone();
    caller.get(&format!("/requests/{asked}")).await.ok();
    assert_eq!(export().await["requests"].as_array().unwrap().len(), 2);
    let urls = caller.callback_urls().await;

    caller.consented(LINE, "mtn", &json!({ "scope": "mtn.balance" })).await;
    caller.get(&format!("/requests/{asked}")).await.refused(403, "forbidden");
    assert_eq!(export().await["requests"], json!([]));
    let answer = r#"{"statusCode":"0000","data":{"recharges":[]}}"#;
    assert_eq!(caller.call_back(&urls[1], answer).await.status, 404, "it is not kept");
    // MTN is not asked again, and what it answered goes.
    let gone = async || (gateway.items("RequestsTable").await == 0).then_some(());
    gateway.turn_until(ANSWER_TIME, Duration::from_millis(25), gone).await;
    assert_eq!(caller.callback_urls().await.len(), urls.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_may_require_fields_of_a_consent() {
    let required = [("CONSENT_REQUIRED_FIELDS", "purpose,scope,customer_ip")];
    let gateway = Gateway::with(&required).await;
    let caller = gateway.caller();
    let auth = async |consent: Value| {
        let body = json!({ "phone": PHONE, "provider": "mtn", "consent": consent });
        caller.post("/v2/telecom/auth", body).await
    };
    let whole = json!({ "purpose": "loan", "scope": "identity", "customer_ip": "197.210.64.10" });
    for (name, value) in [
        ("purpose", json!(null)),
        ("scope", json!("everything")),
        ("customer_ip", json!("")),
        ("customer_ip", json!("the phone's")),
        ("expires_at", json!("2020-01-01T00:00:00Z")),
    ] {
        let mut consent = whole.clone();
        consent[name] = value;
        let message = auth(consent).await.refused(400, "invalid_request");
        assert!(message.contains(name), "{message}");
    }
    auth(Value::Null).await.refused(400, "invalid_request");
    auth(whole).await.ok();
    assert_eq!(gateway.items("SessionsTable").await, 1);
}
