//! Keys as an operator sees them: never a hash, and the key itself only when it is new.

use serde::Serialize;
use serde_json::{Value, json};
use shared::secret::{ExposeSecret, SecretString};
use shared::tenant_key::{KeyKind, KeyState, TenantKey};
use shared::world::iso;
use time::OffsetDateTime;

use crate::table::columns;

/// A key as a document.
#[derive(Serialize)]
struct View<'a> {
    tenant: &'a str,
    key_id: &'a str,
    kind: KeyKind,
    label: Option<&'a str>,
    created_at: &'a str,
    state: &'static str,
    valid_until: Option<String>,
    revoked_at: Option<&'a str>,
    revoked_because: Option<&'a str>,
}

/// One JSON document, as it is printed.
pub fn document(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Keys as JSON.
pub fn keys(keys: &[TenantKey], now: OffsetDateTime) -> Value {
    keys.iter().map(|key| json!(view(key, now))).collect()
}

/// A list as one JSON document.
pub fn list_document(list: &[TenantKey], now: OffsetDateTime) -> String {
    document(&keys(list, now))
}

/// A list as a table.
pub fn list(keys: &[TenantKey], now: OffsetDateTime) -> String {
    let title = ["TENANT", "KEY ID", "KIND", "LABEL", "CREATED", "STATE"].map(str::to_owned);
    let rows: Vec<[String; 6]> =
        std::iter::once(title).chain(keys.iter().map(|key| row(key, now))).collect();
    columns(&rows)
}

/// A new key, with those that end in its place, as one JSON document.
pub fn issued_document(
    key: &TenantKey,
    secret: &SecretString,
    ending: &[TenantKey],
    now: OffsetDateTime,
) -> String {
    let mut issued = json!(view(key, now));
    issued["key"] = json!(secret.expose_secret());
    issued["ending"] = keys(ending, now);
    document(&issued)
}

/// A new key, with those that end in its place, for people.
pub fn issued(
    key: &TenantKey,
    secret: &SecretString,
    ending: &[TenantKey],
    now: OffsetDateTime,
) -> String {
    let facts = [
        ("tenant", key.tenant.as_str()),
        ("key_id", &key.key_id),
        ("kind", key.kind.as_str()),
        ("label", key.label.as_deref().unwrap_or_default()),
        ("key", secret.expose_secret()),
    ];
    let facts = columns(&facts.map(|fact| [fact.0.to_owned(), fact.1.to_owned()]));
    if ending.is_empty() { facts } else { format!("{facts}\n{}", list(ending, now)) }
}

fn view(key: &TenantKey, now: OffsetDateTime) -> View<'_> {
    View {
        tenant: key.tenant.as_str(),
        key_id: &key.key_id,
        kind: key.kind,
        label: key.label.as_deref(),
        created_at: &key.created_at,
        state: match key.state(now) {
            KeyState::Active => "active",
            KeyState::Expiring => "expiring",
            KeyState::Expired => "expired",
            KeyState::Revoked => "revoked",
        },
        valid_until: key.valid_until.map(time_of),
        revoked_at: key.revoked_at.as_deref(),
        revoked_because: key.revoked_because.as_deref(),
    }
}

fn row(key: &TenantKey, now: OffsetDateTime) -> [String; 6] {
    let label = key.label.clone().unwrap_or_default();
    let (tenant, kind) = (key.tenant.to_string(), key.kind.as_str().to_owned());
    [tenant, key.key_id.clone(), kind, label, key.created_at.clone(), state(key, now)]
}

/// The state in words.
fn state(key: &TenantKey, now: OffsetDateTime) -> String {
    match key.state(now) {
        KeyState::Active => "active".to_owned(),
        KeyState::Expiring => {
            format!("expires at {}", key.valid_until.map(time_of).unwrap_or_default())
        }
        KeyState::Expired => "expired".to_owned(),
        KeyState::Revoked => {
            let at = key.revoked_at.as_deref().unwrap_or_default();
            let because = key.revoked_because.as_deref();
            let because = because.map(|because| format!(": {because}")).unwrap_or_default();
            format!("revoked at {at}{because}")
        }
    }
}

/// Epoch seconds as ISO 8601, or as they are where no calendar reaches.
fn time_of(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).map_or_else(|_| seconds.to_string(), iso)
}
