//! Webhook endpoints and what became of the events there.

use serde_json::{Value, json};

use super::loss::Loss;
use crate::functions::webhooks::{SECOND, receiver};
use crate::support::purchases::{DELIVERED, airtime, field};
use crate::support::{Gateway, KEY, event};

/// A request about an endpoint of the first tenant.
fn about(route: &str, id: &str, body: &Value) -> String {
    event(KEY, route, &[("endpoint_id", id)], &body.to_string())
}

/// A gateway with one endpoint, and its id.
async fn with_endpoint(url: &str) -> (Gateway, String) {
    let gateway = Gateway::undriven().await;
    let made = gateway.caller().endpoint(json!({ "url": url })).await;
    (gateway, field(&made, "id").to_owned())
}

async fn stored(gateway: &Gateway) -> Value {
    gateway.scan("WebhookEndpointsTable").await.pop().unwrap_or_default()
}

pub async fn an_endpoint_is_added(loss: Loss) {
    let gateway = Gateway::undriven().await;
    let (tap, function) = gateway.with_tap("webhook-endpoints").await;
    let body = json!({ "url": "http://127.0.0.1:3000/" });
    let made = loss.run(&tap, &function, about("POST /webhook-endpoints", "", &body)).await;
    assert_eq!(made["statusCode"], 201, "{made}");
    assert_eq!(gateway.items("WebhookEndpointsTable").await, 1);
}

pub async fn a_secret_is_rotated_once(loss: Loss) {
    let (gateway, id) = with_endpoint("http://127.0.0.1:3000/").await;
    let (tap, function) = gateway.with_tap("webhook-endpoints").await;
    let route = "POST /webhook-endpoints/{endpoint_id}/rotate";
    let rotated = loss.run(&tap, &function, about(route, &id, &json!({}))).await;
    assert_eq!(rotated["statusCode"], 200, "{rotated}");
    let stored = stored(&gateway).await;
    let keys = stored["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "the secret that was shown is the newest");
    assert!(rotated["body"].as_str().unwrap().contains(field(&keys[0], "secret")));
}

pub async fn an_endpoint_is_removed(loss: Loss) {
    let (gateway, id) = with_endpoint("http://127.0.0.1:3000/").await;
    let (tap, function) = gateway.with_tap("webhook-endpoints").await;
    let route = "DELETE /webhook-endpoints/{endpoint_id}";
    let removed = loss.run(&tap, &function, about(route, &id, &json!({}))).await;
    assert_eq!(removed["statusCode"], 200, "{removed}");
    assert_eq!(gateway.items("WebhookEndpointsTable").await, 0);
}

pub async fn an_attempt_is_recorded(loss: Loss) {
    let receiver = receiver().await;
    let (gateway, id) = with_endpoint(&receiver.url).await;
    let (_, notify) = gateway.with_tap("notify").await;
    let (tap, send) = gateway.with_tap("send-webhook").await;
    gateway.caller().bought("k", &airtime(DELIVERED)).await;
    gateway.clock.turn(SECOND);
    gateway.drive_queue("NotifyQueue", &notify).await;
    loss.begin(&tap);
    gateway.drive_queue("WebhookQueue", &send).await;
    loss.end(&tap);
    let attempts = gateway.caller().attempts(&id).await;
    assert_eq!(attempts[0]["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(gateway.messages("WebhookQueue").await, 0);
}
