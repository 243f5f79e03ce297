//! The access token: fetched when one is needed, by one caller at a time, and kept while it lasts.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use reqwest::Request;
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::codes::StatusCode;
use super::error::retry_after;
use super::{Deadline, JSON, MtnError};
use crate::secret::{ExposeSecret, SecretString};
use crate::upstream::{Answer, Http};
use crate::world::{Clock, World};

/// How long waiting for a token may take.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(5);
/// The lifetime of a token that does not say.
const SHORT_LIFE: Duration = Duration::from_secs(60);

/// How long a token must still live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Until an answer is there, with half a minute for clocks that differ. A new token always
    /// does: a read that is refused loses nothing.
    Read,
    /// A minute, new or not: a refill is sent once.
    Refill,
}

/// Why there is no token. In every case nothing was asked of MTN's APIs yet.
#[derive(Debug)]
pub(super) enum NoToken {
    /// MTN does not take our client id and secret; carries its code or `http_401`.
    Refused(String),
    /// MTN limits our rate.
    RateLimited(Option<Duration>),
    /// No token came, or not in time.
    Unavailable(String),
}

/// The token of this deployment.
pub(super) struct Tokens {
    http: Http,
    clock: Clock,
    url: String,
    form: SecretString,
    kept: Mutex<Option<Token>>,
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Token {
    bearer: HeaderValue,
    life: Duration,
    expires_at: OffsetDateTime,
}

/// The answer of MTN's token endpoint.
#[derive(Deserialize)]
struct TokenAnswer<'a> {
    access_token: String,
    #[serde(borrow, default)]
    expires_in: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Refusal<'a> {
    #[serde(borrow, default, rename = "statusCode")]
    status_code: Option<&'a RawValue>,
}

impl Need {
    fn margin(self) -> Duration {
        match self {
            Self::Read => Duration::from_secs(30),
            Self::Refill => Duration::from_secs(60),
        }
    }
}

impl Tokens {
    pub(super) fn new(world: &World, base_url: &str, id: &str, secret: &str) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", id)
            .append_pair("client_secret", secret)
            .finish();
        Self {
            http: world.http.clone(),
            clock: world.clock.clone(),
            url: format!("{base_url}/v1/oauth/access_token?grant_type=client_credentials"),
            form: SecretString::from(form),
            kept: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// `Bearer …`: the token that is kept, or a new one.
    pub(super) async fn bearer(
        &self,
        need: Need,
        deadline: Deadline,
        refused: Option<&HeaderValue>,
    ) -> Result<HeaderValue, NoToken> {
        if let Some(refused) = refused {
            self.forget(refused);
        }
        if let Some(bearer) = self.usable(need) {
            return Ok(bearer);
        }
        let limit = deadline.rest().min(TOKEN_TIMEOUT);
        tokio::time::timeout(limit, self.fetched(need)).await.unwrap_or_else(|_| Err(too_late()))
    }

    /// Drops the token, if it is still the one that was refused.
    pub(super) fn forget(&self, refused: &HeaderValue) {
        let mut kept = self.kept();
        if kept.as_ref().is_some_and(|token| token.bearer == refused) {
            *kept = None;
        }
    }

    /// Fetches a token, unless somebody else did while this caller waited.
    async fn fetched(&self, need: Need) -> Result<HeaderValue, NoToken> {
        let _alone = self.fetching.lock().await;
        if let Some(bearer) = self.usable(need) {
            return Ok(bearer);
        }
        let token = self.fetch().await?;
        *self.kept() = Some(token.clone());
        if need == Need::Refill && token.life < need.margin() {
            return Err(NoToken::Unavailable("its token is about to expire".to_owned()));
        }
        Ok(token.bearer)
    }

    async fn fetch(&self) -> Result<Token, NoToken> {
        let request = self.request().ok_or_else(|| {
            NoToken::Unavailable("the request for a token cannot be written".to_owned())
        })?;
        let asked_at = self.clock.now();
        let outcome = self.http.call("mtn", "token", request, TOKEN_TIMEOUT).await;
        let answer = outcome.map_err(|reason| no_token(&reason.to_string()))?;
        match answer.status.as_u16() {
            200..=299 => Token::read(&answer, asked_at),
            400 | 401 | 403 => Err(NoToken::Refused(refusal(&answer))),
            429 => Err(NoToken::RateLimited(retry_after(&answer.headers))),
            status => Err(no_token(&format!("it answered {status}"))),
        }
    }

    fn usable(&self, need: Need) -> Option<HeaderValue> {
        let until = self.clock.now() + need.margin();
        let kept = self.kept();
        kept.as_ref().filter(|token| until <= token.expires_at).map(|token| token.bearer.clone())
    }

    fn request(&self) -> Option<Request> {
        const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = http::Request::builder()
            .method(Method::POST)
            .uri(&self.url)
            .header(ACCEPT, JSON)
            .header(CONTENT_TYPE, FORM)
            .body(self.form.expose_secret().to_owned())
            .ok()?;
        Request::try_from(request).ok()
    }

    fn kept(&self) -> MutexGuard<'_, Option<Token>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    /// Reads the answer to a question asked at `asked_at`, from which its life is counted.
    fn read(answer: &Answer, asked_at: OffsetDateTime) -> Result<Self, NoToken> {
        let unreadable = || no_token("its answer could not be understood");
        let read: TokenAnswer<'_> =
            serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
        let token = read.access_token.trim();
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut bearer = bearer.ok().filter(|_| !token.is_empty()).ok_or_else(unreadable)?;
        bearer.set_sensitive(true);
        let life = read.expires_in.and_then(seconds).unwrap_or(SHORT_LIFE);
        Ok(Self { bearer, life, expires_at: asked_at + life })
    }
}

impl From<NoToken> for MtnError {
    /// Never an error after which an answer may come: the question was not asked.
    fn from(error: NoToken) -> Self {
        match error {
            NoToken::Refused(code) => Self::CredentialsRefused(code),
            NoToken::RateLimited(wait) => Self::RateLimited(wait),
            NoToken::Unavailable(detail) => Self::Unavailable(detail),
        }
    }
}

fn no_token(detail: &str) -> NoToken {
    NoToken::Unavailable(format!("no token: {detail}"))
}

fn too_late() -> NoToken {
    no_token("no answer in time")
}

/// The code of a refusal: MTN's, or the HTTP status.
fn refusal(answer: &Answer) -> String {
    let read = serde_json::from_slice::<Refusal<'_>>(&answer.body).ok();
    let code = read.and_then(|it| StatusCode::read(it.status_code)).and_then(|it| it.text);
    code.unwrap_or_else(|| format!("http_{}", answer.status.as_u16()))
}

/// A lifetime in seconds, a text or a number; at most a day.
fn seconds(raw: &RawValue) -> Option<Duration> {
    const LONGEST: u64 = 86_400;
    let seconds: u64 = raw.get().trim_matches('"').trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST)))
}
