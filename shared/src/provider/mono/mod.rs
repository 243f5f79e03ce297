//! The Mono client: the Telco calls auth, verify, exchange, read and unlink.
//!
//! Wire contract: Mono's *Telco integration guide* (July 2024). Answers are passed on as they came,
//! byte for byte wherever nothing must change, so that numbers and unknown fields are kept.

mod error;
#[cfg(test)]
mod fuzz_tests;
mod paging;
mod resource;
mod wire;

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use reqwest::Request;
use serde_json::{Value, json};
use tokio::time::Instant;

pub use self::error::MonoError;
pub use self::paging::{Page, point_links_at};
pub use self::resource::Resource;
pub use self::wire::{AuthAnswer, ExchangeAnswer, VerifyAnswer};
use crate::domain::ids::AccountId;
use crate::domain::msisdn::Msisdn;
use crate::domain::network::Network;
use crate::platform::config::{ConfigError, Vars, parse_provider_url};
use crate::platform::crypto::{ExposeSecret, SecretString};
use crate::platform::environment::{CredentialRefusals, Environment};
use crate::platform::http::{Answer, NoAnswer};
use crate::platform::telemetry::alarm::Alarm;
use crate::platform::upstream::Upstream;
use crate::provider::request::JSON;

/// The time limit of all attempts of one call to Mono. Together with the store's time it stays
/// below API Gateway's 30 s.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// The time limit of an unlink. It is shorter, because more store calls surround an unlink and the
/// requery repeats it.
const UNLINK_TIMEOUT: Duration = Duration::from_secs(10);
/// A read that fails within this time is repeated once.
const RETRY_WINDOW: Duration = Duration::from_secs(5);
/// Mono's request headers for real-time data. Its pages use both spellings.
const REALTIME_REQUEST_HEADERS: [&str; 2] = ["x-realtime", "x-real-time"];
/// Mono's answer headers for real-time data.
const REALTIME_ANSWER_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-has-new-data"),
    HeaderName::from_static("x-job-id"),
    HeaderName::from_static("x-job-status"),
];

/// The client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mono {
    upstream: Upstream,
    base_url: String,
    key: SecretString,
    exchange_path: String,
    credential_refusals: CredentialRefusals,
}

impl Mono {
    /// The client of this deployment, or `None` where Mono is switched off.
    ///
    /// Reads `MONO_BASE_URL`, `MONO_SECRET_KEY` and optionally `MONO_EXCHANGE_PATH` (default
    /// `/account/auth`; Mono's newer pages say `/v2/accounts/auth`).
    ///
    /// # Errors
    /// [`ConfigError`] if only one of the first two is set, or if the URL is not valid.
    pub fn from_vars(vars: &Vars, environment: &Environment) -> Result<Option<Self>, ConfigError> {
        let names = ["MONO_BASE_URL", "MONO_SECRET_KEY"];
        let Some([base_url, key]) = vars.provider(names)? else { return Ok(None) };
        let exchange_path = vars.optional("MONO_EXCHANGE_PATH").unwrap_or("/account/auth");
        Ok(Some(Self {
            upstream: Upstream::new("mono", environment),
            base_url: parse_provider_url(vars, names[0], base_url)?,
            key: SecretString::from(key),
            exchange_path: exchange_path.to_owned(),
            credential_refusals: environment.credential_refusals.clone(),
        }))
    }

    /// Whether Mono would be asked. For what must not be begun if it would not.
    ///
    /// # Errors
    /// [`MonoError::Down`].
    pub fn check(&self) -> Result<(), MonoError> {
        Ok(self.upstream.check()?)
    }

