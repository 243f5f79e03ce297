//! `/_sandbox/receiver`: a receiver of webhooks, as a tenant would have one. It verifies each delivery as
//! Standard Webhooks says, and can fail or be slow.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::domain::ids::EventId;
use shared::domain::time::{to_iso, to_seconds};
use shared::domain::webhook::{Scheme, SigningKey};
use shared::platform::crypto::same;
use time::OffsetDateTime;

use super::answer::{Answer, bad, read};
use super::routes::Console;
use crate::ledger::Ledger;

/// How many deliveries and how many secrets are kept.
const KEPT: usize = 200;
const SECRETS: usize = 20;
/// Standard Webhooks: a delivery that is older, or from the future, is refused.
const TOLERANCE_SECONDS: i64 = 300;
/// The longest answer time: longer than the gateway waits.
const SLOWEST_MS: u64 = 20_000;
/// The ledger's collection, and the key, of the secrets.
const COLLECTION: &str = "receiver";
const SECRETS_KEY: &str = "secrets";

/// The receiver.
pub(crate) struct Receiver {
    ledger: Arc<Ledger>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    behaviour: Behaviour,
    deliveries: VecDeque<Delivery>,
}

/// How the receiver behaves.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Behaviour {
    /// Whether it answers 500.
    fails: bool,
    /// How long it takes to answer.
    delay_ms: u64,
}

/// What the verification of a delivery found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Verified,
    /// It was sent too long ago, by its own timestamp: a replay.
    TooOld,
    FromTheFuture,
    /// No signature of it is one of a known secret.
    WrongSignature,
    /// It lacks a header of Standard Webhooks.
    NoHeaders,
    /// The receiver was given no secret.
    NoSecret,
}

#[derive(Debug, Clone, Serialize)]
struct Delivery {
    at: String,
    webhook_id: String,
    webhook_timestamp: String,
    verdict: Verdict,
    /// How often this event came before.
    before: usize,
    status: u16,
    body: Value,
}

impl Receiver {
    /// A receiver that keeps its secrets in the ledger.
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, seen: Mutex::default() }
    }

    fn secrets(&self) -> Vec<String> {
        self.ledger.get(COLLECTION, SECRETS_KEY).unwrap_or_default()
    }

    fn verify(&self, headers: &HeaderMap, body: &str, now: OffsetDateTime) -> Verdict {
        let secrets = self.secrets();
        let id = EventId::parse(header(headers, "webhook-id"));
        let sent = header(headers, "webhook-timestamp").parse::<i64>().ok();
        let signatures = header(headers, "webhook-signature");
        let (Some(id), Some(sent)) = (id, sent) else { return Verdict::NoHeaders };
        let Ok(sent_at) = OffsetDateTime::from_unix_timestamp(sent) else {
            return Verdict::NoHeaders;
        };
        if signatures.is_empty() {
            return Verdict::NoHeaders;
        }
        if secrets.is_empty() {
            return Verdict::NoSecret;
        }
        let keys = secrets.iter().filter_map(|secret| SigningKey::read(secret).ok());
        let mut expected = keys.filter_map(|key| key.sign(Scheme::V1, &id, sent_at, body).ok());
        if !expected.any(|expected| signatures.split(' ').any(|it| same(it, &expected))) {
            return Verdict::WrongSignature;
        }
        match to_seconds(now).saturating_sub(sent) {
            age if age > TOLERANCE_SECONDS => Verdict::TooOld,
            age if age < -TOLERANCE_SECONDS => Verdict::FromTheFuture,
            _ => Verdict::Verified,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

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
        let mut secrets = receiver.secrets();
        secrets.retain(|known| *known != secret);
        secrets.insert(0, secret);
        secrets.truncate(SECRETS);
        receiver.ledger.put(COLLECTION, SECRETS_KEY, &secrets);
    }
    let mut seen = receiver.seen();
    let now = &mut seen.behaviour;
    *now =
        Behaviour { fails: fails.unwrap_or(now.fails), delay_ms: delay_ms.unwrap_or(now.delay_ms) };
    let Behaviour { fails, delay_ms } = *now;
    Ok(Json(json!({ "fails": fails, "delay_ms": delay_ms })))
}
