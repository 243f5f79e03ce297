//! MTN's access token (MTN developer documentation, *Understanding OAuth 2.0*). It is fetched when
//! one is needed, by one task at a time, and kept until shortly before it expires.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::codes::MtnCode;
use super::deadline::Deadline;
use super::error::MtnError;
use crate::platform::crypto::{ExposeSecret, SecretString};
use crate::platform::environment::{Clock, Environment};
use crate::platform::http::Answer;
use crate::platform::upstream::Upstream;
use crate::provider::answer::{http_code, retry_after};
use crate::provider::request::{self, JSON};

/// The time limit of waiting for a token.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Why there is no token where the time was over before MTN was asked.
const NOT_IN_TIME: &str = "no answer in time";
/// The lifetime of a token whose answer does not say.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);
/// The longest lifetime that is believed.
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);

/// What a token is used for. This decides how much of its lifetime must be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenUse {
    /// A read: a kept token must have 30 s left, because clocks differ. A new token is always good
    /// enough, because a refused read does no harm.
    Read,
    /// A refill: every token must have 60 s left, because a refill is sent only once.
    Refill,
}

/// Why there is no token. In each case no API of MTN has been called yet.
#[derive(Debug)]
pub(super) enum TokenError {
    /// MTN does not accept our client id and secret. Carries MTN's code, or `http_401`.
    Refused(String),
    /// MTN limits our rate.
    RateLimited(Option<Duration>),
    /// There is no token, or not in time.
    Unavailable(String),
}

/// The access token of this deployment.
pub(super) struct Tokens {
    upstream: Upstream,
    clock: Clock,
    url: String,
    form: SecretString,
    kept: Mutex<Option<Token>>,
    /// Held by the task that fetches a token.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Token {
    bearer: HeaderValue,
    lifetime: Duration,
    expires_at: OffsetDateTime,
}

/// The answer of MTN's token endpoint (MTN developer documentation, *Understanding OAuth 2.0*).
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct TokenAnswer<'a> {
    access_token: String,
    expires_in: Option<&'a RawValue>,
}

/// The answer of MTN's token endpoint to a request that it refuses.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct TokenRefusal<'a> {
    #[serde(rename = "statusCode")]
    status_code: Option<&'a RawValue>,
}

impl TokenUse {
    /// The time that must be left.
    fn margin(self) -> Duration {
        match self {
            Self::Read => Duration::from_secs(30),
            Self::Refill => Duration::from_secs(60),
        }
    }
}

impl Tokens {
    pub(super) fn new(environment: &Environment, base_url: &str, id: &str, secret: &str) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", id)
            .append_pair("client_secret", secret)
            .finish();
        Self {
            upstream: Upstream::new("mtn", environment),
            clock: environment.clock.clone(),
            url: format!("{base_url}/v1/oauth/access_token?grant_type=client_credentials"),
            form: SecretString::from(form),
            kept: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// The header value `Bearer …`, with the kept token or a new one. The token `refused` is
    /// dropped first.
    pub(super) async fn bearer(
        &self,
        token_use: TokenUse,
        deadline: Deadline,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, TokenError> {
        if let Some(refused) = refused {
            self.forget(refused);
        }
        if let Some(bearer) = self.usable(token_use) {
            return Ok(bearer);
        }
        let limit = deadline.rest().min(TOKEN_TIMEOUT);
        self.fetch_once(token_use, Deadline::after(limit)).await
    }

    /// Drops the kept token if it is the refused one.
    pub(super) fn forget(&self, refused: &HeaderValue) {
        let mut kept = self.kept();
        if kept.as_ref().is_some_and(|token| token.bearer == refused) {
            *kept = None;
        }
    }

    /// Fetches a token, unless another task fetched one while this task waited.
    async fn fetch_once(
        &self,
        token_use: TokenUse,
        deadline: Deadline,
    ) -> Result<HeaderValue, TokenError> {
        let turn = tokio::time::timeout(deadline.rest(), self.fetching.lock()).await;
        let _guard = turn.map_err(|_| unavailable(NOT_IN_TIME))?;
        if let Some(bearer) = self.usable(token_use) {
            return Ok(bearer);
        }
        let token = self.fetch(deadline.rest()).await?;
        *self.kept() = Some(token.clone());
        if token_use == TokenUse::Refill && token.lifetime < token_use.margin() {
            return Err(TokenError::Unavailable("its token is about to expire".to_owned()));
        }
        Ok(token.bearer)
    }

    /// An endpoint that does not answer counts against MTN, so the call has its own time limit.
    async fn fetch(&self, limit: Duration) -> Result<Token, TokenError> {
        if limit.is_zero() {
            return Err(unavailable(NOT_IN_TIME));
        }
        let request = self.request().ok_or_else(|| {
            TokenError::Unavailable("the request for a token cannot be written".to_owned())
        })?;
        let asked_at = self.clock.now();
        // The call that needs the token is admitted already.
        let result = self.upstream.call_admitted("token", request, limit).await;
        let answer = result.map_err(|reason| unavailable(&reason.to_string()))?;
        match answer.status.as_u16() {
            200..=299 => Token::read(&answer, asked_at),
            400 | 401 | 403 => Err(TokenError::Refused(refusal_code(&answer))),
            429 => Err(TokenError::RateLimited(retry_after(&answer.headers))),
            status => Err(unavailable(&format!("it answered {status}"))),
        }
    }

    fn usable(&self, token_use: TokenUse) -> Option<HeaderValue> {
        let until = self.clock.now() + token_use.margin();
        let kept = self.kept();
        kept.as_ref().filter(|token| until <= token.expires_at).map(|token| token.bearer.clone())
    }

    fn request(&self) -> Option<Request> {
        const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(ACCEPT, JSON), (CONTENT_TYPE, FORM)]);
        let form = self.form.expose_secret().as_bytes().to_vec();
        request::build(Method::POST, self.url.clone(), headers, form)
    }

