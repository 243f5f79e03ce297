//! `POST /account/auth`: a code becomes an account id, once.

use std::time::Duration;

use serde_json::json;

use crate::support::{Gateway, Provider, Script, agreeable_mono, mono_at};

#[tokio::test]
async fn an_invalid_or_unknown_code_is_refused_before_anything_happens() {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    for code in [json!(null), json!(1), json!(""), json!("c".repeat(600))] {
        let reply = caller.post("/account/auth", json!({ "code": code })).await;
        reply.refused(400, "invalid_request");
    }
    caller.post("/account/auth", json!({})).await.refused(400, "invalid_request");
    caller.exchange("code_unknown").await.refused(410, "code_expired");
    assert_eq!(mono.received().len(), 0);
    assert_eq!(gateway.items("SessionsTable").await, 0);
    assert_eq!(gateway.items("AccountsTable").await, 0);
}

#[tokio::test]
async fn a_code_exchanged_again_by_its_owner_gives_the_same_id() {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.prove().await;
    let replies = futures_util::future::join_all((0..20).map(|_| caller.exchange("code_1"))).await;
    for reply in &replies {
        match reply.status {
            200 => assert_eq!(reply.json(), json!({ "id": "acc1" })),
            _ => drop(reply.refused(409, "in_progress")),
        }
    }
    assert!(replies.iter().any(|reply| reply.status == 200));
    assert_eq!(caller.exchange("code_1").await.ok(), json!({ "id": "acc1" }));
    gateway.other_caller().exchange("code_1").await.refused(410, "code_expired");
    let exchanges = mono.received().iter().filter(|it| it.target == "/account/auth").count();
    assert_eq!(exchanges, 1, "Mono is asked once");
    gateway.clock.turn(Duration::from_secs(600));
    caller.exchange("code_1").await.refused(410, "code_expired");
}

#[tokio::test]
async fn an_exchange_under_way_is_in_progress_until_its_lease_ends() {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.prove().await;
    mono.script(|_| Script::Silence);
    let hanging = tokio::time::timeout(Duration::from_millis(500), caller.exchange("code_1"));
    assert!(hanging.await.is_err());
    let meanwhile = caller.exchange("code_1").await;
    meanwhile.refused(409, "in_progress");
    assert_eq!(meanwhile.retry_after.as_deref(), Some("30"));

    gateway.clock.turn(Duration::from_secs(30));
    mono.script(|_| Script::Json(400, json!({ "status": "failed", "message": "used" })));
    caller.exchange("code_1").await.refused(410, "code_expired");
}

#[tokio::test]
async fn the_exchange_may_be_at_its_newer_path() {
    let mono = Provider::start(|request| match request.target.as_str() {
        "/v2/accounts/auth" => Script::Json(200, json!({ "data": { "id": "acc7" } })),
        "/account/auth" => Script::Json(404, json!({ "message": "moved" })),
        _ => agreeable_mono(request),
    })
    .await;
    let path = ("MONO_EXCHANGE_PATH", "/v2/accounts/auth");
    let gateway = Gateway::with(&[&mono_at(&mono.url)[..], &[path]].concat()).await;
    let caller = gateway.caller();
    caller.prove().await;
    assert_eq!(caller.exchange("code_1").await.ok(), json!({ "id": "acc7" }));
}
