//! What Mono reports of accounts is believed once Mono, asked, confirms it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Caller, Gateway, Provider, Reply, Script, agreeable_mono};

const SECRET: &str = "webhook-secret-of-mono";
const LINE: &str = "08031234567";

async fn state(caller: &Caller, id: &str) -> String {
    let record = caller.get(&format!("/accounts/{id}/consent")).await.ok();
    record["data"]["state"].as_str().unwrap().to_owned()
}

async fn until_unlinked(gateway: &Gateway, caller: &Caller, id: &str) {
    for _ in 0..100 {
        if state(caller, id).await == "unlinked" {
            return;
        }
        gateway.clock.turn(Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never unlinked");
}

/// What settles without an answer to wait for.
async fn a_while(gateway: &Gateway) {
    for _ in 0..5 {
        gateway.clock.turn(Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

async fn report(caller: &Caller, secret: &str, event: &Value) -> Reply {
    let headers = [("mono-webhook-secret", secret)];
    caller.send_bare("POST", "/callbacks/mono", &headers, event.to_string().into_bytes()).await
}

fn unlinked(account: &Value) -> Value {
    json!({ "event": "mono.events.account_unlinked", "data": account })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_at_mono_erases_it_for_every_caller() {
    let gateway = Gateway::start().await;
    let (first, second) = (gateway.caller(), gateway.other_caller());
    let id = first.link(LINE, "mtn").await;
    assert_eq!(second.link(LINE, "mtn").await, id);
    first.mtn(&id, "balance").await.ok();
    let body = json!({ "account_id": id });
    let said = first.post("/_sandbox/mono/withdraw", body).await.ok();
    assert_eq!(said, json!({ "webhook": 200 }));
    for caller in [&first, &second] {
        until_unlinked(&gateway, caller, &id).await;
        let gone = caller.get(&format!("/accounts/{id}")).await;
        assert_eq!(gone.error(), (404, "not_found".to_owned()));
    }
    assert_eq!(gateway.items("RequestsTable").await, 0);
    for account in gateway.scan("AccountsTable").await {
        assert!(!account.to_string().contains(&LINE[1..]), "{account}");
    }
}

/// A Mono whose answer about the account is `status`, and a caller that holds it.
async fn linked(status: u16) -> (Gateway, Provider, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(status));
    let says = status.clone();
    let mono = Provider::start(move |request| match request.target.as_str() {
        "/accounts/acc1" => Script::Json(says.load(Ordering::SeqCst), json!({ "id": "acc1" })),
        _ => agreeable_mono(request),
    })
    .await;
    let vars = [
        ("MONO_BASE_URL", mono.url.as_str()),
        ("MONO_SECRET_KEY", "live_sk_of_mono"),
        ("MONO_WEBHOOK_SECRET", SECRET),
    ];
    let gateway = Gateway::with(&vars).await;
    let caller = gateway.caller();
    let session = caller.session(LINE, "mtn").await;
    caller.verify(&session, "123456").await.ok();
    caller.exchange("code_1").await.ok();
    (gateway, mono, status)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_place_of_the_id_is_read() {
    for account in [
        json!({ "id": "acc1" }),
        json!({ "account": { "id": "acc1" } }),
        json!({ "account": { "_id": "acc1", "name": "x" } }),
    ] {
        let (gateway, ..) = linked(404).await;
        let caller = gateway.caller();
        report(&caller, SECRET, &unlinked(&account)).await.ok();
        until_unlinked(&gateway, &caller, "acc1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_mono_does_not_confirm_changes_nothing() {
    let (gateway, mono, status) = linked(200).await;
    let caller = gateway.caller();
    let event = unlinked(&json!({ "account": { "id": "acc1" } }));
    report(&caller, SECRET, &event).await.ok();
    a_while(&gateway).await;
    assert_eq!(state(&caller, "acc1").await, "linked");
    let asked = || mono.received().iter().filter(|it| it.target == "/accounts/acc1").count();
    assert_eq!(asked(), 1, "asked, and told that it is there");
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
    // A Mono that is down, or refuses us, says nothing: it is asked until it does.
    for silent in [500, 401, 429] {
        status.store(silent, Ordering::SeqCst);
        report(&caller, SECRET, &event).await.ok();
        a_while(&gateway).await;
        assert_eq!(state(&caller, "acc1").await, "linked", "{silent}");
    }
    status.store(404, Ordering::SeqCst);
    until_unlinked(&gateway, &caller, "acc1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_secret_there_is_no_such_route() {
    let (gateway, mono, _) = linked(404).await;
    let caller = gateway.caller();
    let event = unlinked(&json!({ "account": { "id": "acc1" } }));
    for secret in ["", "wrong", &SECRET[1..], "webhook-secret-of-monO"] {
        let reply = report(&caller, secret, &event).await;
        assert_eq!(reply.error(), (404, "not_found".to_owned()), "{secret}");
    }
    let bare = caller.send_bare("POST", "/callbacks/mono", &[], event.to_string().into()).await;
    assert_eq!(bare.error(), (404, "not_found".to_owned()));
    a_while(&gateway).await;
    assert_eq!(state(&caller, "acc1").await, "linked");
    assert!(!mono.received().iter().any(|it| it.target == "/accounts/acc1"));
    // Where no secret is set, none opens it.
    let off = Gateway::with_mono(&mono).await;
    let reply = report(&off.caller(), "", &event).await;
    assert_eq!(reply.error(), (404, "not_found".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_means_nothing_here_is_taken_and_left() {
    let (gateway, mono, _) = linked(404).await;
    let caller = gateway.caller();
    for event in [
        json!({}),
        json!({ "event": "mono.events.account_updated", "data": { "account": { "_id": "acc1" } } }),
        json!({ "event": "mono.events.account_unlinked", "data": {} }),
        unlinked(&json!({ "account": { "id": "../acc1" } })),
        unlinked(&json!({ "id": "" })),
    ] {
        report(&caller, SECRET, &event).await.ok();
    }
    for body in ["", "[", "7", "{\"event\":7}"] {
        let headers = [("mono-webhook-secret", SECRET)];
        let reply = caller.send_bare("POST", "/callbacks/mono", &headers, body.into()).await;
        assert_eq!(reply.error(), (400, "invalid_request".to_owned()), "{body}");
    }
    a_while(&gateway).await;
    assert_eq!(state(&caller, "acc1").await, "linked");
    assert!(!mono.received().iter().any(|it| it.target == "/accounts/acc1"));
}
