//! What every route refuses in the same way, tried on every route of the template.

use std::sync::Arc;

use serde_json::json;

use super::request::{Belongings, Request, belongings, nonexistent};
use crate::support::purchases::{DELIVERED, bundle, field};
use crate::support::tap::Tap;
use crate::support::{
    Gateway, PHONE, Provider, Reply, Script, mono_at, mtn_at, numbered_mono, vtpass_at, with_tokens,
};

fn is_callback(route: &str) -> bool {
    route.contains("/callbacks/")
}

#[tokio::test]
async fn every_route_refuses_a_missing_or_unknown_key() {
    let (gateway, caller) = Gateway::with_caller().await;
    for route in gateway.routes().iter().filter(|route| !is_callback(route)) {
        let request = Request::of(route, &nonexistent());
        let said = |reply: Reply| (reply.status, reply.json());
        let bare = said(request.send_bare(&caller, &[]).await);
        assert_eq!(bare, (401, json!({ "message": "Unauthorized" })), "{route}");
        let unknown = said(request.send_bare(&caller, &[("mono-sec-key", "test_sk_no")]).await);
        assert_eq!(unknown, (403, json!({ "message": "Forbidden" })), "{route}");
    }
}

#[tokio::test]
async fn every_route_refuses_a_body_or_head_that_is_too_large() {
    let (gateway, caller) = Gateway::with_caller().await;
    for route in &gateway.routes() {
        let mut request = Request::of(route, &nonexistent());
        let most = if is_callback(route) { 256 } else { 64 } * 1024;
        request.body = vec![b' '; most + 1];
        request.send(&caller).await.refused(413, "payload_too_large");
        request.body.clear();
        request.headers.push(("x-long", "h".repeat(11_000)));
        assert_eq!(request.send(&caller).await.status, 431, "{route}");
    }
}

