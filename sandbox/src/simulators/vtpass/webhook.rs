//! VTpass's webhooks (*Callback API integration*): unsigned, tried five times, and only one answer
//! counts.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::world::World;

use super::VtpassSimulator;

/// How a webhook went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its `type`.
    pub kind: String,
    /// The order it is about.
    pub request_id: Option<String>,
    /// How often it was tried.
    pub tries: usize,
    /// Whether it was answered as it must be.
    pub accepted: bool,
}

const WEBHOOKS: &str = "vtpass-webhooks";
/// How long to wait before each try.
const WAITS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1_600),
];
const TRY_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a webhook in the background, if anybody listens.
pub(super) fn fire(vtpass: &Arc<VtpassSimulator>, payload: Value) {
    if vtpass.webhook_url.is_some() {
        tokio::spawn(deliver(vtpass.clone(), payload));
    }
}

/// How the webhooks went, newest first.
pub(super) fn deliveries(vtpass: &VtpassSimulator) -> Vec<Delivery> {
    vtpass.ledger.all(WEBHOOKS)
}

async fn deliver(vtpass: Arc<VtpassSimulator>, payload: Value) {
    let Some(url) = &vtpass.webhook_url else { return };
    let key = vtpass.world.random.id();
    let mut delivery = Delivery {
        kind: payload["type"].as_str().unwrap_or_default().to_owned(),
        request_id: payload.pointer("/data/requestId").and_then(Value::as_str).map(str::to_owned),
        tries: 0,
        accepted: false,
    };
    for wait in WAITS {
        tokio::time::sleep(wait).await;
        delivery.tries += 1;
        delivery.accepted = accepted(&vtpass.world, url, &payload).await;
        vtpass.ledger.put(WEBHOOKS, &key, &delivery);
        if delivery.accepted {
            break;
        }
    }
}

async fn accepted(world: &World, url: &str, payload: &Value) -> bool {
    let request = axum::http::Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(header::CONTENT_TYPE, "application/json")
        .body(payload.to_string().into_bytes());
    let Some(request) = request.ok().and_then(|it| reqwest::Request::try_from(it).ok()) else {
        return false;
    };
    let Ok(answer) = world.http.send(request, TRY_TIMEOUT).await else { return false };
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    answer.status.is_success() && body == Some(json!({ "response": "success" }))
}
