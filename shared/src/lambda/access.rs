//! Which keys open which routes: one table for every route of the template.

use super::error::{ApiError, ErrorCode};
use super::request::ApiRequest;
use crate::domain::access::Scope::{self, Data, Purchase, Read, Webhooks};

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody: a provider calls it, without a key.
    Keyless,
    /// A key with one of these scopes.
    Scopes(&'static [Scope]),
}

/// Every route, without a leading `/v2`, and who may use it.
pub const ROUTES: &[(&str, Access)] = &[
    ("POST /telecom/auth", Access::Scopes(&[Data])),
    ("POST /telecom/verify", Access::Scopes(&[Data])),
    ("POST /account/auth", Access::Scopes(&[Data])),
    ("POST /accounts/auth", Access::Scopes(&[Data])),
    ("POST /accounts/{id}/unlink", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/consent", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/export", Access::Scopes(&[Data])),
    ("GET /accounts/{id}", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/balances", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/transactions", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/identity", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/mtn/plans", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/mtn/plans/{productCode}", Access::Scopes(&[Data])),
    ("POST /accounts/{id}/mtn/premium", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/mtn/balance", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/mtn/recharges", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/mtn/recharges/summary", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/mtn/usage", Access::Scopes(&[Data])),
    ("GET /accounts/{id}/mtn/usage/summary", Access::Scopes(&[Data])),
    ("GET /requests/{request_id}", Access::Scopes(&[Data])),
    ("GET /providers", Access::Scopes(&[Data, Purchase, Read, Webhooks])),
    ("GET /services/{serviceID}/variations", Access::Scopes(&[Purchase, Read])),
    ("POST /purchases", Access::Scopes(&[Purchase])),
    ("GET /purchases/{purchase_id}", Access::Scopes(&[Purchase, Read])),
    ("GET /purchases", Access::Scopes(&[Read])),
    ("GET /reports/{date}", Access::Scopes(&[Read])),
    ("GET /events", Access::Scopes(&[Read])),
    ("GET /events/{event_id}", Access::Scopes(&[Read])),
    ("POST /events/{event_id}/resend", Access::Scopes(&[Webhooks])),
    ("POST /webhook-endpoints", Access::Scopes(&[Webhooks])),
    ("GET /webhook-endpoints", Access::Scopes(&[Webhooks])),
    ("GET /webhook-endpoints/{endpoint_id}", Access::Scopes(&[Webhooks])),
    ("PATCH /webhook-endpoints/{endpoint_id}", Access::Scopes(&[Webhooks])),
    ("DELETE /webhook-endpoints/{endpoint_id}", Access::Scopes(&[Webhooks])),
    ("POST /webhook-endpoints/{endpoint_id}/rotate", Access::Scopes(&[Webhooks])),
    ("POST /webhook-endpoints/{endpoint_id}/test", Access::Scopes(&[Webhooks])),
    ("POST /webhook-endpoints/{endpoint_id}/recover", Access::Scopes(&[Webhooks])),
    ("GET /webhook-endpoints/{endpoint_id}/attempts", Access::Scopes(&[Webhooks])),
    ("POST /callbacks/mono", Access::Keyless),
    ("POST /callbacks/vtpass", Access::Keyless),
    ("POST /callbacks/mtn/{request_id}/{token}", Access::Keyless),
];

/// Lets a request through whose key may use its route.
///
/// # Errors
/// `forbidden` where the key has none of the route's scopes, or the route is not in the table;
/// `unavailable` where there is no word of the authorizer, or it cannot be read.
pub(super) fn check(request: &ApiRequest) -> Result<(), ApiError> {
    let access = ROUTES.iter().find(|(route, _)| *route == request.route).map(|(_, access)| access);
    match access {
        Some(Access::Keyless) => Ok(()),
        Some(Access::Scopes(wanted)) => {
            request.tenant()?;
            if request.scopes()?.have_one_of(wanted) { Ok(()) } else { Err(forbidden(wanted)) }
        }
        None => Err(forbidden(&[])),
    }
}

fn forbidden(wanted: &[Scope]) -> ApiError {
    let names: Vec<String> = wanted.iter().map(Scope::to_string).collect();
    let message =
        "Your API key may not do this. Ask the operator of this gateway for a key that may.";
    ApiError::new(ErrorCode::Forbidden, message).detail(format!("it needs: {}", names.join(" or ")))
}
