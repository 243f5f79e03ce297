//! Who may ask: MTN's API key, tokens and Basic authentication.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::secret::{hashed, same};
use shared::world::{World, epoch};

use super::MtnSimulator;
use super::contract::{Access, Call};
use super::envelope::Reply;

/// What the simulator accepts.
pub struct Credentials {
    /// Shown with every call of an API.
    pub api_key: String,
    /// Who we are.
    pub client_id: String,
    /// How we prove it.
    pub client_secret: String,
}

impl Credentials {
    /// Fresh ones.
    pub fn generate(world: &World) -> Self {
        let text = |kind| format!("{kind}_{}", world.random.id());
        Self { api_key: text("key"), client_id: text("client"), client_secret: text("simulated") }
    }
}

/// A token that was given out; the key it is kept under is its hash.
#[derive(Serialize, Deserialize)]
struct Token {
    /// Unix seconds.
    expires_at: i64,
    revoked: bool,
}

/// Why a caller is turned away.
pub(super) enum Refusal {
    /// It should have known better.
    Violation(String),
    /// Its token was taken back meanwhile: nothing that it did wrong.
    Revoked,
}

const TOKENS: &str = "mtn_tokens";
const LIFETIME_SECONDS: i64 = 3_599;

impl MtnSimulator {
    /// Whether the headers show what `access` asks for.
    pub(super) fn admits(&self, access: Access, headers: &HeaderMap) -> Result<(), Refusal> {
        if access == Access::Form {
            return Ok(());
        }
        match text(headers, "x-api-key") {
            Some(key) if same(key, &self.credentials.api_key) => {}
            Some(_) => return Err(violation("key: is wrong")),
            None => return Err(violation("key: is missing")),
        }
        match headers.get(header::AUTHORIZATION) {
            Some(_) => self.knows(text(headers, "authorization").unwrap_or_default()),
            None if access == Access::Key => Ok(()),
            None => Err(violation("authorization: is missing")),
        }
    }

    /// Whether a token's form holds the right credentials.
    pub(super) fn admits_form(&self, call: &Call) -> Result<(), Refusal> {
        let is = |name, expected: &str| call.text(name).is_some_and(|it| same(it, expected));
        let (id, secret) = (&self.credentials.client_id, &self.credentials.client_secret);
        if is("client_id", id) && is("client_secret", secret) {
            return Ok(());
        }
        Err(violation("body: the client's credentials are wrong"))
    }

    fn knows(&self, authorization: &str) -> Result<(), Refusal> {
        let Credentials { client_id, client_secret, .. } = &self.credentials;
        let basic = format!("Basic {}", STANDARD.encode(format!("{client_id}:{client_secret}")));
        match authorization.strip_prefix("Bearer ") {
            Some(token) => self.knows_token(token),
            None if same(authorization, &basic) => Ok(()),
            None => Err(violation("authorization: is wrong")),
        }
    }

    fn knows_token(&self, token: &str) -> Result<(), Refusal> {
        match self.ledger.get::<Token>(TOKENS, &hashed(token)) {
            None => Err(violation("token: is unknown")),
            Some(token) if token.expires_at <= epoch(self.world.clock.now()) => {
                Err(violation("token: has expired"))
            }
            Some(Token { revoked: true, .. }) => Err(Refusal::Revoked),
            Some(_) => Ok(()),
        }
    }

    /// A token, given out only if `acts`.
    pub(super) fn token(&self, acts: bool) -> Reply {
        let text = self.world.random.id();
        self.desk().given.push(text.clone());
        if acts {
            let expires_at = epoch(self.world.clock.now()) + LIFETIME_SECONDS;
            self.ledger.put(TOKENS, &hashed(&text), &Token { expires_at, revoked: false });
        }
        Reply::ok(json!({
            "access_token": text,
            "token_type": "BearerToken",
            "expires_in": LIFETIME_SECONDS.to_string(),
        }))
    }

    /// Takes the token that a call came with back.
    pub(super) fn revoke(&self, headers: &HeaderMap) {
        let token = text(headers, "authorization").and_then(|it| it.strip_prefix("Bearer "));
        let Some(key) = token.map(hashed) else { return };
        if let Some(token) = self.ledger.get::<Token>(TOKENS, &key) {
            self.ledger.put(TOKENS, &key, &Token { revoked: true, ..token });
        }
    }

    /// How many tokens were given out.
    pub(super) fn tokens(&self) -> usize {
        self.ledger.all::<Value>(TOKENS).len()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn violation(problem: &str) -> Refusal {
    Refusal::Violation(problem.to_owned())
}
