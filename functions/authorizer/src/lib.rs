//! The Lambda authorizer of the HTTP API: an API key in, the tenant it speaks for out.
//!
//! Reads `tenants`. API Gateway keeps the answer for the time the template states, so a revoked key
//! stops working within that time.

use serde::{Deserialize, Serialize};
use shared::config::{ConfigError, Vars};
use shared::store::{StoreError, Tenant, Tenants};
use shared::world::World;

/// The function's dependencies.
#[derive(Debug)]
pub struct Authorizer {
    tenants: Tenants,
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
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Context {
    /// The caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Tenant>,
}

impl Authorizer {
    /// Builds the function's clients.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing.
    pub fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        Ok(Self { tenants: Tenants::from_vars(vars, world)? })
    }

    /// Decides on one key.
    ///
    /// # Errors
    /// [`StoreError`] when the store is out of reach: API Gateway then answers 500 and lets nobody
    /// in.
    pub async fn decide(&self, event: Event) -> Result<Decision, StoreError> {
        let sources = event.identity_source.unwrap_or_default();
        let tenant = match sources.as_slice() {
            [key] if usable(key) => self.tenants.by_key(key).await?,
            _ => None,
        };
        let is_authorized = tenant.is_some();
        tracing::info!(
            function = "authorizer",
            tenant = tenant.as_ref().map(Tenant::as_str),
            is_authorized,
            "key checked"
        );
        Ok(Decision { is_authorized, context: Context { tenant } })
    }
}

/// A key is visible ASCII of a sane length; anything else is not looked up.
fn usable(key: &str) -> bool {
    (1..=256).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
}
