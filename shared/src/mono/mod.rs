//! The Mono client: Telco auth, verify, exchange, data and unlink.
//!
//! Wire contract: Mono's *Telco integration guide* (July 2024). Answers are passed on as they
//! came, byte for byte where nothing must change, so that numbers and unknown fields survive.

mod paging;
mod wire;

use std::time::{Duration, Instant};

use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use reqwest::Request;
use serde::Serialize;

pub use self::paging::{Page, point_links_at};
pub use self::wire::{AuthAnswer, ExchangeAnswer, VerifyAnswer, is_account_id};
use crate::config::{ConfigError, Vars, parse_base_url};
use crate::error::{ApiError, Code};
use crate::phone::Msisdn;
use crate::secret::{ExposeSecret, SecretString};
use crate::upstream::{Answer, Http, NoAnswer};
use crate::world::{Refusals, World};

/// All attempts of one call to Mono. With the store's share it stays below API Gateway's 30 s.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// The same for an unlink, around which more is stored, and which the requery repeats.
const UNLINK_TIMEOUT: Duration = Duration::from_secs(10);
/// A read that failed before this is asked once more.
const RETRY_WINDOW: Duration = Duration::from_secs(5);

/// A network that Mono's telco API serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// MTN Nigeria.
    Mtn,
    /// Airtel Nigeria.
    Airtel,
}

impl Provider {
    /// The networks there are, for error messages.
    pub const SUPPORTED: &'static str = "mtn, airtel";

    /// Reads the caller's word for the network, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Mtn, Self::Airtel].into_iter().find(|it| it.name().eq_ignore_ascii_case(text.trim()))
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mtn => "mtn",
            Self::Airtel => "airtel",
        }
    }
}

/// One kind of data about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// `GET /accounts/{id}`
    Account,
    /// `GET /accounts/{id}/balances`
    Balances,
    /// `GET /accounts/{id}/transactions`
    Transactions,
    /// `GET /accounts/{id}/identity`
    Identity,
}

impl Resource {
    /// The path below the base URL, for Mono and for this gateway alike.
    pub fn path(self, account_id: &str) -> String {
        let tail = match self {
            Self::Account => "",
            Self::Balances => "/balances",
            Self::Transactions => "/transactions",
            Self::Identity => "/identity",
        };
        format!("/accounts/{account_id}{tail}")
    }
}

/// Why Mono gave no usable answer, by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum MonoError {
    /// Mono understood the request and refused it: repeating it does not help.
    #[error("Mono refused the request with {0}")]
    Rejected(StatusCode),
    /// Mono does not take our key or our scope: an operator must act.
    #[error("Mono refuses our credentials with {0}")]
    CredentialsRefused(StatusCode),
    /// Mono asks us to slow down.
    #[error("Mono limits our rate")]
    RateLimited(Option<Duration>),
    /// Mono is down or not to be understood; whether it acted is unknown.
    #[error("Mono is unavailable: {0}")]
    Unavailable(String),
    /// Mono did not answer in time; whether it acted is unknown.
    #[error("Mono did not answer in time")]
    Timeout,
}

impl MonoError {
    /// Whether Mono may have acted all the same.
    pub fn is_unclear(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Timeout => true,
            Self::Rejected(_) | Self::CredentialsRefused(_) | Self::RateLimited(_) => false,
        }
    }
}

/// The client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Mono {
    http: Http,
    base_url: String,
    key: SecretString,
    exchange_path: String,
    refusals: Refusals,
}

#[derive(Serialize)]
struct AuthBody<'a> {
    phone: &'a str,
    provider: &'a str,
}

#[derive(Serialize)]
struct OtpBody<'a> {
    otp: &'a str,
}

#[derive(Serialize)]
struct CodeBody<'a> {
    code: &'a str,
}

