//! A webhook endpoint: where a tenant wants its events sent.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::signing::{BadKey, Scheme, SigningKey};
use crate::domain::event::{EventType, Owed};
use crate::domain::ids::{EndpointId, EventId, TenantId};
use crate::domain::time::{epoch_ms, iso, to_iso};
use crate::platform::environment::Random;

/// How many signing keys an endpoint has at most. Each living one adds a signature.
const MOST_KEYS: usize = 5;
/// How many lines a history has at most.
const MOST_EVENTS: usize = 20;

/// A webhook endpoint as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub endpoint_id: EndpointId,
    /// Where events are sent.
    pub url: String,
    /// The types that are sent; all of them where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<EventType>>,
    /// Whether events are sent.
    pub state: EndpointState,
    /// How deliveries are signed.
    #[serde(default)]
    pub scheme: Scheme,
    /// The signing keys, newest first. All that live sign.
    pub keys: Vec<SigningKey>,
    /// When it was made. What happened before is not sent.
    #[serde(rename = "created_ms", with = "epoch_ms")]
    pub created_at: OffsetDateTime,
    /// When the tenant, or we on its behalf, changed it for the last time.
    #[serde(rename = "updated_ms", with = "epoch_ms")]
    pub updated_at: OffsetDateTime,
    /// Since when every attempt failed.
    #[serde(rename = "failing_since_ms", default, skip_serializing_if = "Option::is_none")]
    #[serde(with = "epoch_ms::option")]
    pub failing_since: Option<OffsetDateTime>,
    /// Seconds between two calls, where it is slow; otherwise 0.
    #[serde(rename = "pace_seconds", default)]
    pub pace: u64,
    /// At a slow endpoint: when the next turn is free.
    #[serde(rename = "next_turn_ms", default, skip_serializing_if = "Option::is_none")]
    #[serde(with = "epoch_ms::option")]
    pub next_turn: Option<OffsetDateTime>,
    /// Not called before this time, because it asked for a pause.
    #[serde(rename = "paused_until_ms", default, skip_serializing_if = "Option::is_none")]
    #[serde(with = "epoch_ms::option")]
    pub paused_until: Option<OffsetDateTime>,
    /// When it was disabled by us, and when it took events again.
    #[serde(default)]
    pub history: Vec<EndpointEvent>,
    /// Changes with each write.
    pub revision: String,
}

/// Whether events are sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// They are.
    Enabled,
    /// They are not. They stay readable at `GET /events`.
    Disabled,
}

/// One line of an endpoint's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointEvent {
    /// When.
    #[serde(with = "iso")]
    pub at: OffsetDateTime,
    /// What.
    pub event: EventType,
}

/// What a tenant says of a new endpoint.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// Where events are sent.
    pub url: String,
    /// The types that are sent; all of them where it is absent.
    pub events: Option<Vec<EventType>>,
    /// How deliveries are signed.
    pub scheme: Scheme,
}

/// Whether the answer shows the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyView {
    /// It was made just now: this answer is the only one that shows it.
    New,
    /// It is not shown any more. A public key always is.
    Known,
}

/// An endpoint as its tenant sees it.
#[derive(Debug, Serialize)]
pub struct EndpointView<'a> {
    id: &'a EndpointId,
    url: &'a str,
    events: Option<&'a [EventType]>,
    state: EndpointState,
    signature: Scheme,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    failing_since: Option<String>,
    created_at: String,
    updated_at: String,
}

impl Endpoint {
    /// A new endpoint with a new key.
    pub fn new(tenant: &TenantId, new: NewEndpoint, now: OffsetDateTime, random: &Random) -> Self {
        Self {
            tenant: tenant.clone(),
            endpoint_id: EndpointId::random(random),
            url: new.url,
            events: new.events,
            state: EndpointState::Enabled,
            scheme: new.scheme,
            keys: vec![SigningKey::random(random)],
            created_at: now,
            updated_at: now,
            failing_since: None,
            pace: 0,
            next_turn: None,
            paused_until: None,
            history: Vec::new(),
            revision: random.id(),
        }
    }

