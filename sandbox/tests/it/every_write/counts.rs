//! Counts: limits and OTP tries.

use lambda_runtime::Context;
use serde_json::{Value, json};

use super::loss::{Loss, event_with};
use crate::support::purchases::{DELIVERED, FAILED, airtime, purchase_event};
use crate::support::{Gateway, KEY, PHONE, Provider, Script, agreeable_mono, event, mono_at};

const WRONG: &str = "000000";

pub async fn the_last_otp_of_a_limit_is_counted_once_and_sent(loss: Loss) {
    let mono = Provider::start(agreeable_mono).await;
    let limit = ("OTP_LIMIT_ADDRESS", "1/600,1/86400");
    let gateway = Gateway::with(&[&mono_at(&mono.url)[..], &[limit]].concat()).await;
    let (tap, auth) = gateway.with_tap("auth").await;
    let body = json!({ "phone": PHONE, "provider": "mtn" });
    let ask = event(KEY, "POST /telecom/auth", &[], &body.to_string());
    let answer = loss.run(&tap, &auth, ask.clone()).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    for item in gateway.scan("LimitsTable").await {
        assert_eq!(item["long"], 1, "{item}");
    }
    let answer = auth(ask, Context::default()).await.unwrap();
    assert_eq!(answer["statusCode"], 429, "{answer}");
    assert_eq!(mono.received().len(), 1);
}

pub async fn the_last_purchase_of_a_limit_is_counted_once_and_made(loss: Loss) {
    let gateway = Gateway::with(&[("LIMIT_PURCHASES", "2/60,2/86400")]).await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    for key in ["a", "b"] {
        let answer = loss.run(&tap, &purchase, purchase_event(key, &airtime(DELIVERED))).await;
        assert_eq!(answer["statusCode"], 201, "{key}: {answer}");
    }
    assert_eq!(counted(&gateway, "purchases#").await, 2);
    gateway.caller().buy("c", &airtime(DELIVERED)).await.refused(429, "rate_limited");
}

pub async fn an_amount_is_counted_once_against_the_money_limit(loss: Loss) {
    let gateway = Gateway::with(&[("SPEND_LIMIT", "20000/60,20000/86400")]).await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    for key in ["a", "b"] {
        let answer = loss.run(&tap, &purchase, purchase_event(key, &airtime(DELIVERED))).await;
        assert_eq!(answer["statusCode"], 201, "{key}: {answer}");
    }
    assert_eq!(counted(&gateway, "spending#").await, 20_000);
    gateway.caller().buy("c", &airtime(DELIVERED)).await.refused(403, "limit_exceeded");
}

pub async fn an_amount_is_given_back_once(loss: Loss) {
    let gateway = Gateway::with(&[("SPEND_LIMIT", "20000/60,20000/86400")]).await;
    gateway.caller().buy("kept", &airtime(DELIVERED)).await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    let answer = loss.run(&tap, &purchase, purchase_event("failed", &airtime(FAILED))).await;
    assert!(answer.to_string().contains("failed"), "{answer}");
    assert_eq!(counted(&gateway, "spending#").await, 10_000);
}

pub async fn a_withdrawn_account_is_counted_once(loss: Loss) {
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
    let check = json!({ "kind": "withdrawal", "account_id": "acc1", "step": 0 });
    gateway.send_raw(&check.to_string()).await;
    loss.begin(&tap);
    gateway.drive(&requery).await;
    loss.end(&tap);
    assert_eq!(caller.consent_state("acc1").await, "unlinked");
    assert_eq!(counted(&gateway, "withdrawals#").await, 1);
}

/// What is counted of the only subject under this prefix.
async fn counted(gateway: &Gateway, prefix: &str) -> u64 {
    let items = gateway.scan("LimitsTable").await;
    let mut items = items.iter().filter(|it| it["pk"].as_str().unwrap().starts_with(prefix));
    items.find_map(|it| it["long"].as_u64()).unwrap()
}

/// A session, its gateway and its Mono, which refuses the wrong OTP.
async fn session() -> (Provider, Gateway) {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.session(PHONE, "mtn").await;
    mono.script(|request| match request.body.contains(WRONG) {
        true => Script::Json(400, json!({ "status": "failed", "message": "wrong" })),
        false => agreeable_mono(request),
    });
    (mono, gateway)
}

fn verify(otp: &str) -> String {
    event_with("POST /telecom/verify", ("x-session-id", "s-1"), &json!({ "otp": otp }))
}

async fn tries(gateway: &Gateway) -> Value {
    gateway.scan("SessionsTable").await[0]["tries"].clone()
}

pub async fn an_otp_try_is_counted_once(loss: Loss) {
    let (_mono, gateway) = session().await;
    let (tap, function) = gateway.with_tap("verify").await;
    for count in 1..=5 {
        let answer = loss.run(&tap, &function, verify(WRONG)).await;
        assert_eq!(answer["statusCode"], 400, "{count}: {answer}");
        assert_eq!(tries(&gateway).await, count);
    }
    gateway.caller().verify("s-1", WRONG).await.refused(429, "too_many_attempts");
}

pub async fn the_fifth_otp_try_reaches_mono(loss: Loss) {
    let (mono, gateway) = session().await;
    let caller = gateway.caller();
    for _ in 0..4 {
        caller.verify("s-1", WRONG).await.refused(400, "invalid_otp");
    }
    let (tap, function) = gateway.with_tap("verify").await;
    let answer = loss.run(&tap, &function, verify("123456")).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(mono.received().len(), 6, "the session and five tries");
    caller.exchange("code_1").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_try_between_a_try_and_its_repeat_is_never_uncounted() {
    let (mono, gateway) = session().await;
    let caller = gateway.caller();
    let (tap, function) = gateway.with_tap("verify").await;
    // The answer to the count is held back after it took effect, until the SDK repeats the call.
    tap.hold_at(Some(1));
    let (answer, ()) = tokio::join!(function(verify(WRONG), Context::default()), async {
        tap.held().await;
        caller.verify("s-1", WRONG).await.refused(400, "invalid_otp");
    });
    assert_eq!(answer.unwrap()["statusCode"], 400);
    assert_eq!(mono.received().len(), 3, "the session and two tries");
    assert_eq!(tries(&gateway).await, 3, "one too many, never one too few");
}