/// A request for a route, under an idempotency key.
fn under_key(route: &str, of: &Belongings, key: String) -> Request {
    let mut request = Request::of(route, of);
    request.headers.retain(|(name, _)| *name != "idempotency-key");
    request.headers.push(("idempotency-key", key));
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_at_its_limits_is_refused_on_every_route_and_another_is_served() {
    const MOST: usize = 60;
    let names = ["LIMIT_READS", "LIMIT_PURCHASES", "LIMIT_CALLS", "OTP_LIMIT_CALLER"];
    let gateway = Gateway::with(&names.map(|name| (name, "60/60,1000/86400"))).await;
    let (caller, other) = (gateway.caller(), gateway.other_caller());
    let own = belongings(&caller).await;
    for route in ["GET /providers", "POST /purchases", "GET /events", "POST /telecom/auth"] {
        for n in 0..=MOST {
            under_key(route, &own, format!("many-{n}")).send(&caller).await;
        }
    }
    for route in gateway.routes().iter().filter(|route| !is_callback(route)) {
        // Sessions and codes that exist are limited by their OTPs.
        let is_guess = ["telecom/verify", "account/auth", "accounts/auth"];
        let is_guess = is_guess.iter().any(|path| route.ends_with(path));
        let of = if is_guess { &nonexistent() } else { &own };
        let reply = under_key(route, of, "one-more".to_owned()).send(&caller).await;
        reply.refused(429, "rate_limited");
        let wait: u64 = reply.retry_after.unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{route}: {wait}");
        let reply = Request::of(route, &nonexistent()).send(&other).await;
        assert_ne!(reply.status, 429, "{route}: {}", reply.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_waits_counts_once_for_each_second() {
    let gateway = Gateway::with(&[("LIMIT_READS", "30/60,1000/86400")]).await;
    let caller = gateway.caller();
    let id = caller.line().await;
    caller.mtn_next("recharges", "now").await;
    let path = format!("/accounts/{id}/mtn/recharges");
    let wait = [("prefer", "wait=60")];
    assert_eq!(caller.send("GET", &path, &wait, Vec::new()).await.status, 200);
    // At most 20 seconds are waited for and counted, so ten of thirty are left.
    caller.send("GET", &path, &wait, Vec::new()).await.refused(429, "rate_limited");
    // Nobody waits for Mono's data.
    let path = format!("/accounts/{id}");
    for _ in 0..10 {
        caller.send("GET", &path, &wait, Vec::new()).await.ok();
    }
    caller.get(&path).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn every_route_is_unavailable_while_the_store_and_the_queue_are_down() {
    let behind = Gateway::start().await;
    let tap = Arc::new(Tap::default());
    let store = tap.before(&behind.sandbox.dynamodb_url, true).await;
    let queue = tap.before(&behind.sandbox.sqs_url, true).await;
    let vars =
        [("AWS_ENDPOINT_URL_DYNAMODB", &*store), ("AWS_ENDPOINT_URL_SQS", &*queue), ("GUARD", "")];
    let gateway = Gateway::with(&vars).await;
    let caller = gateway.caller();
    let mut own = belongings(&caller).await;
    let mut secrets = gateway.sandbox.secrets.values().into_iter();
    own.insert("webhook", secrets.find(|it| it.starts_with("webhook_")).unwrap());
    // API Gateway caches the authorizer's decision meanwhile.
    tap.fail_store(true);
    let routes = gateway.routes();
    let asked = routes.iter().map(|route| async {
        let reply = Request::of(route, &own).send(&caller).await;
        match route.contains("/services/") {
            // Without a cached catalogue the provider is asked.
            true => assert_eq!(reply.status, 200),
            false => drop(reply.refused(503, "unavailable")),
        }
    });
    futures_util::future::join_all(asked).await;
}

/// Providers that have linked an account and made a session and a code, and from then on answer
/// everything alike.
async fn answering(all: Script) -> (Gateway, Belongings) {
    let mono = Provider::start(numbered_mono()).await;
    let others = all.clone();
    let others = Provider::start(with_tokens(move |_| others.clone())).await;
    let (mtn, vtpass) = (mtn_at(&others.url), vtpass_at(&others.url));
    let gateway = Gateway::with(&[&mono_at(&mono.url)[..], &mtn, &vtpass].concat()).await;
    let caller = gateway.caller();
    let mut own = nonexistent();
    let code = async |session: &str| {
        let proven = caller.verify(session, "123456").await.ok();
        field(&proven["data"], "code").to_owned()
    };
    let exchanged = code(&caller.session(PHONE, "mtn").await).await;
    let account = caller.exchange(&exchanged).await.ok();
    own.insert("id", field(&account, "id").to_owned());
    own.insert("code", code(&caller.session(PHONE, "mtn").await).await);
    own.insert("session", caller.session(PHONE, "mtn").await);
    own.insert("otp", "123456".to_owned());
    mono.script(move |_| all.clone());
    (gateway, own)
}

/// The routes that ask a provider.
fn that_ask_a_provider(gateway: &Gateway) -> Vec<String> {
    let ours = [
        "unlink",
        "consent",
        "export",
        "/purchases",
        "/reports",
        "/providers",
        "/requests/",
        "/callbacks/",
        "/events",
        "/webhook",
    ];
    let mut routes = gateway.routes();
    routes.retain(|route| !ours.iter().any(|part| route.contains(part)));
    assert!(routes.len() >= 25, "{routes:?}");
    routes
}

#[tokio::test]
async fn a_provider_that_refuses_or_fails_is_reported_on_every_route_that_asks_it() {
    // A refusal in the words of each of the three.
    let no = json!({ "status": "failed", "message": "no", "statusCode": "5000",
                     "statusMessage": "no", "code": "012", "response_description": "NO" });
    for (answer, status, code) in [
        (Script::Json(400, no), 422, "upstream_rejected"),
        (Script::Json(500, json!({ "oops": true })), 503, "upstream_unavailable"),
    ] {
        let (gateway, own) = answering(answer).await;
        for route in &that_ask_a_provider(&gateway) {
            let reply = Request::of(route, &own).send(&gateway.caller()).await;
            match route.contains("verify") && status == 422 {
                true => drop(reply.refused(400, "invalid_otp")),
                false => drop(reply.refused(status, code)),
            }
        }
        let unpriced = gateway.caller().buy("order-3", &bundle(DELIVERED)).await;
        unpriced.refused(status, code);
    }
}

/// Waits for the real timeouts, all at once.
#[tokio::test]
async fn a_provider_that_does_not_answer_is_reported_on_every_route_that_asks_it() {
    let (gateway, own) = answering(Script::Silence).await;
    let caller = gateway.caller();
    let mut routes = that_ask_a_provider(&gateway);
    // A session and a code can be used once.
    routes.retain(|route| !route.contains("/v2/") && !route.contains("/accounts/auth"));
    let (own, caller) = (&own, &caller);
    let asked = routes.iter().map(|route| async move {
        let reply = Request::of(route, own).send(caller).await;
        match reply.status {
            // MTN may have received it, and may still answer.
            202 => assert!(CALLED_BACK.iter().any(|it| route.ends_with(it)), "{route}"),
            _ => drop(reply.refused(504, "upstream_timeout")),
        }
    });
    let order = bundle(DELIVERED);
    let (unpriced, _) =
        tokio::join!(caller.buy("order-3", &order), futures_util::future::join_all(asked));
    unpriced.refused(504, "upstream_timeout");
}

/// What MTN may answer later.
const CALLED_BACK: [&str; 4] =
    ["/mtn/balance", "/mtn/recharges", "/mtn/recharges/summary", "/mtn/usage"];