    fn kept(&self) -> MutexGuard<'_, Option<Token>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    /// Reads an answer. The lifetime counts from `asked_at`, the time of the request.
    fn read(answer: &Answer, asked_at: OffsetDateTime) -> Result<Self, TokenError> {
        let unreadable = || unavailable("its answer could not be understood");
        let read: TokenAnswer<'_> =
            serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        let token = read.access_token.trim();
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut bearer = bearer.ok().filter(|_| !token.is_empty()).ok_or_else(unreadable)?;
        bearer.set_sensitive(true);
        let lifetime = read.expires_in.and_then(seconds).unwrap_or(DEFAULT_LIFETIME);
        Ok(Self { bearer, lifetime, expires_at: asked_at + lifetime })
    }
}

impl From<TokenError> for MtnError {
    /// Never an error after which an answer may come, because no question was asked.
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused(code) => Self::CredentialsRefused(code),
            TokenError::RateLimited(wait) => Self::RateLimited(wait),
            TokenError::Unavailable(detail) => Self::Unavailable(detail),
        }
    }
}

fn unavailable(detail: &str) -> TokenError {
    TokenError::Unavailable(format!("no token: {detail}"))
}

/// The code of a refusal: MTN's, or the HTTP status.
fn refusal_code(answer: &Answer) -> String {
    let refusal = serde_json::from_slice::<TokenRefusal<'_>>(&answer.body).ok();
    let code = refusal.and_then(|it| MtnCode::read(it.status_code)).and_then(|code| code.text);
    code.unwrap_or_else(|| http_code(answer.status))
}

/// A lifetime in seconds, as a text or a number.
fn seconds(raw: &RawValue) -> Option<Duration> {
    let seconds: u64 = raw.get().trim_matches('"').trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_LIFETIME))
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;
    use crate::provider::test_support::any_answer;

    const TOKEN: &str = "t0ken-of-mtn";
    const SAMPLES: [&str; 2] = [
        r#"{"access_token":"t0ken-of-mtn","expires_in":"3599"}"#,
        r#"{"statusCode":"4000","statusMessage":"t0ken-of-mtn"}"#,
    ];
    const WORDS: [&str; 7] =
        ["access_token", "expires_in", "statusCode", "3600", "-1", "a b", TOKEN];

    #[test]
    fn a_token_lives_a_day_at_most_and_is_not_shown() {
        fuzz(|choices| {
            let answer = any_answer(200, &choices.body(&SAMPLES, &WORDS));
            match Token::read(&answer, OffsetDateTime::UNIX_EPOCH) {
                Ok(token) => {
                    assert!(token.lifetime <= MAX_LIFETIME);
                    assert!(token.bearer.is_sensitive() && token.bearer.len() > "Bearer ".len());
                }
                Err(error) => assert!(!format!("{error:?}").contains(TOKEN), "{error:?}"),
            }
            assert!(!refusal_code(&answer).contains(TOKEN));
        });
    }
}
