//! A withdrawn consent reaches Mono, whatever fails on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::purchases::{MINUTE, until};
use crate::support::tap::{context, crash_at};
use crate::support::{
    Caller, Gateway, KEY, OTHER_KEY, PHONE, Provider, Script, agreeable_mono, event,
};

/// A linked account at a Mono that is down for unlinks while `down`.
async fn linked(down: bool) -> (Arc<AtomicBool>, Provider, Gateway, Caller) {
    let down = Arc::new(AtomicBool::new(down));
    let is_down = down.clone();
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.link_acc1().await;
    mono.script(move |request| match request.target.as_str() {
        "/accounts/acc1/unlink" if is_down.load(Ordering::SeqCst) => Script::Json(500, json!({})),
        _ => agreeable_mono(request),
    });
    (down, mono, gateway, caller)
}

fn unlinks(mono: &Provider) -> usize {
    mono.received().iter().filter(|it| it.target == "/accounts/acc1/unlink").count()
}

async fn turn(gateway: &Gateway, seconds: u64) {
    gateway.clock.turn(Duration::from_secs(seconds));
    tokio::time::sleep(Duration::from_millis(60)).await;
}

/// Turns the clock until the account is unlinked or linked.
async fn until_at_rest(gateway: &Gateway) -> String {
    let find = async || {
        let state = gateway.caller().consent_state("acc1").await;
        (state != "unlinking").then_some(state)
    };
    gateway.turn_until(MINUTE, Duration::from_millis(60), find).await
}

#[tokio::test(flavor = "multi_thread")]
async fn mono_is_told_until_it_confirms() {
    let (down, mono, gateway, caller) = linked(true).await;
    assert_eq!(caller.unlink("acc1").await.status, 503);
    caller.get("/accounts/acc1").await.refused(404, "not_found");
    let export = caller.get("/accounts/acc1/export").await;
    assert!(!export.text.contains(PHONE), "{}", export.text);
    assert_eq!(export.ok()["data"]["state"], "unlinking");
    // Hours of refusals. The clock is turned only when the next step waits: a message that is under way
    // at its visibility timeout would be delivered twice.
    let waits = async || gateway.counts("FollowUpQueue").await == [0, 0, 1];
    for told in 2..=13 {
        until("the next step waits", waits).await;
        gateway.clock.turn(Duration::from_secs(900));
        until("Mono is told", async || unlinks(&mono) == told).await;
    }
    until("the next step waits", waits).await;
    assert_eq!(caller.consent_state("acc1").await, "unlinking");
    down.store(false, Ordering::SeqCst);
    gateway.clock.turn(Duration::from_secs(900));
    until("it is confirmed", async || caller.consent_state("acc1").await == "unlinked").await;
    turn(&gateway, 3_600).await;
    gateway.until_messages("FollowUpQueue", 0).await;
    assert_eq!(unlinks(&mono), 14, "what is confirmed is not told again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_consent_is_not_withdrawn_by_an_old_message() {
    let (_, mono, gateway, caller) = linked(true).await;
    caller.unlink("acc1").await;
    mono.script(|request| match request.target.as_str() {
        "/v2/telecom/auth" => Script::Json(200, json!({ "data": { "session_id": "s-2" } })),
        "/v2/telecom/verify" => Script::Json(200, json!({ "data": { "code": "code_2" } })),
        _ => agreeable_mono(request),
    });
    caller.prove().await;
    caller.exchange("code_2").await.ok();
    let told = unlinks(&mono);
    turn(&gateway, 3_600).await;
    tokio::time::sleep(Duration::from_millis(140)).await;
    assert_eq!(caller.consent_state("acc1").await, "linked");
    assert_eq!(unlinks(&mono), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_in_an_unlink_leaves_it_undone_or_finishes_it() {
    let event = event(KEY, "POST /accounts/{id}/unlink", &[("id", "acc1")], "{}");
    for point in 0.. {
        let (_, mono, gateway, _) = linked(false).await;
        let (tap, consent) = gateway.with_tap("consent").await;
        let crashed = crash_at(&consent, event.clone(), &tap, point).await;
        tap.hold_at(None);
        let end = until_at_rest(&gateway).await;
        let told = unlinks(&mono) > 0;
        assert_eq!(told, end == "unlinked", "point {point}: {end}");
        if !crashed {
            assert_eq!(end, "unlinked");
            assert!(point >= 10, "read, send, write, look, write: {point}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_an_unlink_does_not_see_ends_and_its_tenant_is_told() {
    let gateway = Gateway::undriven().await;
    let (first, second) = (gateway.caller(), gateway.other_caller());
    for (linking, key) in [(&second, OTHER_KEY), (&first, KEY)] {
        let id = first.link(PHONE, "mtn").await;
        let code = linking.code(PHONE, "mtn").await;
        let (tap, exchange) = gateway.with_tap("exchange").await;
        // Before the fifth call: after the claim, the look, the check and the announcement.
        tap.hold_at(Some(2 * 4));
        let body = json!({ "code": code }).to_string();
        let linked = exchange(event(key, "POST /account/auth", &[], &body), context());
        let unlinked = async {
            tap.held().await;
            assert_eq!(tap.seen(), ["UpdateItem", "Query", "SendMessage", "SendMessage"]);
            first.unlink(&id).await.ok();
            tap.release();
        };
        let (linked, ()) = tokio::join!(linked, unlinked);
        assert_eq!(linked.unwrap()["statusCode"], 200);
        assert_eq!(linking.consent_state(&id).await, "linked", "Mono does not know it any more");
        let (_, requery) = gateway.with_tap("requery").await;
        gateway.clock.turn(2 * MINUTE);
        gateway.drive(&requery).await;
        assert_eq!(linking.consent_state(&id).await, "unlinked");
        let (_, notify) = gateway.with_tap("notify").await;
        gateway.drive_queue("NotifyQueue", &notify).await;
        let told = linking.get("/events?type=account.unlinked").await.ok();
        assert_eq!(told["data"][0]["data"]["account_id"], id.as_str(), "{told}");
    }
}
