//! The simulator's state: sessions, codes, linked accounts and sent SMS.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::domain::time::{to_iso, to_seconds};
use shared::platform::crypto::same;
use shared::platform::environment::Environment;

use super::customers::{CUSTOMERS, Customer};
use crate::ledger::Ledger;
use crate::simulators::http::post_json;

/// The simulator.
pub struct MonoSimulator {
    /// The key it accepts.
    pub key: String,
    /// Its own URL, for paging links.
    pub url: String,
    /// Where its webhooks go.
    pub webhook_url: String,
    /// The secret it sends with a webhook.
    pub webhook_secret: String,
    /// Whether the SMS that it sends are printed.
    pub prints_sms: bool,
    /// Where it keeps its data.
    pub ledger: Arc<Ledger>,
    /// The clock, random ids and the HTTP client.
    pub environment: Environment,
}

/// An SMS that a simulated phone received.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sms {
    /// The phone number, `0803…`.
    pub phone: String,
    /// The OTP in it.
    pub otp: String,
    /// When it was sent, ISO 8601.
    pub sent_at: String,
}

#[derive(Serialize, Deserialize)]
struct Session {
    account_id: String,
    otp: String,
    /// Unix seconds.
    expires_at: i64,
}

/// The exchange code that a verified OTP gives.
#[derive(Serialize, Deserialize)]
struct ExchangeCode {
    account_id: String,
    /// Unix seconds.
    expires_at: i64,
}

/// How long sessions and codes are valid.
const LIFETIME_SECONDS: i64 = 600;
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// The ledger's collection of SMS.
pub const SMS: &str = "mono-sms";
const SESSIONS: &str = "mono-sessions";
const CODES: &str = "mono-codes";
const ACCOUNTS: &str = "mono-accounts";

/// An error as Mono answers it: a status and a message.
pub struct MonoError(pub(super) StatusCode, pub(super) &'static str);

const NO_ACCOUNT: MonoError = MonoError(StatusCode::NOT_FOUND, "Account not found");

impl MonoSimulator {
    /// Starts a session and sends its OTP; gives the session's id.
    pub(super) fn start_session(&self, phone: String, network: &str) -> Result<String, MonoError> {
        let customer = CUSTOMERS.iter().find(|it| it.phone == phone && it.provider == network);
        let customer = customer
            .ok_or(MonoError(StatusCode::BAD_REQUEST, "This number is not on this network"))?;
        let session_id = self.id(16);
        let otp = u32::from_be_bytes(self.environment.random.bytes()) % 1_000_000;
        let otp = format!("{otp:06}");
        let account_id = customer.account_id.to_owned();
        let session = Session { account_id, otp: otp.clone(), expires_at: self.expiry() };
        self.ledger.put(SESSIONS, &session_id, &session);
        if self.prints_sms {
            // The person who tries the sandbox has no other phone than this terminal.
            println!("SMS to {phone}: your OTP is {otp}");
        }
        let sms = Sms { phone, otp, sent_at: to_iso(self.environment.clock.now()) };
        self.ledger.put(SMS, &session_id, &sms);
        Ok(session_id)
    }

    /// Ends a session by its OTP; gives an exchange code.
    pub(super) fn verify(&self, session_id: &str, otp: &str) -> Result<String, MonoError> {
        let session: Session = self
            .ledger
            .get(SESSIONS, session_id)
            .filter(|it: &Session| it.expires_at > self.now())
            .ok_or(MonoError(StatusCode::NOT_FOUND, "Session not found"))?;
        if !same(&session.otp, otp) {
            return Err(MonoError(StatusCode::BAD_REQUEST, "Incorrect OTP"));
        }
        self.ledger.remove(SESSIONS, session_id);
        let code = format!("code_{}", self.id(20));
        let account_id = session.account_id;
        self.ledger.put(CODES, &code, &ExchangeCode { account_id, expires_at: self.expiry() });
        Ok(code)
    }

    /// Links the account that a code stands for, and gives its id. A code works once.
    pub(super) fn exchange(&self, code: &str) -> Result<String, MonoError> {
        let found: Option<ExchangeCode> = self.ledger.get(CODES, code);
        let removed = self.ledger.remove(CODES, code);
        let found = found.filter(|it| removed && it.expires_at > self.now());
        let found =
            found.ok_or(MonoError(StatusCode::BAD_REQUEST, "Code is invalid or expired"))?;
        self.ledger.put(ACCOUNTS, &found.account_id, &true);
        Ok(found.account_id)
    }

    /// Removes a linked account.
    ///
    /// # Errors
    /// When it is not linked.
    pub fn unlink(&self, id: &str) -> Result<(), MonoError> {
        if self.ledger.remove(ACCOUNTS, id) { Ok(()) } else { Err(NO_ACCOUNT) }
    }

    /// Whether an account is linked.
    pub fn is_linked(&self, id: &str) -> bool {
        self.ledger.get::<bool>(ACCOUNTS, id).is_some()
    }

    /// The customer of a linked account.
    pub(super) fn customer(&self, id: &str) -> Result<&'static Customer, MonoError> {
        let linked: Option<bool> = self.ledger.get(ACCOUNTS, id);
        let customer = CUSTOMERS.iter().find(|it| it.account_id == id);
        customer.filter(|_| linked.is_some()).ok_or(NO_ACCOUNT)
    }

    /// The customer of a linked account whose data is available.
    pub(super) fn available(&self, id: &str) -> Result<&'static Customer, MonoError> {
        let customer = self.customer(id)?;
        let processing =
            MonoError(StatusCode::BAD_REQUEST, "Account data is still being processed");
        if customer.is_available() { Ok(customer) } else { Err(processing) }
    }

    /// Posts a webhook; gives the status of the response, or 0 if there was none.
    pub async fn post_webhook(&self, event: &Value) -> u16 {
        let secret = Some(("mono-webhook-secret", self.webhook_secret.as_str()));
        let (url, body) = (&self.webhook_url, event.to_string());
        let response = post_json(&self.environment, url, secret, body, WEBHOOK_TIMEOUT).await;
        response.map_or(0, |(status, _)| status.as_u16())
    }

    fn now(&self) -> i64 {
        to_seconds(self.environment.clock.now())
    }

    fn expiry(&self) -> i64 {
        self.now() + LIFETIME_SECONDS
    }

    fn id(&self, length: usize) -> String {
        self.environment.random.id()[..length].to_owned()
    }
}

impl IntoResponse for MonoError {
    fn into_response(self) -> Response {
        let body = json!({ "status": "failed", "message": self.1, "data": null });
        (self.0, Json(body)).into_response()
    }
}
