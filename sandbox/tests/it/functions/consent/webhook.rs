//! Mono's webhook: a reported withdrawal counts only once Mono, asked about the account, confirms it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::tap::crash_at;
use crate::support::{Caller, Gateway, PHONE, Provider, Reply, Script, agreeable_mono, mono_at};

const SECRET: &str = "webhook-secret-of-mono";

async fn until_unlinked(gateway: &Gateway, caller: &Caller, id: &str) {
    let find = async || (caller.consent_state(id).await == "unlinked").then_some(());
    gateway.turn_until(Duration::from_secs(10), Duration::from_millis(25), find).await;
}

/// Gives the requery time to run.
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
async fn a_withdrawal_at_mono_erases_the_account_for_every_tenant() {
    let gateway = Gateway::start().await;
    let (first, second) = (gateway.caller(), gateway.other_caller());
    let id = first.link(PHONE, "mtn").await;
    assert_eq!(second.link(PHONE, "mtn").await, id);
    first.mtn(&id, "balance").await.ok();
    let body = json!({ "account_id": id });
    let said = first.post("/_sandbox/mono/withdraw", body).await.ok();
    assert_eq!(said, json!({ "webhook": 200 }));
    for caller in [&first, &second] {
        until_unlinked(&gateway, caller, &id).await;
        caller.get(&format!("/accounts/{id}")).await.refused(404, "not_found");
    }
    assert_eq!(gateway.items("RequestsTable").await, 0);
    for account in gateway.scan("AccountsTable").await {
        assert!(!account.to_string().contains(&PHONE[1..]), "{account}");
    }
}

