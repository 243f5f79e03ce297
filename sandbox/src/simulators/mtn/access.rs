//! Checks access: MTN's API key, tokens and Basic authentication.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::domain::time::to_seconds;
use shared::platform::crypto::{hashed, same};

use super::contract::CheckedRequest;
use super::envelope::JsonReply;
use super::operations::Access;
use super::simulator::{Credentials, MtnSimulator};
use crate::simulators::http::header_text;

/// A token that was given out; the ledger keeps it under its hash.
#[derive(Serialize, Deserialize)]
struct Token {
    /// Unix seconds.
    expires_at: i64,
    revoked: bool,
}

/// Why access is denied.
pub(super) enum AccessDenied {
    /// The client violated the contract.
    Violation(String),
    /// A script revoked the token; the client did nothing wrong.
    TokenRevoked,
}

const TOKENS: &str = "mtn_tokens";
const LIFETIME_SECONDS: i64 = 3_599;

impl MtnSimulator {
    /// Checks that the headers hold what `access` requires.
    pub(super) fn check_access(
        &self,
        access: Access,
        headers: &HeaderMap,
    ) -> Result<(), AccessDenied> {
        if access == Access::Form {
            return Ok(());
        }
        match header_text(headers, "x-api-key") {
            Some(key) if same(key, &self.credentials.api_key) => {}
            Some(_) => return Err(violation("key: is wrong")),
            None => return Err(violation("key: is missing")),
        }
        match headers.get(header::AUTHORIZATION) {
            Some(_) => {
                self.check_authorization(header_text(headers, "authorization").unwrap_or_default())
            }
            None if access == Access::Key => Ok(()),
            None => Err(violation("authorization: is missing")),
        }
    }

    /// Checks the credentials in the form of a token request.
    pub(super) fn check_form(&self, request: &CheckedRequest) -> Result<(), AccessDenied> {
        let is = |name, expected: &str| request.text(name).is_some_and(|it| same(it, expected));
        let (id, secret) = (&self.credentials.client_id, &self.credentials.client_secret);
        if is("client_id", id) && is("client_secret", secret) {
            return Ok(());
        }
        Err(violation("body: the client's credentials are wrong"))
    }

    fn check_authorization(&self, authorization: &str) -> Result<(), AccessDenied> {
        let Credentials { client_id, client_secret, .. } = &self.credentials;
        let basic = format!("Basic {}", STANDARD.encode(format!("{client_id}:{client_secret}")));
        match authorization.strip_prefix("Bearer ") {
            Some(token) => self.check_token(token),
            None if same(authorization, &basic) => Ok(()),
            None => Err(violation("authorization: is wrong")),
        }
    }

    fn check_token(&self, token: &str) -> Result<(), AccessDenied> {
        match self.ledger.get::<Token>(TOKENS, &hashed(token)) {
            None => Err(violation("token: is unknown")),
            Some(token) if token.expires_at <= to_seconds(self.environment.clock.now()) => {
                Err(violation("token: has expired"))
            }
            Some(Token { revoked: true, .. }) => Err(AccessDenied::TokenRevoked),
            Some(_) => Ok(()),
        }
    }

    /// Answers with a token, which is valid only if `performs`.
    pub(super) fn give_token(&self, performs: bool) -> JsonReply {
        let text = self.environment.random.id();
        self.controls().tokens.push(text.clone());
        if performs {
            let expires_at = to_seconds(self.environment.clock.now()) + LIFETIME_SECONDS;
            self.ledger.put(TOKENS, &hashed(&text), &Token { expires_at, revoked: false });
        }
        JsonReply::ok(json!({
            "access_token": text,
            "token_type": "BearerToken",
            "expires_in": LIFETIME_SECONDS.to_string(),
        }))
    }

    /// Revokes the token of a request.
    pub(super) fn revoke(&self, headers: &HeaderMap) {
        let token = header_text(headers, "authorization").and_then(|it| it.strip_prefix("Bearer "));
        let Some(key) = token.map(hashed) else { return };
        if let Some(token) = self.ledger.get::<Token>(TOKENS, &key) {
            self.ledger.put(TOKENS, &key, &Token { revoked: true, ..token });
        }
    }

    /// How many tokens were given out.
    pub(super) fn token_count(&self) -> usize {
        self.ledger.all::<Value>(TOKENS).len()
    }
}

fn violation(problem: &str) -> AccessDenied {
    AccessDenied::Violation(problem.to_owned())
}