impl Mono {
    /// The client of this deployment, or `None` where Mono is switched off.
    ///
    /// Reads `MONO_BASE_URL`, `MONO_SECRET_KEY` and optionally `MONO_EXCHANGE_PATH` (default
    /// `/account/auth`; Mono's newer pages say `/v2/accounts/auth`).
    ///
    /// # Errors
    /// [`ConfigError`] when only one of the first two is set or the URL is none.
    pub fn from_vars(vars: &Vars, world: &World) -> Result<Option<Self>, ConfigError> {
        let names = ["MONO_BASE_URL", "MONO_SECRET_KEY"];
        let Some([base_url, key]) = vars.provider(names)? else { return Ok(None) };
        Ok(Some(Self {
            http: world.http.clone(),
            base_url: parse_base_url(names[0], base_url)?,
            key: SecretString::from(key),
            refusals: world.refusals.clone(),
            exchange_path: vars
                .optional("MONO_EXCHANGE_PATH")
                .unwrap_or("/account/auth")
                .to_owned(),
        }))
    }

    /// Asks Mono to send an OTP to `phone`. Never repeated: each call is a message to a person.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn auth(&self, phone: &Msisdn, provider: Provider) -> Result<AuthAnswer, MonoError> {
        let body = AuthBody { phone: &phone.local(), provider: provider.name() };
        let answer = self.post("auth", "/v2/telecom/auth", &body, &[]).await?;
        wire::auth_answer(&answer.body).map_err(unreadable)
    }

    /// Proves the OTP of a session. Never repeated: each call is a try.
    ///
    /// # Errors
    /// [`MonoError`]; `Rejected` is Mono's judgement on the OTP.
    pub async fn verify(&self, session_id: &str, otp: &str) -> Result<VerifyAnswer, MonoError> {
        let session = [("x-session-id", session_id)];
        let answer = self.post("verify", "/v2/telecom/verify", &OtpBody { otp }, &session).await?;
        wire::verify_answer(&answer.body).map_err(unreadable)
    }

    /// Exchanges a code for the permanent account id. Not repeated: a code works once.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn exchange(&self, code: &str) -> Result<ExchangeAnswer, MonoError> {
        let answer = self.post("exchange", &self.exchange_path, &CodeBody { code }, &[]).await?;
        wire::exchange_answer(&answer.body).map_err(unreadable)
    }

    /// Reads data of an account. A read may be repeated, so a broken connection or a gateway error
    /// is tried once more while there is time.
    ///
    /// `query` is passed on as it is; of `headers` only those Mono documents for real-time data.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn read(
        &self,
        resource: Resource,
        account_id: &str,
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
        let request = || self.request(Method::GET, &path, None::<&()>, &realtime);
        let mut outcome = self.http.call("mono", "read", request()?, CALL_TIMEOUT).await;
        if retryable(&outcome) && begun.elapsed() < RETRY_WINDOW {
            let rest = CALL_TIMEOUT.saturating_sub(begun.elapsed());
            outcome = self.http.call("mono", "read", request()?, rest).await;
        }
        let answer = self.accepted(outcome)?;
        wire::check_not_failed(&answer.body)?;
        Page::read(answer, &REALTIME_ANSWER_HEADERS).map_err(unreadable)
    }

    /// Withdraws our access to an account at Mono. An account that Mono no longer knows is
    /// unlinked: that makes a repeat harmless.
    ///
    /// # Errors
    /// [`MonoError`].
    pub async fn unlink(&self, account_id: &str) -> Result<(), MonoError> {
        let path = format!("/accounts/{account_id}/unlink");
        let request = self.request(Method::POST, &path, None::<&()>, &[])?;
        let outcome = self.http.call("mono", "unlink", request, UNLINK_TIMEOUT).await;
        match self.accepted(outcome).and_then(|answer| wire::check_not_failed(&answer.body)) {
            Err(MonoError::Rejected(StatusCode::NOT_FOUND | StatusCode::GONE)) => Ok(()),
            other => other,
        }
    }

    async fn post(
        &self,
        operation: &'static str,
        path: &str,
        body: &impl Serialize,
        headers: &[(&str, &str)],
    ) -> Result<Answer, MonoError> {
        let request = self.request(Method::POST, path, Some(body), headers)?;
        let outcome = self.http.call("mono", operation, request, CALL_TIMEOUT).await;
        let answer = self.accepted(outcome)?;
        wire::check_not_failed(&answer.body)?;
        Ok(answer)
    }

    fn accepted(&self, outcome: Result<Answer, NoAnswer>) -> Result<Answer, MonoError> {
        let accepted = accept(outcome);
        if let Err(MonoError::CredentialsRefused(status)) = &accepted {
            self.refusals.note("mono_refuses_credentials", status.as_str());
        }
        accepted
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
        headers: &[(&str, &str)],
    ) -> Result<Request, MonoError> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base_url))
            .header(ACCEPT, "application/json")
            .header("mono-sec-key", self.key.expose_secret());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let bytes = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                serde_json::to_vec(body).map_err(|error| unreadable(error.to_string()))?
            }
            None => Vec::new(),
        };
        let request = request.body(bytes).map_err(|error| unreadable(error.to_string()))?;
        Request::try_from(request).map_err(|_| unreadable("the request cannot be built"))
    }
}

