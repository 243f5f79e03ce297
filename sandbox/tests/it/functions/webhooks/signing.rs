//! Signatures, judged by the standard's own library and by another implementation of Ed25519.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::{DAY, HOUR, Teller, receiver};
use crate::support::purchases::{DELIVERED, field};
use crate::support::{Received, leaks};

/// Whether the standard's library takes a request with this secret.
pub fn takes(secret: &str, request: &Received) -> bool {
    leaks::secret(secret);
    let headers = &request.headers;
    Webhook::new(secret).unwrap().verify(request.body.as_bytes(), headers).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standards_library_takes_what_is_sent_and_nothing_that_was_changed() {
    let teller = Teller::start_at_the_real_time().await;
    let receiver = receiver().await;
    let made = teller.caller.endpoint(json!({ "url": receiver.url })).await;
    let secret = field(&made, "secret");
    teller.bought("k", DELIVERED).await;
    let request = receiver.received().pop().unwrap();
    assert!(takes(secret, &request));
    assert_eq!(
        (request.method.as_str(), request.header("content-type")),
        ("POST", Some("application/json"))
    );
    let body: Value = serde_json::from_str(&request.body).unwrap();
    let event = teller.caller.get("/events").await.ok()["data"][0].clone();
    assert_eq!((&body["type"], &body["data"]), (&event["type"], &event["data"]));
    assert_eq!(body["timestamp"], event["created_at"]);
    assert_eq!(request.header("webhook-id"), event["id"].as_str());
    assert!(request.body.len() < 20_000);

    let changed = |name: &'static str, value: &str| {
        let mut changed = request.clone();
        changed.headers.insert(name, HeaderValue::from_str(value).unwrap());
        changed
    };
    let other = teller.caller.endpoint(json!({ "url": receiver.url })).await;
    assert!(!takes(field(&other, "secret"), &request));
    let tampered = request.body.replace("delivered", "reversed");
    assert!(!takes(secret, &Received { body: tampered, ..request.clone() }));
    assert!(!takes(secret, &changed("webhook-id", "another")));
    let old = teller.gateway.clock.clock().now().unix_timestamp() - 600;
    assert!(!takes(secret, &changed("webhook-timestamp", &old.to_string())), "it is replayed");
    assert!(!takes(secret, &changed("webhook-signature", "v1,")));
    let mut unsigned = request.clone();
    unsigned.headers.remove("webhook-signature");
    assert!(!takes(secret, &unsigned));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_verify_during_a_rotation_and_then_the_new_one_only() {
    let teller = Teller::start_at_the_real_time().await;
    let receiver = receiver().await;
    let made = teller.caller.endpoint(json!({ "url": receiver.url })).await;
    let (id, old) = (field(&made, "id"), field(&made, "secret"));
    let overlap = json!({ "overlap_seconds": 30 });
    let new = teller.caller.on_endpoint("POST", id, "/rotate", overlap).await;
    let new = field(&new, "secret");
    teller.bought("k1", DELIVERED).await;
    let during = receiver.received().pop().unwrap();
    assert!(takes(old, &during) && takes(new, &during));
    teller.gateway.clock.turn(30 * super::SECOND);
    teller.bought("k2", DELIVERED).await;
    let after = receiver.received().pop().unwrap();
    assert!(!takes(old, &after) && takes(new, &after));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_may_choose_a_signature_by_public_key() {
    let teller = Teller::start().await;
    let receiver = receiver().await;
    let made = teller.caller.endpoint(json!({ "url": receiver.url, "signature": "v1a" })).await;
    let public = field(&made, "public_key").strip_prefix("whpk_").unwrap();
    let public = UnparsedPublicKey::new(&ED25519, STANDARD.decode(public).unwrap());
    teller.bought("k", DELIVERED).await;
    let request = receiver.received().pop().unwrap();
    let header = |name| request.header(name).unwrap();
    let signature = header("webhook-signature").strip_prefix("v1a,").unwrap();
    let signature = STANDARD.decode(signature).unwrap();
    let signed = |body: &str| {
        let text = format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp"));
        public.verify(text.as_bytes(), &signature).is_ok()
    };
    assert!(signed(&request.body) && !signed("{}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_is_signed_with_its_own_time() {
    let teller = Teller::start().await;
    let receiver = super::answering(500).await;
    teller.caller.endpoint_at(&receiver).await;
    teller.bought("k", DELIVERED).await;
    teller.pass(DAY, HOUR / 4).await;
    let received = receiver.received();
    let times: Vec<i64> = received
        .iter()
        .map(|it| it.header("webhook-timestamp").unwrap().parse().unwrap())
        .collect();
    assert!(times.len() >= 5 && times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    assert!(received.iter().all(|it| it.body == received[0].body));
}
