//! Failures of Mono: the answer is the documented one, in time, and trying again works.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Caller, Gateway, PHONE, Reply, Script, agreeable_mono};

/// The steps of the flow, each with what came before it done.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Auth,
    Verify,
    Exchange,
    Read,
    Unlink,
}

const STEPS: [Step; 5] = [Step::Auth, Step::Verify, Step::Exchange, Step::Read, Step::Unlink];

async fn take(caller: &Caller, step: Step) -> Reply {
    match step {
        Step::Auth => caller.auth(PHONE, "mtn").await,
        Step::Verify => caller.verify("s-1", "123456").await,
        Step::Exchange => caller.exchange("code_1").await,
        Step::Read => caller.get("/accounts/acc1").await,
        Step::Unlink => caller.unlink("acc1").await,
    }
}

/// Takes every step; before each one succeeds, Mono fails in the given way.
async fn fails_then_works(failure: Script, expected: impl Fn(Step) -> (u16, &'static str)) {
    let (mono, _gateway, caller) = Gateway::with_agreeable_mono().await;
    for step in STEPS {
        let script = failure.clone();
        mono.script(move |_| script.clone());
        let (begun, asked) = (Instant::now(), mono.received().len());
        let reply = take(&caller, step).await;
        assert!(begun.elapsed() < Duration::from_secs(29), "{step:?} took {:?}", begun.elapsed());
        let (status, code) = expected(step);
        assert_eq!(reply.error(), (status, code.to_owned()), "{step:?} after {failure:?}");
        assert!(!reply.text.contains("secret detail"), "{}", reply.text);
        let tries = mono.received().len() - asked;
        // Only a read is repeated.
        match (step, &failure) {
            (Step::Read, Script::Text(502, _)) => assert_eq!(tries, 2),
            (Step::Read, _) => assert!(tries <= 2, "{tries} after {failure:?}"),
            _ => assert_eq!(tries, 1, "{step:?} after {failure:?}"),
        }
        mono.script(agreeable_mono);
        let again = take(&caller, step).await;
        assert_eq!(again.status, 200, "{step:?} after {failure:?}: {}", again.text);
    }
}

fn json_failure(status: u16) -> Script {
    Script::Json(status, json!({ "status": "failed", "message": "secret detail" }))
}

#[tokio::test]
async fn a_refusal_by_mono_is_passed_on() {
    // 200 with a failed envelope is a refusal too.
    for status in [400, 402, 422, 200, 409] {
        fails_then_works(json_failure(status), |step| match step {
            Step::Verify if status != 409 => (400, "invalid_otp"),
            _ => (422, "upstream_rejected"),
        })
        .await;
    }
}

#[tokio::test]
async fn a_mono_that_fails_is_unavailable() {
    let unavailable = |_| (503, "upstream_unavailable");
    for failure in [
        json_failure(401),
        json_failure(403),
        json_failure(429),
        json_failure(500),
        json_failure(503),
        Script::Json(302, json!({})),
        Script::Text(200, "<html>maintenance, secret detail</html>"),
        Script::Text(400, "<html>a proxy's, secret detail</html>"),
        Script::Text(502, ""),
        Script::Half,
    ] {
        fails_then_works(failure, unavailable).await;
    }
}

#[tokio::test]
async fn an_answer_without_the_expected_field_is_unavailable_and_an_unknown_account_is_unlinked() {
    let (mono, _gateway, caller) = Gateway::with_agreeable_mono().await;
    for (step, answer) in [
        (Step::Auth, json!({ "status": "successful" })),
        (Step::Verify, json!({ "data": { "code": 7 } })),
        (Step::Exchange, json!({ "id": "../../other" })),
    ] {
        mono.script(move |_| Script::Json(200, answer.clone()));
        take(&caller, step).await.refused(503, "upstream_unavailable");
        mono.script(agreeable_mono);
        take(&caller, step).await.ok();
    }
    // An account that Mono no longer knows is unlinked all the same.
    mono.script(|_| json_failure(404));
    take(&caller, Step::Read).await.refused(422, "upstream_rejected");
    take(&caller, Step::Unlink).await.ok();
}

#[tokio::test]
async fn a_mono_that_does_not_answer_is_unavailable() {
    let gateway =
        Gateway::with(&[("MONO_BASE_URL", "http://127.0.0.1:1"), ("MONO_SECRET_KEY", "k")]).await;
    let reply = take(&gateway.caller(), Step::Auth).await;
    reply.refused(503, "upstream_unavailable");
    assert_eq!(gateway.items("SessionsTable").await, 0);
}

/// Waits for real timeouts, which run by the system's clock. All steps wait at once.
#[tokio::test]
async fn a_mono_that_stays_silent_is_a_timeout_within_29_seconds() {
    let waits = STEPS.map(|silent| async move {
        let (mono, _gateway, caller) = Gateway::with_agreeable_mono().await;
        for step in STEPS.into_iter().take_while(|step| *step != silent) {
            take(&caller, step).await.ok();
        }
        mono.script(|_| Script::Silence);
        let begun = Instant::now();
        let reply = take(&caller, silent).await;
        assert!(begun.elapsed() < Duration::from_secs(29), "{silent:?}");
        reply.refused(504, "upstream_timeout");
        mono.script(agreeable_mono);
        take(&caller, silent).await.ok();
    });
    futures_util::future::join_all(waits).await;
}