/// Mono's real-time data headers; both spellings are documented.
const REALTIME_REQUEST_HEADERS: [&str; 2] = ["x-realtime", "x-real-time"];
const REALTIME_ANSWER_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-has-new-data"),
    HeaderName::from_static("x-job-id"),
    HeaderName::from_static("x-job-status"),
];

fn unreadable(detail: impl Into<String>) -> MonoError {
    MonoError::Unavailable(detail.into())
}

fn retryable(outcome: &Result<Answer, NoAnswer>) -> bool {
    match outcome {
        Ok(answer) => matches!(answer.status.as_u16(), 502..=504),
        Err(NoAnswer::NotSent | NoAnswer::Broken) => true,
        Err(NoAnswer::Timeout) => false,
    }
}

/// Takes a success; sorts everything else by what the caller does next.
fn accept(outcome: Result<Answer, NoAnswer>) -> Result<Answer, MonoError> {
    let answer = outcome.map_err(|reason| match reason {
        NoAnswer::Timeout => MonoError::Timeout,
        NoAnswer::NotSent | NoAnswer::Broken => MonoError::Unavailable(reason.to_string()),
    })?;
    let status = answer.status;
    match status.as_u16() {
        200..=299 => Ok(answer),
        401 | 403 => Err(MonoError::CredentialsRefused(status)),
        429 => Err(MonoError::RateLimited(retry_after(&answer.headers))),
        // Mono's own refusals are JSON; an HTML page is some proxy's and judges nothing.
        400..=499 if status != StatusCode::REQUEST_TIMEOUT && wire::is_json(&answer.body) => {
            Err(MonoError::Rejected(status))
        }
        _ => Err(MonoError::Unavailable(format!("it answered {status}"))),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

impl From<MonoError> for ApiError {
    fn from(error: MonoError) -> Self {
        let detail = error.to_string();
        match error {
            MonoError::Rejected(_) => {
                Self::new(Code::UpstreamRejected, "The provider refused this request.")
            }
            MonoError::CredentialsRefused(_) => {
                Self::new(Code::UpstreamUnavailable, "The provider cannot be used right now.")
            }
            MonoError::RateLimited(wait) => {
                let error =
                    Self::new(Code::UpstreamUnavailable, "The provider is busy. Try again.");
                match wait {
                    Some(wait) => error.retry_after(wait),
                    None => error,
                }
            }
            MonoError::Unavailable(_) => {
                Self::new(Code::UpstreamUnavailable, "The provider cannot be reached. Try again.")
            }
            MonoError::Timeout => {
                Self::new(Code::UpstreamTimeout, "The provider did not answer in time. Try again.")
            }
        }
        .detail(detail)
    }
}
