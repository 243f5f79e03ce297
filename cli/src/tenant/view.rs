//! Prints keys for an operator: never their hashes, and a key itself only when it is new.

use serde_json::{Value, json};
use shared::domain::access::{Networks, Scopes};
use shared::domain::api_key::{ApiKey, KeyState};
use shared::domain::time::to_iso;
use shared::platform::crypto::{ExposeSecret, SecretString};
use time::OffsetDateTime;

use crate::table::{columns, document};

/// Keys as JSON.
pub fn keys(keys: &[ApiKey], now: OffsetDateTime) -> Value {
    keys.iter().map(|key| view(key, now)).collect()
}

/// A list as a table.
pub fn list(keys: &[ApiKey], now: OffsetDateTime) -> String {
    let title = ["TENANT", "KEY ID", "KIND", "LABEL", "CREATED", "SCOPES", "FROM", "STATE"];
    let title = title.map(str::to_owned);
    let rows: Vec<[String; 8]> =
        std::iter::once(title).chain(keys.iter().map(|key| row(key, now))).collect();
    columns(&rows)
}

/// A new key and the keys that it replaces, as one JSON document.
pub fn issued_document(
    key: &ApiKey,
    secret: &SecretString,
    ending: &[ApiKey],
    now: OffsetDateTime,
) -> String {
    let mut issued = view(key, now);
    issued["key"] = json!(secret.expose_secret());
    issued["ending"] = keys(ending, now);
    document(&issued)
}

/// A new key and the keys that it replaces, as tables.
pub fn issued(
    key: &ApiKey,
    secret: &SecretString,
    ending: &[ApiKey],
    now: OffsetDateTime,
) -> String {
    let facts = [
        ("tenant", key.tenant.as_str()),
        ("key_id", key.key_id.as_str()),
        ("kind", key.kind.as_str()),
        ("label", key.label.as_deref().unwrap_or_default()),
        ("scopes", &scopes(key)),
        ("from", &networks(key)),
        ("state", &state(key, now)),
        ("key", secret.expose_secret()),
    ];
    let facts = columns(&facts.map(|fact| [fact.0.to_owned(), fact.1.to_owned()]));
    if ending.is_empty() { facts } else { format!("{facts}\n{}", list(ending, now)) }
}

fn view(key: &ApiKey, now: OffsetDateTime) -> Value {
    json!({
        "tenant": key.tenant,
        "key_id": key.key_id,
        "kind": key.kind,
        "label": key.label,
        "spend_limit": key.spend_limit,
        "largest_order_kobo": key.largest_order_kobo,
        "scopes": key.scopes,
        "networks": key.networks,
        "created_at": to_iso(key.created_at),
        "state": match key.state(now) {
            KeyState::Active => "active",
            KeyState::Expiring => "expiring",
            KeyState::Expired => "expired",
            KeyState::Revoked => "revoked",
        },
        "valid_until": key.valid_until.map(to_iso),
        "revoked_at": key.revoked_at.map(to_iso),
        "revoked_because": key.revoked_because,
    })
}

fn row(key: &ApiKey, now: OffsetDateTime) -> [String; 8] {
    let label = key.label.clone().unwrap_or_default();
    let (tenant, kind) = (key.tenant.to_string(), key.kind.as_str().to_owned());
    let (id, created) = (key.key_id.to_string(), to_iso(key.created_at));
    [tenant, id, kind, label, created, scopes(key), networks(key), state(key, now)]
}

fn scopes(key: &ApiKey) -> String {
    key.scopes.as_ref().map_or_else(|| "all".to_owned(), Scopes::to_string)
}

fn networks(key: &ApiKey) -> String {
    key.networks.as_ref().map_or_else(|| "anywhere".to_owned(), Networks::to_string)
}

/// The state as text.
fn state(key: &ApiKey, now: OffsetDateTime) -> String {
    match key.state(now) {
        KeyState::Active => "active".to_owned(),
        KeyState::Expiring => {
            format!("expires at {}", key.valid_until.map(to_iso).unwrap_or_default())
        }
        KeyState::Expired => "expired".to_owned(),
        KeyState::Revoked => {
            let at = key.revoked_at.map(to_iso).unwrap_or_default();
            let because = key.revoked_because.as_deref();
            let because = because.map(|because| format!(": {because}")).unwrap_or_default();
            format!("revoked at {at}{because}")
        }
    }
}
