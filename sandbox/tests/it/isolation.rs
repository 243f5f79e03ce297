//! Callers, sessions and codes: what belongs to whom, for how long, how often.

use std::time::Duration;

use serde_json::json;

use crate::support::{Gateway, Provider, Script, agreeable_mono};

const PHONE: &str = "08031234567";

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[tokio::test]
async fn a_session_of_one_caller_is_useless_to_another() {
    let gateway = Gateway::start().await;
    let (owner, stranger) = (gateway.caller(), gateway.other_caller());
    let session = owner.session(PHONE, "mtn").await;
    let otp = owner.otp(PHONE).await;

    let foreign = stranger.verify(&session, &otp).await;
    let unknown = stranger.verify("no-such-session", &otp).await;
    assert_eq!(foreign.error(), (410, "session_expired".to_owned()));
    assert_eq!(foreign.error_body(), unknown.error_body());
    let code = owner.verify(&session, &otp).await.ok()["data"]["code"].clone();

    let foreign = stranger.exchange(code.as_str().unwrap()).await;
    let unknown = stranger.exchange("code_unknown").await;
    assert_eq!(foreign.error(), (410, "code_expired".to_owned()));
    assert_eq!(foreign.error_body(), unknown.error_body());
    let id = owner.exchange(code.as_str().unwrap()).await.ok()["id"].clone();
    assert_eq!(stranger.exchange(code.as_str().unwrap()).await.status, 410);

    let id = id.as_str().unwrap();
    for tail in ["", "/balances", "/transactions", "/identity", "/consent", "/export"] {
        let foreign = stranger.get(&format!("/accounts/{id}{tail}")).await;
        let unknown = stranger.get(&format!("/accounts/{}{tail}", "0".repeat(24))).await;
        assert_eq!(foreign.error(), (404, "not_found".to_owned()));
        assert_eq!(foreign.error_body(), unknown.error_body());
    }
    let unlink = stranger.post(&format!("/accounts/{id}/unlink"), json!({})).await;
    assert_eq!(unlink.error(), (404, "not_found".to_owned()));
    assert_eq!(owner.get(&format!("/accounts/{id}")).await.status, 200);
}

#[tokio::test]
async fn sessions_and_codes_die_by_the_clock_though_their_items_remain() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();

    let session = caller.session(PHONE, "mtn").await;
    gateway.clock.turn(minutes(10));
    assert_eq!(caller.verify(&session, "123456").await.error(), (410, "session_expired".into()));
    gateway.clock.turn(minutes(1));
    assert_eq!(caller.verify(&session, "123456").await.error(), (410, "session_expired".into()));
    assert_eq!(gateway.items("SessionsTable").await, 1);

    let session = caller.session(PHONE, "mtn").await;
    gateway.clock.turn(minutes(10) - Duration::from_secs(1));
    let code = caller.verify(&session, "123456").await.ok()["data"]["code"].clone();
    gateway.clock.turn(minutes(10));
    let code = code.as_str().unwrap();
    assert_eq!(caller.exchange(code).await.error(), (410, "code_expired".into()));
    gateway.clock.turn(minutes(1));
    assert_eq!(caller.exchange(code).await.error(), (410, "code_expired".into()));
    assert_eq!(gateway.items("SessionsTable").await, 1);
    assert_eq!(mono.received().len(), 3, "nothing expired reaches Mono");
}

#[tokio::test]
async fn a_session_is_used_up_by_its_right_otp() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let session = caller.session(PHONE, "mtn").await;
    let otp = caller.otp(PHONE).await;
    assert_eq!(caller.verify(&session, &otp).await.status, 200);
    assert_eq!(caller.verify(&session, &otp).await.error(), (410, "session_expired".into()));
}

