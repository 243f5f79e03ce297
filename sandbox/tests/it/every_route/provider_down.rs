//! A provider that is down is not asked again and again: its callers are refused at once, with the
//! time to wait, and nothing of theirs is used up.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    Caller, Gateway, PHONE, Provider, Received, Reply, Script, agreeable_mono, mtn_at, with_tokens,
};

/// How many failures in a row it takes.
const FAILURES: usize = 5;
/// The first pause.
const PAUSE: Duration = Duration::from_secs(5);

fn broken(_: &Received) -> Script {
    Script::Json(500, json!({}))
}

fn refused_with_a_wait(reply: &Reply) {
    reply.refused(503, "upstream_unavailable");
    let wait: u64 = reply.retry_after.as_deref().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

async fn read(caller: &Caller) -> Reply {
    read_page(caller, 1).await
}

/// A request that is answered badly counts once, so each of these is another one.
async fn read_page(caller: &Caller, page: usize) -> Reply {
    caller.get(&format!("/accounts/acc1/transactions?page={page}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_at_mono_are_refused_at_once_until_one_is_answered() {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.link_acc1().await;
    mono.script(broken);
    let before = mono.received().len();
    // One request alone stops no other.
    for _ in 0..20 {
        read(&caller).await.refused(503, "upstream_unavailable");
    }
    assert_eq!(mono.received().len() - before, 20);
    for page in 2..=FAILURES {
        read_page(&caller, page).await.refused(503, "upstream_unavailable");
    }
    let before = mono.received().len();
    for _ in 0..20 {
        refused_with_a_wait(&read(&caller).await);
    }
    let providers = caller.get("/providers").await.ok()["data"].take();
    assert_eq!(
        (&providers[2]["provider"], &providers[2]["lately"]),
        (&json!("mono"), &json!("down"))
    );
    assert_eq!(mono.received().len(), before);

    // After the pause one read is let through. It fails, so the next pause is longer.
    gateway.clock.turn(PAUSE);
    for _ in 0..20 {
        read(&caller).await.refused(503, "upstream_unavailable");
    }
    assert_eq!(mono.received().len() - before, 1);
    mono.script(agreeable_mono);
    gateway.clock.turn(PAUSE);
    refused_with_a_wait(&read(&caller).await);
    gateway.clock.turn(PAUSE);
    for _ in 0..20 {
        read(&caller).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_otp_try_and_no_limit_is_used_up_while_mono_is_down() {
    let mono = Provider::start(agreeable_mono).await;
    let vars = [
        ("MONO_BASE_URL", mono.url.as_str()),
        ("MONO_SECRET_KEY", "live_sk_of_mono"),
        ("OTP_LIMIT_NUMBER", "3/600,3/86400"),
    ];
    let gateway = Gateway::with(&vars).await;
    let caller = gateway.caller();
    let session = caller.session(PHONE, "mtn").await;
    // Verify and auth are two functions, so each finds out for itself.
    mono.script(|request| match request.target.as_str() {
        "/v2/telecom/verify" => Script::Json(503, json!({})),
        _ => broken(request),
    });
    for otp in 0..FAILURES {
        let reply = caller.verify(&session, &format!("12345{otp}")).await;
        reply.refused(503, "upstream_unavailable");
    }
    mono.script(broken);
    for number in 0..FAILURES - 1 {
        let phone = format!("0803123450{number}");
        caller.auth(&phone, "mtn").await.refused(503, "upstream_unavailable");
    }
    caller.auth(PHONE, "mtn").await.refused(503, "upstream_unavailable");
    for _ in 0..20 {
        refused_with_a_wait(&caller.verify(&session, "123456").await);
        refused_with_a_wait(&caller.auth(PHONE, "mtn").await);
    }
    mono.script(agreeable_mono);
    gateway.clock.turn(PAUSE);
    // One of three was left.
    caller.auth(PHONE, "mtn").await.ok();
    caller.auth(PHONE, "mtn").await.refused(429, "rate_limited");
    // Each failed try counted, the refused ones did not.
    caller.verify(&session, "123456").await.refused(429, "too_many_attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_to_mtn_is_refused_and_leaves_nothing() {
    let mtn = Provider::start(with_tokens(broken)).await;
    let gateway = Gateway::with(&mtn_at(&mtn.url)).await;
    let caller = gateway.caller();
    let line = caller.line().await;
    for product in 0..FAILURES {
        let path = format!("plans/{product}");
        caller.mtn(&line, &path).await.refused(503, "upstream_unavailable");
    }
    let before = mtn.received().len();
    for path in ["plans", "balance", "recharges"] {
        refused_with_a_wait(&caller.mtn(&line, path).await);
    }
    assert_eq!(mtn.received().len(), before);
    assert_eq!(gateway.items("RequestsTable").await, 0);
    assert_eq!(gateway.jobs().await, 0);
    let refill = json!({ "service_id": "mtn-refill", "phone": PHONE, "amount_kobo": 50_000,
                         "refill_type": "voucherless", "refill_profile_id": "P1" });
    // The purchase function has not asked MTN yet, so it finds out for itself.
    for key in 0..FAILURES {
        let mut refill = refill.clone();
        refill["amount_kobo"] = json!(50_000 + 100 * key);
        assert_eq!(caller.buy(&format!("k{key}"), &refill).await.status, 202);
    }
    refused_with_a_wait(&caller.buy("refused", &refill).await);
    assert_eq!(gateway.items("PurchasesTable").await, FAILURES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_of_mono_is_honoured() {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    caller.link_acc1().await;
    // It may be about one number only, so one of them stops nobody.
    mono.script(|_| Script::Busy(429, "17"));
    refused_with_a_wait(&read(&caller).await);
    mono.script(agreeable_mono);
    read(&caller).await.ok();

    mono.script(|_| Script::Busy(503, "17"));
    read(&caller).await.refused(503, "upstream_unavailable");
    let reply = read(&caller).await;
    refused_with_a_wait(&reply);
    assert_eq!(reply.retry_after.as_deref(), Some("17"));
    mono.script(agreeable_mono);
    gateway.clock.turn(Duration::from_secs(16));
    assert_eq!(read(&caller).await.retry_after.as_deref(), Some("1"));
    gateway.clock.turn(Duration::from_secs(1));
    read(&caller).await.ok();
}
