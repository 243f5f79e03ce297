//! Secrets are read from Secrets Manager, and read again when a provider refuses them.

use std::time::Duration;

use serde_json::json;
use shared::platform::environment::Environment;

use crate::support::leaks::{is_secret, lines, words};
use crate::support::purchases::{airtime, field};
use crate::support::{Gateway, KEY, Provider, Received, Script, agreeable_mono, event};

/// A Mono that accepts one key only.
fn picky(key: &'static str) -> impl Fn(&Received) -> Script {
    move |request| match request.header("mono-sec-key") == Some(key) {
        true => agreeable_mono(request),
        false => Script::Json(401, json!({ "status": "failed" })),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_fetched_again_for_the_next_call() {
    let mono = Provider::start(picky("live_sk_of_mono")).await;
    let gateway = Gateway::with_mono(&mono).await;
    let caller = gateway.caller();
    caller.auth("08031234567", "mtn").await.ok();
    // The key is rotated at Mono, then in the secret.
    mono.script(picky("rotated"));
    gateway.sandbox.secrets.put("mono", "MONO_SECRET_KEY", "rotated");
    caller.auth("08031234567", "mtn").await.refused(503, "upstream_unavailable");
    caller.auth("08031234567", "mtn").await.ok();
    let received = mono.received();
    let keys = received.iter().map(|it| it.header("mono-sec-key").unwrap().to_owned());
    let expected = ["live_sk_of_mono", "live_sk_of_mono", "rotated"];
    assert_eq!(keys.collect::<Vec<_>>(), expected, "nothing is repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pay_that_is_refused_for_its_credentials_is_not_repeated() {
    let vtpass = Provider::start(|request| match request.header("api-key") {
        Some("new") => Script::Json(
            200,
            json!({ "code": "000",
            "content": { "transactions": { "status": "delivered" } } }),
        ),
        _ => Script::Json(401, json!({ "code": "087", "response_description": "no" })),
    })
    .await;
    let gateway = Gateway::with(&[
        ("VTPASS_BASE_URL", &vtpass.url),
        ("VTPASS_API_KEY", "old"),
        ("VTPASS_PUBLIC_KEY", "p"),
        ("VTPASS_SECRET_KEY", "s"),
    ])
    .await;
    let caller = gateway.caller();
    gateway.sandbox.secrets.put("vtpass", "VTPASS_API_KEY", "new");
    let first = caller.bought("first", &airtime("08031234567")).await;
    assert_eq!(field(&first, "state"), "failed");
    let second = caller.bought("second", &airtime("08031234567")).await;
    assert_eq!(field(&second, "state"), "delivered");
    assert_eq!(caller.bought("first", &airtime("08031234567")).await, first);
    assert_eq!(vtpass.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_stays_wrong_is_fetched_at_most_once_a_minute() {
    let mono = Provider::start(picky("another")).await;
    let gateway = Gateway::with_mono(&mono).await;
    let (tap, auth) = gateway.with_tap("auth").await;
    let fetched = || tap.seen().iter().filter(|it| *it == "BatchGetSecretValue").count();
    assert_eq!(fetched(), 1, "Mono's and the limits' by one call, once at the start");
    let body = json!({ "phone": "08031234567", "provider": "mtn" }).to_string();
    let ask = async || {
        let event = event(KEY, "POST /v2/telecom/auth", &[], &body);
        let answer = auth(event, lambda_runtime::Context::default()).await.unwrap();
        assert_eq!(answer["statusCode"], 503, "{answer}");
    };
    for _ in 0..10 {
        ask().await;
    }
    assert_eq!(fetched(), 2);
    gateway.clock.turn(Duration::from_secs(60));
    for _ in 0..10 {
        ask().await;
    }
    assert_eq!(fetched(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_reads_its_secrets_or_does_not_start() {
    let gateway = Gateway::start().await;
    let start = async |name: &str, value: &str| {
        let mut all = gateway.variables_of("auth");
        all.insert(name.to_owned(), value.to_owned());
        let vars = all.into_iter().collect();
        match sandbox::functions::registry()["auth"](vars, Environment::real()).await {
            Ok(_) => panic!("it starts with {name} {value}"),
            Err(error) => error.to_string(),
        }
    };
    let error = start("MONO_SECRET", "no-such-secret").await;
    assert!(error.contains("MONO_SECRET"), "{error}");
    let error = start("LIMITS_SECRET", "").await;
    assert!(error.contains("LIMITS_HMAC_KEY"), "{error}");
    // Nobody listens at port 1.
    let error = start("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:1").await;
    assert!(error.contains("_SECRET"), "{error}");
    let secrets = gateway.sandbox.secrets.values();
    assert!(secrets.iter().all(|value| !error.contains(value)));

    // No secret stands in a function's environment.
    assert!(secrets.len() >= 9, "{}", secrets.len());
    for function in &gateway.sandbox.stack.functions {
        for (name, value) in &function.variables {
            assert!(!secrets.contains(value), "{name} of {}", function.name);
        }
    }

    // Log lines are read for secrets, and a leak would be found.
    let before = lines();
    gateway.caller().get("/purchases").await.ok();
    assert!(lines() > before, "the function's own line");
    assert!(is_secret(KEY));
    let found: Vec<_> = words("{\"detail\":\"+2348031234567, tok_0123456789\"}").collect();
    assert_eq!(found, ["detail", "2348031234567", "tok_0123456789"]);
}
