//! `/_sandbox/receiver`: takes deliveries, shows them, and changes how the receiver behaves.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::time::to_iso;
use shared::domain::webhook::SigningKey;

use super::answer::{Answer, bad, read};
use super::receiver::{Behaviour, Delivery, KEPT, Verdict, header};
use super::state::Console;

/// The longest answer time: longer than the gateway waits.
const SLOWEST_MS: u64 = 20_000;

/// Takes a delivery.
pub(super) async fn receive(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let (receiver, text) = (&console.receiver, String::from_utf8_lossy(&body));
    let now = console.turner.now();
    let verdict = receiver.verify(&headers, &text, now);
    let Behaviour { fails, delay_ms } = receiver.seen().behaviour;
    let status = match verdict {
        Verdict::Verified if fails => StatusCode::INTERNAL_SERVER_ERROR,
        Verdict::Verified => StatusCode::NO_CONTENT,
        _ => StatusCode::BAD_REQUEST,
    };
    {
        let mut seen = receiver.seen();
        let webhook_id = header(&headers, "webhook-id").to_owned();
        let before = seen.deliveries.iter().filter(|it| it.webhook_id == webhook_id).count();
        seen.deliveries.push_front(Delivery {
            at: to_iso(now),
            webhook_id,
            webhook_timestamp: header(&headers, "webhook-timestamp").to_owned(),
            verdict,
            before,
            status: status.as_u16(),
            body: serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(text.into())),
        });
        seen.deliveries.truncate(KEPT);
    }
    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    status
}

/// The deliveries, newest first, and how the receiver behaves.
pub(super) async fn show(State(console): State<Arc<Console>>) -> Json<Value> {
    let receiver = &console.receiver;
    let (secrets, seen) = (receiver.secrets().len(), receiver.seen());
    Json(json!({
        "url": format!("{}/_sandbox/receiver", console.base_url),
        "secrets": secrets,
        "fails": seen.behaviour.fails,
        "delay_ms": seen.behaviour.delay_ms,
        "deliveries": seen.deliveries,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    fails: Option<bool>,
    delay_ms: Option<u64>,
    /// The secret of an endpoint: it is known beside the others.
    secret: Option<String>,
}

/// Changes how the receiver behaves, or gives it a secret.
pub(super) async fn change(State(console): State<Arc<Console>>, body: Bytes) -> Answer {
    let Change { fails, delay_ms, secret } = read(&body)?;
    if delay_ms.is_some_and(|ms| ms > SLOWEST_MS) {
        return Err(bad(format!("delay_ms must be 0 to {SLOWEST_MS}")));
    }
    let receiver = &console.receiver;
    if let Some(secret) = secret {
        SigningKey::read(&secret)
            .map_err(|_| bad("secret must be whsec_ and 32 bytes in base64"))?;
        receiver.learn(secret);
    }
    let mut seen = receiver.seen();
    let now = &mut seen.behaviour;
    *now =
        Behaviour { fails: fails.unwrap_or(now.fails), delay_ms: delay_ms.unwrap_or(now.delay_ms) };
    let Behaviour { fails, delay_ms } = *now;
    Ok(Json(json!({ "fails": fails, "delay_ms": delay_ms })))
}
