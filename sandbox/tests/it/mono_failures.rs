//! Mono failing in every way: the documented answer, in time, and the caller can simply try again.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Caller, Gateway, Provider, Received, Reply, Script, agreeable_mono};

const PHONE: &str = "08031234567";

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
        Step::Unlink => caller.post("/accounts/acc1/unlink", json!({})).await,
    }
}

/// Takes every step; before each one succeeds, Mono fails in the given way.
async fn fails_then_works(failure: Script, expected: impl Fn(Step) -> (u16, &'static str)) {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    for step in STEPS {
        let script = failure.clone();
        mono.script(move |_| script.clone());
        let begun = Instant::now();
        let reply = take(&caller, step).await;
        assert!(begun.elapsed() < Duration::from_secs(29), "{step:?} took {:?}", begun.elapsed());
        let (status, code) = expected(step);
        assert_eq!(reply.error(), (status, code.to_owned()), "{step:?} after {failure:?}");
        assert!(!reply.text.contains("secret detail"), "{}", reply.text);
        mono.script(agreeable_mono);
        let again = take(&caller, step).await;
        assert_eq!(again.status, 200, "{step:?} after {failure:?}: {}", again.text);
    }
}

fn json_failure(status: u16) -> Script {
    Script::Json(status, json!({ "status": "failed", "message": "secret detail" }))
}

#[tokio::test]
async fn a_refusal_is_passed_on_as_one() {
    for status in [400, 402, 422] {
        fails_then_works(json_failure(status), |step| match step {
            Step::Verify => (400, "invalid_otp"),
            _ => (422, "upstream_rejected"),
        })
        .await;
    }
    fails_then_works(json_failure(409), |_| (422, "upstream_rejected")).await;
    // 200 with a failed envelope is a refusal too.
    fails_then_works(json_failure(200), |step| match step {
        Step::Verify => (400, "invalid_otp"),
        _ => (422, "upstream_rejected"),
    })
    .await;
}

#[tokio::test]
async fn an_account_that_mono_no_longer_knows_is_unlinked() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    for step in [Step::Auth, Step::Verify, Step::Exchange] {
        assert_eq!(take(&caller, step).await.status, 200);
    }
    mono.script(|_| json_failure(404));
    assert_eq!(take(&caller, Step::Read).await.error(), (422, "upstream_rejected".into()));
    assert_eq!(take(&caller, Step::Unlink).await.status, 200);
}

#[tokio::test]
async fn a_provider_in_trouble_is_unavailable() {
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
async fn an_answer_without_what_was_asked_for_is_unavailable() {
    let mono = Provider::start(|_| Script::Json(200, json!({ "status": "successful" }))).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let unavailable = (503, "upstream_unavailable".to_owned());
    assert_eq!(take(&caller, Step::Auth).await.error(), unavailable);
    mono.script(agreeable_mono);
    assert_eq!(take(&caller, Step::Auth).await.status, 200);
    mono.script(|_| Script::Json(200, json!({ "data": { "code": 7 } })));
    assert_eq!(take(&caller, Step::Verify).await.error(), unavailable);
    mono.script(agreeable_mono);
    assert_eq!(take(&caller, Step::Verify).await.status, 200);
    mono.script(|_| Script::Json(200, json!({ "id": "../../other" })));
    assert_eq!(take(&caller, Step::Exchange).await.error(), unavailable);
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let gateway =
        Gateway::with(&[("MONO_BASE_URL", "http://127.0.0.1:1"), ("MONO_SECRET_KEY", "k")]).await;
    let reply = take(&gateway.caller(), Step::Auth).await;
    assert_eq!(reply.error(), (503, "upstream_unavailable".into()));
    assert_eq!(gateway.items("SessionsTable").await, 0);
}

/// The one test that waits for real: an upstream timeout runs by the system's clock. All steps wait
/// at once.
#[tokio::test]
async fn silence_is_a_timeout_within_the_limit() {
    let waits = STEPS.map(|silent| async move {
        let mono = Provider::start(agreeable_mono).await;
        let gateway = Gateway::with_mono(&mono).await;
        let caller = gateway.caller();
        for step in STEPS.into_iter().take_while(|step| *step != silent) {
            assert_eq!(take(&caller, step).await.status, 200);
        }
        mono.script(|_| Script::Silence);
        let begun = Instant::now();
        let reply = take(&caller, silent).await;
        assert!(begun.elapsed() < Duration::from_secs(29), "{silent:?}");
        assert_eq!(reply.error(), (504, "upstream_timeout".into()), "{silent:?}");
        mono.script(agreeable_mono);
        assert_eq!(take(&caller, silent).await.status, 200, "{silent:?}");
    });
    futures_util::future::join_all(waits).await;
}

#[tokio::test]
async fn only_a_read_is_repeated() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    let mut asked = 0;
    for step in STEPS {
        mono.script(|_: &Received| json_failure(502));
        take(&caller, step).await;
        let now = mono.received().len();
        let tries = if step == Step::Read { 2 } else { 1 };
        assert_eq!(now - asked, tries, "{step:?}");
        mono.script(agreeable_mono);
        assert_eq!(take(&caller, step).await.status, 200);
        asked = mono.received().len();
    }
}

#[tokio::test]
async fn a_code_that_mono_used_up_unanswered_is_expired() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    take(&caller, Step::Auth).await;
    take(&caller, Step::Verify).await;
    mono.script(|_| Script::Half);
    assert_eq!(take(&caller, Step::Exchange).await.status, 503);
    mono.script(|_| json_failure(400));
    assert_eq!(take(&caller, Step::Exchange).await.error(), (410, "code_expired".into()));
}

#[tokio::test]
async fn an_unlink_that_mono_did_not_confirm_holds_and_can_be_finished() {
    let mono = Provider::start(agreeable_mono).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    for step in [Step::Auth, Step::Verify, Step::Exchange] {
        take(&caller, step).await;
    }
    mono.script(|_| json_failure(500));
    assert_eq!(take(&caller, Step::Unlink).await.status, 503);
    mono.script(agreeable_mono);
    assert_eq!(take(&caller, Step::Read).await.status, 404, "withdrawn is withdrawn");
    let export = caller.get("/accounts/acc1/export").await;
    assert!(!export.text.contains(PHONE), "{}", export.text);
    assert_eq!(export.ok()["data"]["state"], "unlinking");
    assert_eq!(take(&caller, Step::Unlink).await.status, 200);
    let consent = caller.get("/accounts/acc1/consent").await.ok();
    assert_eq!(consent["data"]["state"], "unlinked");
}
