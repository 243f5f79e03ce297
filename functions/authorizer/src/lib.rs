//! The Lambda authorizer of the HTTP API: finds the tenant of an API key.
//!
//! Reads `tenants`. API Gateway caches the answer for the time that the template states, so a key
//! that is revoked or ends stops working within that time.

use serde::{Deserialize, Serialize};
use shared::domain::api_key::{ApiKey, KeyKind, KeyState};
use shared::domain::ids::{KeyId, TenantId};
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::{Clock, Environment};
use shared::store::{Found, StoreError, Tenants};
use strum::IntoStaticStr;

/// The function's dependencies.
#[derive(Debug)]
pub struct Authorizer {
    tenants: Tenants,
    kind: KeyKind,
    clock: Clock,
}

/// Why a key opens nothing. It is logged, and not told to the client.
#[derive(Debug, Clone, Copy, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
enum KeyRefusal {
    /// No key can have this form, or there is none.
    Malformed,
    /// Nothing is stored under its hash.
    Unknown,
    /// What is stored cannot be read.
    Unreadable,
    /// It is of the other kind than this deployment.
    OtherKind,
    /// It is used from a network that is none of its own.
    OtherNetwork,
    /// Its end has passed.
    Expired,
    /// It was revoked.
    Revoked,
}

/// The part of API Gateway's authorizer request (payload 2.0) that is read: the values of the
/// identity sources, and the client's address. The sources are the header `mono-sec-key` and the address,
/// so that a decision that API Gateway keeps is only for that address.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerEvent {
    #[serde(default)]
    identity_source: Option<Vec<String>>,
    #[serde(default)]
    request_context: RequestContext,
}

#[derive(Default, Deserialize)]
struct RequestContext {
    #[serde(default)]
    http: HttpDescription,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpDescription {
    #[serde(default)]
    source_ip: String,
}

/// The simple response of a Lambda authorizer.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// Whether the key opens the API.
    pub is_authorized: bool,
    /// What the functions learn of the tenant.
    pub context: AuthorizerContext,
}

/// `requestContext.authorizer.lambda` of the requests that follow.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuthorizerContext {
    /// The tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The key's id, for the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// How much the tenant may buy, where it has a limit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spend_limit: Option<String>,
    /// The tenant's largest order, in kobo, where it has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_order_kobo: Option<String>,
    /// What the key may do, where that is not everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
}

impl Authorizer {
    /// Builds the function's clients.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing, or `DEPLOYMENT_KIND` is not a kind of key.
    pub fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let kind = KeyKind::of_deployment(vars)?;
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        let tenants = Tenants::from_vars(vars, &dynamodb)?;
        Ok(Self { tenants, kind, clock: environment.clock.clone() })
    }

    /// Decides on one key.
    ///
    /// # Errors
    /// [`StoreError`] when the store is out of reach: API Gateway then answers 500 and lets nobody
    /// in.
    pub async fn decide(&self, event: AuthorizerEvent) -> Result<Decision, StoreError> {
        let sources = event.identity_source.unwrap_or_default();
        let address = event.request_context.http.source_ip;
        let found = match sources.as_slice() {
            [key, ..] if is_well_formed(key) => Some(self.tenants.by_key(key).await?),
            _ => None,
        };
        let (key, refusal) = match found {
            None => (None, Some(KeyRefusal::Malformed)),
            Some(Found::Nothing) => (None, Some(KeyRefusal::Unknown)),
            Some(Found::Unreadable) => (None, Some(KeyRefusal::Unreadable)),
            Some(Found::Key(key)) => {
                let refusal = self.refusal(&key, &address);
                (Some(key), refusal)
            }
        };
        tracing::info!(
            function = "authorizer",
            tenant = key.as_ref().map(|key| key.tenant.as_str()),
            key_id = key.as_ref().map(|key| key.key_id.as_str()),
            is_authorized = refusal.is_none(),
            refusal = refusal.map(<&'static str>::from),
            metric = refusal.map(|_| "key_refused"),
            "key checked"
        );
        let context = match key.filter(|_| refusal.is_none()) {
            Some(key) => AuthorizerContext {
                spend_limit: key.spend_limit.map(Into::into),
                scopes: key.scopes.map(Into::into),
                largest_order_kobo: key.largest_order_kobo.map(|it| it.kobo().to_string()),
                tenant: Some(key.tenant),
                key_id: Some(key.key_id),
            },
            None => AuthorizerContext::default(),
        };
        Ok(Decision { is_authorized: context.tenant.is_some(), context })
    }

    /// Why a stored key does not open this deployment, if it does not.
    fn refusal(&self, key: &ApiKey, address: &str) -> Option<KeyRefusal> {
        if key.kind != self.kind {
            return Some(KeyRefusal::OtherKind);
        }
        if key.networks.as_ref().is_some_and(|networks| !networks.contain(address)) {
            return Some(KeyRefusal::OtherNetwork);
        }
        match key.state(self.clock.now()) {
            KeyState::Active | KeyState::Expiring => None,
            KeyState::Expired => Some(KeyRefusal::Expired),
            KeyState::Revoked => Some(KeyRefusal::Revoked),
        }
    }
}

/// A key is visible ASCII of 1 to 256 characters; anything else is not looked up.
fn is_well_formed(key: &str) -> bool {
    (1..=256).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    #[test]
    fn any_event_has_keys_of_visible_ascii_or_opens_nothing() {
        fuzz(|choices| {
            let sample = r#"{"identitySource":["live_sk_0123456789abcdef"],"type":"REQUEST"}"#;
            let body = choices.body(&[sample], &["identitySource", "a b", "", "live_sk_1"]);
            let Ok(event) = serde_json::from_slice::<AuthorizerEvent>(&body) else { return };
            for key in event.identity_source.unwrap_or_default() {
                let right = key.bytes().all(|b| (b'!'..=b'~').contains(&b));
                assert_eq!(is_well_formed(&key), right && !key.is_empty() && key.len() <= 256);
            }
        });
    }
}
