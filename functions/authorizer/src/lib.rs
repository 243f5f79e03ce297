//! The Lambda authorizer of the HTTP API: an API key in, the tenant it speaks for out.
//!
//! Reads `tenants`. API Gateway keeps the answer for the time the template states, so a key that is
//! revoked or ends stops working within that time.

use serde::{Deserialize, Serialize};
use shared::config::{ConfigError, Vars};
use shared::store::{Found, StoreError, Tenant, Tenants};
use shared::tenant_key::{KeyKind, KeyState, TenantKey};
use shared::world::{Clock, World};

/// The function's dependencies.
#[derive(Debug)]
pub struct Authorizer {
    tenants: Tenants,
    kind: KeyKind,
    clock: Clock,
}

/// Why a key opens nothing. Callers are not told; the log is.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// No key can look like this, or there is not exactly one.
    Malformed,
    /// Nothing is stored under its hash.
    Unknown,
    /// What is stored cannot be read.
    Unreadable,
    /// It is of the other kind than this deployment.
    OtherKind,
    /// Its end has passed.
    Expired,
    /// It was revoked.
    Revoked,
}

/// The part of API Gateway's authorizer request (payload 2.0) that is read: the values of the
/// identity sources, here of the one header `mono-sec-key`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    #[serde(default)]
    identity_source: Option<Vec<String>>,
}

/// The simple response of a Lambda authorizer.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Whether the key opens the API.
    pub is_authorized: bool,
    /// What the functions learn of the caller.
    pub context: Context,
}

/// `requestContext.authorizer.lambda` of the requests that follow.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Context {
    /// The caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Tenant>,
    /// The key, by its id: for the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

impl Authorizer {
    /// Builds the function's clients.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing, or `DEPLOYMENT_KIND` names no kind of key.
    pub fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let kind = KeyKind::of_deployment(vars)?;
        let tenants = Tenants::from_vars(vars, &shared::aws::dynamodb(vars, world)?)?;
        Ok(Self { tenants, kind, clock: world.clock.clone() })
    }

    /// Decides on one key.
    ///
    /// # Errors
    /// [`StoreError`] when the store is out of reach: API Gateway then answers 500 and lets nobody
    /// in.
    pub async fn decide(&self, event: Event) -> Result<Decision, StoreError> {
        let sources = event.identity_source.unwrap_or_default();
        let found = match sources.as_slice() {
            [key] if usable(key) => Some(self.tenants.by_key(key).await?),
            _ => None,
        };
        let (key, refusal) = match found {
            None => (None, Some(Refusal::Malformed)),
            Some(Found::Nothing) => (None, Some(Refusal::Unknown)),
            Some(Found::Unreadable) => (None, Some(Refusal::Unreadable)),
            Some(Found::Key(key)) => {
                let refusal = self.refusal(&key);
                (Some(key), refusal)
            }
        };
        tracing::info!(
            function = "authorizer",
            tenant = key.as_ref().map(|key| key.tenant.as_str()),
            key_id = key.as_ref().map(|key| key.key_id.as_str()),
            is_authorized = refusal.is_none(),
            refusal = refusal.map(Refusal::as_str),
            "key checked"
        );
        let context = match key.filter(|_| refusal.is_none()) {
            Some(key) => Context { tenant: Some(key.tenant), key_id: Some(key.key_id) },
            None => Context::default(),
        };
        Ok(Decision { is_authorized: context.tenant.is_some(), context })
    }

    /// Why a stored key does not open this deployment, if it does not.
    fn refusal(&self, key: &TenantKey) -> Option<Refusal> {
        if key.kind != self.kind {
            return Some(Refusal::OtherKind);
        }
        match key.state(self.clock.now()) {
            KeyState::Active | KeyState::Expiring => None,
            KeyState::Expired => Some(Refusal::Expired),
            KeyState::Revoked => Some(Refusal::Revoked),
        }
    }
}

impl Refusal {
    fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
            Self::OtherKind => "other_kind",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A key is visible ASCII of a sane length; anything else is not looked up.
fn usable(key: &str) -> bool {
    (1..=256).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
}
