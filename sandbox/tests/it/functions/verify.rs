//! `POST /telecom/verify`: an OTP session, its five tries and its end.

use std::time::Duration;

use serde_json::json;

use crate::support::{Gateway, PHONE, Provider, Script, agreeable_mono, numbered_mono};

#[tokio::test]
async fn an_invalid_body_is_refused_and_costs_no_try() {
    let (mono, _gateway, caller) = Gateway::with_agreeable_mono().await;
    let session = caller.session(PHONE, "mtn").await;
    for _ in 0..3 {
        for otp in ["", "12345", "1234567", "12 456", "12345\u{0}", "１２３４５６"] {
            caller.verify(&session, otp).await.refused(400, "invalid_request");
        }
    }
    let header = [("x-session-id", session.as_str())];
    for body in ["", "{}", "{\"otp\":123456}", "{\"otp\":null}", "otp"] {
        let reply = caller.send("POST", "/v2/telecom/verify", &header, body.into()).await;
        reply.refused(400, "invalid_request");
    }
    let missing = caller.post("/v2/telecom/verify", json!({ "otp": "123456" })).await;
    assert!(missing.refused(400, "invalid_request").contains("x-session-id"));
    caller.verify(&"s".repeat(600), "123456").await.refused(410, "session_expired");

    assert_eq!(mono.received().len(), 1, "only auth reached Mono");
    caller.verify(&session, "123456").await.ok();
    // The right OTP ends the session.
    caller.verify(&session, "123456").await.refused(410, "session_expired");
}

#[tokio::test]
async fn an_otp_may_have_the_length_that_monos_form_states() {
    let mono = Provider::start(|request| match request.target.as_str() {
        "/v2/telecom/auth" => {
            let form = json!([{ "name": "otp", "minLength": 4, "maxLength": 5 }]);
            Script::Json(
                200,
                json!({ "data": { "session_id": "s-1", "result": { "form": form } } }),
            )
        }
        _ => agreeable_mono(request),
    });
    let gateway = Gateway::with_mono(&mono.await).await;
    let caller = gateway.caller();
    caller.session(PHONE, "mtn").await;
    for (otp, status) in [("123", 400), ("123456", 400), ("1234", 200)] {
        assert_eq!(caller.verify("s-1", otp).await.status, status, "{otp}");
    }
}

#[tokio::test]
async fn sessions_and_codes_expire_by_the_clock_though_their_items_remain() {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    let (second, lifetime) = (Duration::from_secs(1), Duration::from_secs(600));
    let session = caller.session(PHONE, "mtn").await;
    for wait in [lifetime, 60 * second] {
        gateway.clock.turn(wait);
        caller.verify(&session, "123456").await.refused(410, "session_expired");
    }
    assert_eq!(gateway.items("SessionsTable").await, 1);

    let session = caller.session(PHONE, "mtn").await;
    gateway.clock.turn(lifetime - second);
    caller.verify(&session, "123456").await.ok();
    for wait in [lifetime, 60 * second] {
        gateway.clock.turn(wait);
        caller.exchange("code_1").await.refused(410, "code_expired");
    }
    assert_eq!(gateway.items("SessionsTable").await, 1);
    assert_eq!(mono.received().len(), 3, "nothing expired reaches Mono");
}

#[tokio::test]
async fn fifty_guesses_at_once_reach_mono_at_most_five_times() {
    let (mono, _gateway, caller) = Gateway::with_agreeable_mono().await;
    let session = caller.session(PHONE, "mtn").await;
    mono.script(|_| Script::Json(400, json!({ "status": "failed", "message": "wrong" })));
    let otps: Vec<String> = (0..50).map(|n| format!("{n:06}")).collect();
    let guesses = otps.iter().map(|otp| caller.verify(&session, otp));
    let replies = futures_util::future::join_all(guesses).await;
    let asked = mono.received().iter().filter(|it| it.target == "/v2/telecom/verify").count();
    assert_eq!(asked, 5);
    let (wrong, refused): (Vec<_>, Vec<_>) = replies.iter().partition(|it| it.status == 400);
    assert_eq!(wrong.len(), 5);
    for reply in wrong {
        reply.refused(400, "invalid_otp");
    }
    for reply in refused {
        reply.refused(429, "too_many_attempts");
        assert_eq!(reply.retry_after.as_deref(), Some("600"));
    }
    // The right OTP comes too late. A new session works.
    mono.script(numbered_mono());
    assert_eq!(caller.verify(&session, "123456").await.status, 429);
    caller.prove().await;
}