#[tokio::test]
async fn a_code_exchanged_again_by_its_owner_gives_the_same_id() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let session = caller.session(PHONE, "mtn").await;
    caller.verify(&session, "123456").await.ok();

    let replies = futures_util::future::join_all((0..20).map(|_| caller.exchange("code_1"))).await;
    for reply in &replies {
        match reply.status {
            200 => assert_eq!(reply.json(), json!({ "id": "acc1" })),
            _ => assert_eq!(reply.error(), (409, "in_progress".to_owned())),
        }
    }
    assert!(replies.iter().any(|reply| reply.status == 200));
    assert_eq!(caller.exchange("code_1").await.ok(), json!({ "id": "acc1" }));
    let exchanges = mono.received().iter().filter(|it| it.target == "/account/auth").count();
    assert_eq!(exchanges, 1, "Mono is asked once");
    gateway.clock.turn(minutes(10));
    assert_eq!(caller.exchange("code_1").await.error(), (410, "code_expired".into()));
}

#[tokio::test]
async fn fifty_guesses_at_once_reach_mono_at_most_five_times() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let session = caller.session(PHONE, "mtn").await;
    mono.script(|_| Script::Json(400, json!({ "status": "failed", "message": "wrong" })));

    let otps: Vec<String> = (0..50).map(|n| format!("{n:06}")).collect();
    let guesses = otps.iter().map(|otp| caller.verify(&session, otp));
    let replies = futures_util::future::join_all(guesses).await;
    let asked = mono.received().iter().filter(|it| it.target == "/v2/telecom/verify").count();
    assert_eq!(asked, 5);
    let wrong = replies.iter().filter(|it| it.error() == (400, "invalid_otp".into())).count();
    assert_eq!(wrong, 5);
    for reply in replies.iter().filter(|reply| reply.status != 400) {
        assert_eq!(reply.error(), (429, "too_many_attempts".to_owned()));
        assert_eq!(reply.retry_after.as_deref(), Some("600"));
    }
    // The right OTP comes too late.
    mono.script(agreeable_mono);
    assert_eq!(caller.verify(&session, "123456").await.status, 429);
    assert_eq!(caller.other_session_works(&mono).await, 200);
}

#[tokio::test]
async fn a_session_id_given_twice_keeps_its_count_of_tries() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let session = caller.session(PHONE, "mtn").await;
    mono.script(|request| match request.target.as_str() {
        "/v2/telecom/verify" => Script::Json(400, json!({})),
        _ => agreeable_mono(request),
    });
    for _ in 0..5 {
        assert_eq!(caller.verify(&session, "000000").await.status, 400);
        assert_eq!(caller.session(PHONE, "mtn").await, session);
    }
    assert_eq!(caller.verify(&session, "000000").await.status, 429);
    // Nor can another caller take it over.
    assert_eq!(gateway.other_caller().auth(PHONE, "mtn").await.status, 503);
}

#[tokio::test]
async fn an_exchange_under_way_is_in_progress_and_its_lease_ends() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let session = caller.session(PHONE, "mtn").await;
    caller.verify(&session, "123456").await.ok();

    mono.script(|_| Script::Silence);
    let hanging = tokio::time::timeout(Duration::from_millis(500), caller.exchange("code_1"));
    assert!(hanging.await.is_err());
    let meanwhile = caller.exchange("code_1").await;
    assert_eq!(meanwhile.error(), (409, "in_progress".into()));
    assert_eq!(meanwhile.retry_after.as_deref(), Some("30"));

    gateway.clock.turn(Duration::from_secs(30));
    mono.script(|_| Script::Json(400, json!({ "status": "failed", "message": "used" })));
    assert_eq!(caller.exchange("code_1").await.error(), (410, "code_expired".into()));
}

impl crate::support::Caller {
    /// Begins and proves a session of another id.
    async fn other_session_works(&self, mono: &Provider) -> u16 {
        mono.script(|request| match request.target.as_str() {
            "/v2/telecom/auth" => Script::Json(200, json!({ "data": { "session_id": "s-2" } })),
            _ => agreeable_mono(request),
        });
        let session = self.session(PHONE, "mtn").await;
        self.verify(&session, "123456").await.status
    }
}
