//! A withdrawn consent reaches Mono, whatever fails on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::purchase::tap::Tap;
use crate::support::{Gateway, KEY, Provider, Script, agreeable_mono};

/// A Mono that can be down for unlinks.
async fn mono(down: &Arc<AtomicBool>) -> Provider {
    let down = down.clone();
    Provider::start(move |request| match request.target.as_str() {
        "/accounts/acc1/unlink" if down.load(Ordering::SeqCst) => Script::Json(500, json!({})),
        _ => agreeable_mono(request),
    })
    .await
}

async fn linked(mono: &Provider) -> Gateway {
    let gateway = Gateway::with_mono(mono).await;
    let caller = gateway.caller();
    let session = caller.session("08031234567", "mtn").await;
    caller.verify(&session, "123456").await.ok();
    caller.exchange("code_1").await.ok();
    gateway
}

fn unlinks(mono: &Provider) -> usize {
    mono.received().iter().filter(|it| it.target == "/accounts/acc1/unlink").count()
}

async fn state(gateway: &Gateway) -> String {
    let record = gateway.caller().get("/accounts/acc1/consent").await.ok();
    record["data"]["state"].as_str().unwrap().to_owned()
}

/// Turns the clock until the account is unlinked or linked.
async fn until_at_rest(gateway: &Gateway) -> String {
    for _ in 0..100 {
        let state = state(gateway).await;
        if state != "unlinking" {
            return state;
        }
        gateway.clock.turn(Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never unlinked");
}

#[tokio::test(flavor = "multi_thread")]
async fn mono_is_told_until_it_confirms() {
    let down = Arc::new(AtomicBool::new(true));
    let mono = mono(&down).await;
    let gateway = linked(&mono).await;
    let caller = gateway.caller();
    assert_eq!(caller.post("/accounts/acc1/unlink", json!({})).await.status, 503);
    assert_eq!(state(&gateway).await, "unlinking");
    // Hours of refusals.
    for _ in 0..12 {
        gateway.clock.turn(Duration::from_secs(900));
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(state(&gateway).await, "unlinking");
    let told = unlinks(&mono);
    assert!(told > 3, "{told}");
    down.store(false, Ordering::SeqCst);
    assert_eq!(until_at_rest(&gateway).await, "unlinked");
    let told = unlinks(&mono);
    gateway.clock.turn(Duration::from_secs(3_600));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(unlinks(&mono), told, "what is confirmed is not told again");
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn linking_again_ends_the_telling() {
    let down = Arc::new(AtomicBool::new(true));
    let mono = mono(&down).await;
    let gateway = linked(&mono).await;
    let caller = gateway.caller();
    caller.post("/accounts/acc1/unlink", json!({})).await;
    mono.script(|request| match request.target.as_str() {
        "/v2/telecom/auth" => Script::Json(200, json!({ "data": { "session_id": "s-2" } })),
        "/v2/telecom/verify" => Script::Json(200, json!({ "data": { "code": "code_2" } })),
        _ => agreeable_mono(request),
    });
    caller.session("08031234567", "mtn").await;
    caller.verify("s-2", "123456").await.ok();
    caller.exchange("code_2").await.ok();
    let told = unlinks(&mono);
    gateway.clock.turn(Duration::from_secs(3_600));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(state(&gateway).await, "linked");
    assert_eq!(unlinks(&mono), told, "a new consent is not withdrawn by an old message");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_in_an_unlink_leaves_it_undone_or_finishes_it() {
    let sample = include_str!("../../../events/exchange-unlink-unknown-account.json");
    let mut event: Value = serde_json::from_str(sample).unwrap();
    event["pathParameters"]["id"] = json!("acc1");
    let tenant = format!("sandbox-{}", &shared::secret::hashed(KEY)[..12]);
    event["requestContext"]["authorizer"]["lambda"]["tenant"] = json!(tenant);
    for point in 0.. {
        let down = Arc::new(AtomicBool::new(false));
        let mono = mono(&down).await;
        let gateway = linked(&mono).await;
        let tap = Arc::new(Tap::default());
        let exchange = gateway.tapped("exchange", &tap).await;
        tap.hold_at(Some(point));
        let running = exchange(event.to_string(), lambda_runtime::Context::default());
        let crashed = tokio::select! {
            biased;
            () = tap.held() => true,
            _ = running => false,
        };
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
