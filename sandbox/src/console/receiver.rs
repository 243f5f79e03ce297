//! A receiver of webhooks, as a tenant would have one. It verifies each delivery as
//! Standard Webhooks says, and can fail or be slow.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use shared::domain::ids::EventId;
use shared::domain::time::to_seconds;
use shared::domain::webhook::{Scheme, SigningKey};
use shared::platform::crypto::same;
use time::OffsetDateTime;

use crate::ledger::Ledger;

/// How many deliveries and how many secrets are kept.
pub(super) const KEPT: usize = 200;
const SECRETS: usize = 20;
/// Standard Webhooks: a delivery that is older, or from the future, is refused.
const TOLERANCE_SECONDS: i64 = 300;
/// The ledger's collection, and the key, of the secrets.
const COLLECTION: &str = "receiver";
const SECRETS_KEY: &str = "secrets";

/// The receiver.
pub(crate) struct Receiver {
    ledger: Arc<Ledger>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) behaviour: Behaviour,
    pub(super) deliveries: VecDeque<Delivery>,
}

/// How the receiver behaves.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Behaviour {
    /// Whether it answers 500.
    pub(super) fails: bool,
    /// How long it takes to answer.
    pub(super) delay_ms: u64,
}

/// What the verification of a delivery found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
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
pub(super) struct Delivery {
    pub(super) at: String,
    pub(super) webhook_id: String,
    pub(super) webhook_timestamp: String,
    pub(super) verdict: Verdict,
    /// How often this event came before.
    pub(super) before: usize,
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Receiver {
    /// A receiver that keeps its secrets in the ledger.
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, seen: Mutex::default() }
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        self.ledger.get(COLLECTION, SECRETS_KEY).unwrap_or_default()
    }

    /// Adds a secret, beside the others.
    pub(super) fn learn(&self, secret: String) {
        let mut secrets = self.secrets();
        secrets.retain(|known| *known != secret);
        secrets.insert(0, secret);
        secrets.truncate(SECRETS);
        self.ledger.put(COLLECTION, SECRETS_KEY, &secrets);
    }

    pub(super) fn verify(&self, headers: &HeaderMap, body: &str, now: OffsetDateTime) -> Verdict {
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

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
