//! The consent record and the export.

use serde_json::{Value, json};

use crate::support::Gateway;

const PHONE: &str = "07082109281";

#[tokio::test]
async fn a_consent_is_on_record_until_it_is_withdrawn() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let terms =
        json!({ "purpose": "loan 42", "scope": "what is needed", "policy_version": "2026-01" });
    let body = json!({ "phone": PHONE, "provider": "airtel", "consent": terms });
    let auth = caller.post("/v2/telecom/auth", body).await.ok();
    let session = auth["data"]["session_id"].as_str().unwrap();
    let verify = caller.verify(session, &caller.otp(PHONE).await).await.ok();
    let exchange = caller.exchange(verify["data"]["code"].as_str().unwrap()).await.ok();
    let id = exchange["id"].as_str().unwrap();
    let path = |tail: &str| format!("/accounts/{id}{tail}");

    let data = caller.get(&path("/consent")).await.ok()["data"].clone();
    assert_eq!((&data["state"], &data["provider"]), (&json!("linked"), &json!("airtel")));
    assert_eq!(data["consent"]["purpose"], "loan 42");
    assert_eq!(data["history"][0]["purpose"], "loan 42");
    assert_eq!(data["consent"]["source_ip"], "127.0.0.1");
    assert_eq!(data["consent"]["session"], shared::platform::crypto::hashed(session));
    let export = caller.get(&path("/export")).await.ok();
    assert_eq!(export["data"]["phone"], PHONE);

    let unlinked = caller.unlink(id).await.ok();
    assert_eq!(unlinked["data"], json!({ "id": id, "state": "unlinked" }));
    for tail in ["", "/balances", "/transactions", "/identity"] {
        caller.get(&path(tail)).await.refused(404, "not_found");
    }
    let export = caller.get(&path("/export")).await;
    assert!(!export.text.contains(PHONE) && !export.text.contains("127.0.0.1"));
    let history = export.ok()["data"]["history"].clone();
    let events: Vec<_> = history.as_array().unwrap().iter().map(|it| &it["event"]).collect();
    assert_eq!(events, ["linked", "unlinking", "unlinked"]);
    assert_eq!(history[0]["policy_version"], Value::Null, "a text is kept while it is linked");
    let hash = shared::platform::crypto::keyed_hash(session, "2026-01");
    assert_eq!(history[0]["hashes"]["policy_version"], hash);
    // A second unlink is not an error and changes nothing.
    caller.unlink(id).await.ok();

    assert_eq!(caller.link(PHONE, "airtel").await, id);
    let record = caller.get(&path("/consent")).await.ok();
    assert_eq!(record["data"]["history"].as_array().unwrap().len(), 4);
    caller.get(&path("")).await.ok();
}