    /// Whether events are sent to it.
    pub fn is_enabled(&self) -> bool {
        self.state == EndpointState::Enabled
    }

    /// Whether it wants an event of this type.
    pub fn wants(&self, kind: &EventType) -> bool {
        self.is_enabled() && self.events.as_ref().is_none_or(|events| events.contains(kind))
    }

    /// Whether what happened is to be sent to it. What happened before it was made is not.
    pub fn takes(&self, owed: &Owed) -> bool {
        self.wants(&owed.kind) && owed.at >= self.created_at
    }

    /// Gives it a new key. The older ones sign for `overlap` more, so that the receiver can change.
    pub fn rotate(&mut self, overlap: Duration, now: OffsetDateTime, random: &Random) {
        let end = now + overlap;
        for key in &mut self.keys {
            key.until = Some(key.until.map_or(end, |until| until.min(end)));
        }
        self.keys.retain(|key| key.is_alive(now));
        self.keys.insert(0, SigningKey::random(random));
        self.keys.truncate(MOST_KEYS);
        self.updated_at = now;
    }

    /// The value of `webhook-signature` for one attempt: a signature by each living key.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn signatures(
        &self,
        id: &EventId,
        at: OffsetDateTime,
        body: &str,
    ) -> Result<String, BadKey> {
        let living = self.keys.iter().filter(|key| key.is_alive(at));
        let signed: Result<Vec<_>, _> =
            living.map(|key| key.sign(self.scheme, id, at, body)).collect();
        let signed = signed?;
        if signed.is_empty() { Err(BadKey) } else { Ok(signed.join(" ")) }
    }

    /// Enables or disables it. An endpoint that is enabled begins without a past.
    pub fn set_state(&mut self, state: EndpointState) {
        if state == EndpointState::Enabled {
            self.forget_past();
        }
        self.state = state;
    }

    /// Sends to this url from now on. How another one fared says nothing of it.
    pub fn move_to(&mut self, url: &str) {
        if self.url != url {
            url.clone_into(&mut self.url);
            self.forget_past();
        }
    }

    fn forget_past(&mut self) {
        (self.failing_since, self.pace) = (None, 0);
        (self.next_turn, self.paused_until) = (None, None);
    }

    /// Writes down what its tenant is to be told.
    pub(super) fn note(&mut self, event: EventType, at: OffsetDateTime) {
        self.history.push(EndpointEvent { at, event });
        self.history.drain(..self.history.len().saturating_sub(MOST_EVENTS));
        self.updated_at = at;
    }

    /// What the tenant sees.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn view(&self, key: KeyView) -> Result<EndpointView<'_>, BadKey> {
        let newest = self.keys.first().ok_or(BadKey)?.shown(self.scheme)?;
        let (secret, public_key) = match (self.scheme, key) {
            (Scheme::V1, KeyView::New) => (Some(newest), None),
            (Scheme::V1, KeyView::Known) => (None, None),
            (Scheme::V1a, _) => (None, Some(newest)),
        };
        Ok(EndpointView {
            id: &self.endpoint_id,
            url: &self.url,
            events: self.events.as_deref(),
            state: self.state,
            signature: self.scheme,
            secret,
            public_key,
            failing_since: self.failing_since.map(to_iso),
            created_at: to_iso(self.created_at),
            updated_at: to_iso(self.updated_at),
        })
    }

    /// Two events for each line of its history: its tenant's and the operator's.
    pub fn owed(&self) -> Vec<Owed> {
        let owed = self.history.iter().map(|line| Owed {
            tenant: self.tenant.clone(),
            kind: line.event.clone(),
            about: self.endpoint_id.to_string(),
            at: line.at,
            data: serde_json::json!({
                "endpoint_id": self.endpoint_id,
                "url": self.url,
                "at": to_iso(line.at),
            }),
        });
        owed.flat_map(Owed::with_operators).collect()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);
    const DAY: Duration = Duration::from_secs(86_400);

    fn endpoint(scheme: Scheme) -> Endpoint {
        let tenant = TenantId::parse("t").unwrap();
        let new = NewEndpoint { url: "https://a.example/".to_owned(), events: None, scheme };
        Endpoint::new(&tenant, new, NOW, &Random::system())
    }

    fn signatures(endpoint: &Endpoint, at: OffsetDateTime) -> Vec<String> {
        let id = EventId::parse("0123456789abcdef0123456789abcdef").unwrap();
        let signed = endpoint.signatures(&id, at, "{}").unwrap();
        signed.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn during_a_rotation_both_keys_sign_and_afterwards_the_new_one() {
        let mut endpoint = endpoint(Scheme::V1);
        let old = endpoint.keys[0].clone();
        endpoint.rotate(DAY, NOW, &Random::system());
        let both = signatures(&endpoint, NOW + DAY / 2);
        assert_eq!(both.len(), 2);
        assert_ne!(both[0], both[1]);
        assert_eq!(signatures(&endpoint, NOW + DAY), [&*signatures(&endpoint, NOW + DAY)[0]]);
        assert_eq!(endpoint.keys[1].until, Some(NOW + DAY));
        let mut kept = endpoint.keys[1].clone();
        kept.until = None;
        assert_eq!(kept, old);
    }

    #[test]
    fn a_rotation_whose_answer_was_lost_leaves_the_key_that_is_in_use_until_its_end() {
        let mut endpoint = endpoint(Scheme::V1);
        let in_use = signatures(&endpoint, NOW);
        for _ in 0..4 {
            endpoint.rotate(DAY, NOW, &Random::system());
        }
        assert!(signatures(&endpoint, NOW).contains(&in_use[0]));
        endpoint.rotate(DAY, NOW, &Random::system());
        assert_eq!(endpoint.keys.len(), MOST_KEYS);
        endpoint.rotate(Duration::ZERO, NOW, &Random::system());
        assert_eq!(signatures(&endpoint, NOW).len(), 1, "a key that leaked ends at once");
    }

    #[test]
    fn an_endpoint_without_a_living_key_sends_nothing() {
        let mut endpoint = endpoint(Scheme::V1);
        endpoint.keys.clear();
        let id = EventId::parse("0123456789abcdef0123456789abcdef").unwrap();
        assert!(endpoint.signatures(&id, NOW, "{}").is_err());
    }

    #[test]
    fn a_secret_is_shown_once_and_a_public_key_always() {
        let shown =
            |endpoint: &Endpoint, view| serde_json::to_value(endpoint.view(view).unwrap()).unwrap();
        let (shared, public) = (endpoint(Scheme::V1), endpoint(Scheme::V1a));
        assert!(shown(&shared, KeyView::New)["secret"].as_str().unwrap().starts_with("whsec_"));
        assert_eq!(shown(&shared, KeyView::Known).get("secret"), None);
        for view in [KeyView::New, KeyView::Known] {
            let shown = shown(&public, view);
            assert!(shown["public_key"].as_str().unwrap().starts_with("whpk_"));
            assert_eq!(shown.get("secret"), None);
        }
    }

    #[test]
    fn an_endpoint_takes_what_it_wants_and_what_happened_since_it_was_made() {
        let mut endpoint = endpoint(Scheme::V1);
        let owed = |kind, at| Owed {
            tenant: endpoint.tenant.clone(),
            kind,
            about: "p".to_owned(),
            at,
            data: serde_json::Value::Null,
        };
        let (failed, delivered) = (EventType::PurchaseFailed, EventType::PurchaseDelivered);
        let (failed, early) = (owed(failed, NOW), owed(delivered.clone(), NOW - DAY));
        let delivered = owed(delivered, NOW);
        assert!(endpoint.takes(&failed) && endpoint.takes(&delivered) && !endpoint.takes(&early));
        endpoint.events = Some(vec![EventType::PurchaseFailed]);
        assert!(endpoint.takes(&failed) && !endpoint.takes(&delivered));
        endpoint.set_state(EndpointState::Disabled);
        assert!(!endpoint.takes(&failed));
    }
}