/// A Mono whose answer about the account is `status`, and a caller that holds it.
async fn linked(status: u16) -> (Gateway, Caller, Provider, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(status));
    let says = status.clone();
    let mono = Provider::start(move |request| match request.target.as_str() {
        "/accounts/acc1" => Script::Json(says.load(Ordering::SeqCst), json!({ "id": "acc1" })),
        _ => agreeable_mono(request),
    })
    .await;
    let secret = ("MONO_WEBHOOK_SECRET", SECRET);
    let gateway = Gateway::with(&[&mono_at(&mono.url)[..], &[secret]].concat()).await;
    let caller = gateway.caller();
    caller.link_acc1().await;
    (gateway, caller, mono, status)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_place_of_the_id_is_read() {
    for account in [
        json!({ "id": "acc1" }),
        json!({ "account": { "id": "acc1" } }),
        json!({ "account": { "_id": "acc1", "name": "x" } }),
    ] {
        let (gateway, caller, ..) = linked(404).await;
        report(&caller, SECRET, &unlinked(&account)).await.ok();
        until_unlinked(&gateway, &caller, "acc1").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_mono_does_not_confirm_changes_nothing() {
    let (gateway, caller, mono, status) = linked(200).await;
    let event = unlinked(&json!({ "account": { "id": "acc1" } }));
    report(&caller, SECRET, &event).await.ok();
    let none_left = async || (gateway.messages("FollowUpQueue").await == 0).then_some(());
    gateway.turn_until(Duration::from_secs(60), Duration::from_millis(40), none_left).await;
    assert_eq!(caller.consent_state("acc1").await, "linked");
    let asked = || mono.received().iter().filter(|it| it.target == "/accounts/acc1").count();
    assert_eq!(asked(), 6, "asked for about 20 minutes, and the account exists");
    // A Mono that fails or refuses us proves nothing: it is asked again.
    for silent in [500, 401, 429] {
        status.store(silent, Ordering::SeqCst);
        report(&caller, SECRET, &event).await.ok();
        a_while(&gateway).await;
        assert_eq!(caller.consent_state("acc1").await, "linked", "{silent}");
    }
    status.store(404, Ordering::SeqCst);
    until_unlinked(&gateway, &caller, "acc1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_comes_before_monos_own_api_knows_is_not_lost() {
    let (gateway, caller, mono, status) = linked(200).await;
    report(&caller, SECRET, &unlinked(&json!({ "id": "acc1" }))).await.ok();
    let asked = || mono.received().iter().filter(|it| it.target == "/accounts/acc1").count();
    let twice = async || (asked() >= 2).then_some(());
    gateway.turn_until(Duration::from_secs(30), Duration::from_millis(40), twice).await;
    assert_eq!(caller.consent_state("acc1").await, "linked");
    status.store(404, Ordering::SeqCst);
    until_unlinked(&gateway, &caller, "acc1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_is_begun_is_finished_even_if_another_tenant_links_after_a_crash() {
    for point in 0.. {
        let gateway = Gateway::undriven().await;
        let (first, second) = (gateway.caller(), gateway.other_caller());
        let id = first.link(PHONE, "mtn").await;
        first.post("/_sandbox/mono/withdraw", json!({ "account_id": id })).await.ok();
        gateway.clock.turn(Duration::from_secs(60));
        let (tap, requery) = gateway.with_tap("requery").await;
        let (record, receipt) = gateway.receive("FollowUpQueue").await.remove(0);
        let batch = json!({ "Records": [record] }).to_string();
        let crashed = crash_at(&requery, batch, &tap, point).await;
        tap.hold_at(None);
        if !crashed {
            gateway.delete("FollowUpQueue", &receipt).await;
        }
        // Mono knows the account again.
        assert_eq!(second.link(PHONE, "mtn").await, id);
        for _ in 0..12 {
            gateway.clock.turn(Duration::from_secs(360));
            gateway.drive(&requery).await;
        }
        for account in gateway.scan("AccountsTable").await {
            assert_ne!(account["state"], "unlinking", "point {point}");
        }
        assert_eq!(second.consent_state(&id).await, "linked", "point {point}");
        if !crashed {
            assert!(point >= 10, "{point} points");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_is_given_after_mono_was_asked_stays_and_its_account_counts_once() {
    let mono = Provider::start(|request| match request.target.as_str() {
        "/accounts/acc1" => Script::Json(404, json!({})),
        _ => agreeable_mono(request),
    })
    .await;
    let limit = ("LIMIT_WITHDRAWALS", "1/3600,1/86400");
    let gateway = Gateway::undriven_with(&[&mono_at(&mono.url)[..], &[limit]].concat()).await;
    let caller = gateway.caller();
    caller.link_acc1().await;
    let (tap, requery) = gateway.with_tap("requery").await;
    let check = json!({ "kind": "withdrawal", "account_id": "acc1", "step": 0 }).to_string();
    gateway.send_raw(&check).await;
    // Before the third call to AWS, which sends the unlink job.
    tap.hold_at(Some(4));
    let comes_back = async {
        tap.held().await;
        assert_eq!(tap.seen(), ["Query", "TransactWriteItems"]);
        mono.script(|request| match request.target.as_str() {
            "/accounts/acc1" => Script::Json(404, json!({})),
            "/v2/telecom/auth" => Script::Json(200, json!({ "data": { "session_id": "s-2" } })),
            "/v2/telecom/verify" => Script::Json(200, json!({ "data": { "code": "code_2" } })),
            _ => agreeable_mono(request),
        });
        caller.prove().await;
        caller.exchange("code_2").await.ok();
        // The exchange has a later check; here the customer stays.
        gateway.empty("FollowUpQueue").await;
        tap.release();
    };
    tokio::join!(gateway.drive(&requery), comes_back);
    tap.hold_at(None);
    gateway.clock.turn(Duration::from_secs(360));
    gateway.drive(&requery).await;
    assert_eq!(caller.consent_state("acc1").await, "linked");
    gateway.send_raw(&check).await;
    gateway.drive(&requery).await;
    assert_eq!(caller.consent_state("acc1").await, "unlinked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_whose_job_dies_again_and_again_counts_once() {
    let mono = Provider::start(|request| match request.target.as_str() {
        "/accounts/acc1" => Script::Json(404, json!({})),
        _ => agreeable_mono(request),
    })
    .await;
    let limit = ("LIMIT_WITHDRAWALS", "1/3600,1/86400");
    let gateway = Gateway::undriven_with(&[&mono_at(&mono.url)[..], &[limit]].concat()).await;
    let caller = gateway.caller();
    caller.link_acc1().await;
    let check = json!({ "kind": "withdrawal", "account_id": "acc1", "once": true, "step": 0 });
    gateway.send_raw(&check.to_string()).await;
    let (record, _) = gateway.receive("RequeryQueue").await.remove(0);
    let batch = json!({ "Records": [record] }).to_string();
    let mut died = 0;
    // The same message comes again after each death, which is one call later each time.
    loop {
        let (tap, requery) = gateway.with_tap("requery").await;
        if !crash_at(&requery, batch.clone(), &tap, died).await {
            break;
        }
        died += 1;
    }
    assert!(died >= 6, "it died {died} times");
    assert_eq!(caller.consent_state("acc1").await, "unlinked");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_read_met_is_asked_about_for_a_day_and_not_for_ever() {
    let mono = Provider::start(|request| match request.target.as_str() {
        "/accounts/acc1" => Script::Json(402, json!({})),
        _ => agreeable_mono(request),
    })
    .await;
    let gateway = Gateway::undriven_with(&mono_at(&mono.url)).await;
    gateway.caller().link_acc1().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    for (step, once, goes_on) in [(99, true, 1), (100, true, 0), (100, false, 1)] {
        let about =
            json!({ "kind": "withdrawal", "account_id": "acc1", "once": once, "step": step });
        gateway.send_raw(&about.to_string()).await;
        gateway.drive_queue("RequeryQueue", &requery).await;
        assert_eq!(gateway.messages("FollowUpQueue").await, goes_on, "{step} {once}");
        gateway.empty("FollowUpQueue").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_secret_the_webhook_is_404_and_unknown_events_are_ignored() {
    let (gateway, caller, mono, _) = linked(404).await;
    let event = unlinked(&json!({ "account": { "id": "acc1" } }));
    for secret in ["", "wrong", &SECRET[1..], "webhook-secret-of-monO"] {
        report(&caller, secret, &event).await.refused(404, "not_found");
    }
    let bare = caller.send_bare("POST", "/callbacks/mono", &[], event.to_string().into()).await;
    bare.refused(404, "not_found");
    // Without a configured secret no secret is accepted.
    let off = Gateway::with_mono(&mono).await;
    report(&off.caller(), "", &event).await.refused(404, "not_found");

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
        reply.refused(400, "invalid_request");
    }
    a_while(&gateway).await;
    assert_eq!(caller.consent_state("acc1").await, "linked");
    assert!(!mono.received().iter().any(|it| it.target == "/accounts/acc1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_an_account_that_mono_no_longer_knows_ends_its_consent() {
    for status in [404, 410] {
        let (gateway, caller, _mono, says) = linked(200).await;
        caller.get("/accounts/acc1").await.ok();
        // The customer withdraws at Mono, and no webhook comes.
        says.store(status, Ordering::SeqCst);
        caller.get("/accounts/acc1").await.refused(422, "upstream_rejected");
        until_unlinked(&gateway, &caller, "acc1").await;
        caller.get("/accounts/acc1").await.refused(404, "not_found");
    }
}