    /// Asks Mono to send an OTP to `phone`. Never repeated: each call sends a message to a person.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn auth(&self, phone: &Msisdn, network: Network) -> Result<AuthAnswer, MonoError> {
        let body = json!({ "phone": phone.local(), "provider": network.name() });
        let answer = self.post("auth", "/v2/telecom/auth", &body, &[]).await?;
        wire::auth_answer(&answer.body).map_err(MonoError::Unavailable)
    }

    /// Sends the OTP of a session. Never repeated: each call uses up one try.
    ///
    /// # Errors
    /// [`MonoError`]; `Rejected` means that Mono did not accept the OTP.
    pub async fn verify(&self, session_id: &str, otp: &str) -> Result<VerifyAnswer, MonoError> {
        let session = [("x-session-id", session_id)];
        let body = json!({ "otp": otp });
        let answer = self.post("verify", "/v2/telecom/verify", &body, &session).await?;
        wire::verify_answer(&answer.body).map_err(MonoError::Unavailable)
    }

    /// Exchanges a code for the permanent account id. Not repeated: a code works once.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn exchange(&self, code: &str) -> Result<ExchangeAnswer, MonoError> {
        let body = json!({ "code": code });
        let answer = self.post("exchange", &self.exchange_path, &body, &[]).await?;
        wire::exchange_answer(&answer.body).map_err(MonoError::Unavailable)
    }

    /// Reads data of an account. A read is harmless to repeat, so it is tried once more after a
    /// broken connection or a gateway error, if there is time.
    ///
    /// `query` is passed on unchanged. Of `headers`, only those that Mono documents for real-time
    /// data are passed on.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn read(
        &self,
        resource: Resource,
        account_id: &AccountId,
        query: &str,
        headers: &HeaderMap,
    ) -> Result<Page, MonoError> {
        let separator = if query.is_empty() { "" } else { "?" };
        let path = format!("{}{separator}{query}", resource.path(account_id));
        let realtime: Vec<(&str, &str)> = REALTIME_REQUEST_HEADERS
            .iter()
            .filter_map(|name| Some((*name, headers.get(*name)?.to_str().ok()?)))
            .collect();
        let begun = Instant::now();
        let request = || self.request(Method::GET, &path, None, &realtime);
        let mut result = self.upstream.call("read", request()?, CALL_TIMEOUT).await;
        if is_retryable(&result) && begun.elapsed() < RETRY_WINDOW {
            let rest = CALL_TIMEOUT.saturating_sub(begun.elapsed());
            result = self.upstream.call("read", request()?, rest).await;
        }
        Page::read(self.accept(result)?, &REALTIME_ANSWER_HEADERS).map_err(MonoError::Unavailable)
    }

    /// Withdraws our access to an account at Mono. An account that Mono does not know counts as
    /// unlinked, so a repeat is harmless.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn unlink(&self, account_id: &AccountId) -> Result<(), MonoError> {
        let path = format!("/accounts/{account_id}/unlink");
        let request = self.request(Method::POST, &path, None, &[])?;
        let result = self.upstream.call("unlink", request, UNLINK_TIMEOUT).await;
        match self.accept(result) {
            Ok(_) | Err(MonoError::Rejected(StatusCode::NOT_FOUND | StatusCode::GONE)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn post(
        &self,
        operation: &'static str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Result<Answer, MonoError> {
        let body = body.to_string().into_bytes();
        let request = self.request(Method::POST, path, Some(body), headers)?;
        self.accept(self.upstream.call(operation, request, CALL_TIMEOUT).await)
    }

    /// Accepts a successful answer. Records a refusal of our credentials.
    fn accept(&self, result: Result<Answer, NoAnswer>) -> Result<Answer, MonoError> {
        let accepted = wire::accept(result);
        if let Err(MonoError::CredentialsRefused(status)) = &accepted {
            self.credential_refusals.note(Alarm::MonoRefusesCredentials, status.as_str());
        }
        accepted
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Request, MonoError> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(ACCEPT, JSON)
            .header("mono-sec-key", self.key.expose_secret());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        let request = request.body(body.unwrap_or_default()).map_err(|_| unwritable())?;
        Request::try_from(request).map_err(|_| unwritable())
    }
}

fn unwritable() -> MonoError {
    MonoError::Unavailable("the request cannot be written".to_owned())
}

fn is_retryable(result: &Result<Answer, NoAnswer>) -> bool {
    match result {
        Ok(answer) => matches!(answer.status.as_u16(), 502..=504),
        Err(NoAnswer::NotSent | NoAnswer::Broken) => true,
        Err(NoAnswer::Timeout | NoAnswer::Down(_) | NoAnswer::TooLarge) => false,
    }
}
