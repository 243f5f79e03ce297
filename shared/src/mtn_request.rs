//! A question to MTN whose answer may come later, on the callback URL that went with it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::config::{ConfigError, Vars};
use crate::mtn::{Data, Query};
use crate::queue::MAX_DELAY;
use crate::secret::{hashed, same};
use crate::store::Tenant;
use crate::world::{Random, epoch, iso};

/// How long an answer is kept, and for how long after an ask MTN may still give one.
pub const LIFETIME: time::Duration = time::Duration::hours(24);
/// How often MTN is asked: once, and three times more where it does not answer.
pub const MOST_ASKS: u32 = 4;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// MTN was asked and has not answered.
    Waiting,
    /// The answer is here.
    Available,
    /// MTN was asked often enough. An answer that comes all the same is still taken.
    TimedOut,
}

impl RequestState {
    /// The name in answers and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Available => "available",
            Self::TimedOut => "timed_out",
        }
    }
}

/// The token of one callback URL: 256 random bits in hexadecimal. Does not print.
pub struct CallbackToken(String);

/// What is kept of a [`CallbackToken`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenHash {
    hash: String,
    /// Epoch seconds.
    expires_at: i64,
}

/// A request as it is stored. Holds no number: that stands in the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MtnRequest {
    /// 32 hexadecimal digits.
    pub request_id: String,
    /// Who asked.
    pub tenant: Tenant,
    /// About which account.
    pub account_id: String,
    /// Key of the index by which an unlink finds it.
    pub account: String,
    /// What was asked.
    pub query: Query,
    /// Where it stands.
    pub state: RequestState,
    /// Where MTN reaches this gateway.
    pub base_url: String,
    /// One for each ask: any of them may bring the answer.
    pub tokens: Vec<TokenHash>,
    /// How often MTN was asked.
    pub asks: u32,
    /// How far the requery is.
    pub step: u32,
    /// When it was asked first, ISO 8601.
    pub created_at: String,
    /// When it last changed, ISO 8601.
    pub updated_at: String,
    /// The answer, JSON as MTN gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Whether MTN said that a part of the answer is missing.
    #[serde(default)]
    pub partial: bool,
    /// Whether the answer has the shape that MTN documents.
    #[serde(default)]
    pub recognised: bool,
    /// What MTN sent that was no answer: an error, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// Epoch seconds, for DynamoDB's TTL and for us.
    pub expires_at: i64,
}

/// An answer as it is kept.
#[derive(Debug, Clone)]
pub struct KeptAnswer {
    /// JSON as MTN gave it.
    pub result: String,
    /// Whether MTN said that a part is missing.
    pub partial: bool,
    /// Whether it has the shape that MTN documents.
    pub recognised: bool,
}

impl KeptAnswer {
    /// MTN's data.
    pub fn of(data: &Data) -> Self {
        Self { result: data.json.get().to_owned(), partial: data.partial, recognised: true }
    }

    /// JSON of a shape that MTN documents nowhere: kept as it came, for the caller to judge.
    pub fn unrecognised(body: &str) -> Self {
        Self { result: body.to_owned(), partial: false, recognised: false }
    }
}

/// A request as its caller sees it.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    request_id: &'a str,
    account_id: &'a str,
    operation: &'static str,
    state: RequestState,
    partial: bool,
    recognised: bool,
    result: Option<Box<RawValue>>,
    notice: Option<Box<RawValue>>,
    asks: u32,
    created_at: &'a str,
    updated_at: &'a str,
    expires_at: String,
}

impl CallbackToken {
    /// A new one.
    pub fn new(random: &Random) -> Self {
        Self(hex::encode(random.bytes::<32>()))
    }

    /// Where MTN is to post its answer.
    pub fn url(&self, base_url: &str, request_id: &str) -> String {
        format!("{base_url}/callbacks/mtn/{request_id}/{}", self.0)
    }

    /// What is kept of it.
    pub fn hash(&self, now: OffsetDateTime) -> TokenHash {
        TokenHash { hash: hashed(&self.0), expires_at: epoch(now + LIFETIME) }
    }
}

impl MtnRequest {
    /// A request that is about to be asked for the first time.
    pub fn new(
        tenant: &Tenant,
        account_id: &str,
        query: Query,
        base_url: &str,
        now: OffsetDateTime,
        random: &Random,
    ) -> (Self, CallbackToken) {
        let token = CallbackToken::new(random);
        let request = Self {
            request_id: random.id(),
            tenant: tenant.clone(),
            account_id: account_id.to_owned(),
            account: account_key(tenant, account_id),
            query,
            state: RequestState::Waiting,
            base_url: base_url.to_owned(),
            tokens: vec![token.hash(now)],
            asks: 1,
            step: 0,
            created_at: iso(now),
            updated_at: iso(now),
            result: None,
            partial: false,
            recognised: false,
            notice: None,
            expires_at: epoch(now + LIFETIME),
        };
        (request, token)
    }

    /// Whether a callback with this token is MTN's answer to it. All tokens are compared, each in
    /// constant time.
    pub fn accepts(&self, token: &str, now: OffsetDateTime) -> bool {
        let hash = hashed(token);
        let now = epoch(now);
        self.tokens.iter().fold(false, |accepted, known| {
            accepted | (same(&known.hash, &hash) & (known.expires_at > now))
        })
    }

    /// Whether it still exists: DynamoDB deletes late.
    pub fn is_alive(&self, now: OffsetDateTime) -> bool {
        self.expires_at > epoch(now)
    }

    /// The id that MTN traces its n-th ask by: 20 characters, as its products ask for, and another
    /// for each ask, so that none is taken for a repeat.
    pub fn transaction_id(&self, ask: u32) -> String {
        let beginning: String = self.request_id.chars().take(18).collect();
        format!("{beginning}{:02x}", ask & 0xff)
    }

    /// What the caller sees.
    pub fn view(&self) -> View<'_> {
        let raw = |text: &Option<String>| RawValue::from_string(text.clone()?).ok();
        View {
            request_id: &self.request_id,
            account_id: &self.account_id,
            operation: self.query.operation(),
            state: self.state,
            partial: self.partial,
            recognised: self.recognised,
            result: raw(&self.result),
            notice: raw(&self.notice),
            asks: self.asks,
            created_at: &self.created_at,
            updated_at: &self.updated_at,
            expires_at: OffsetDateTime::from_unix_timestamp(self.expires_at)
                .map(iso)
                .unwrap_or_default(),
        }
    }
}

/// Key of the index `by_account`. The separator is in no tenant's id.
pub fn account_key(tenant: &Tenant, account_id: &str) -> String {
    format!("{tenant}#{account_id}")
}

/// How long MTN has for an answer before it is asked again.
#[derive(Debug, Clone, Copy)]
pub struct AnswerTime(Duration);

impl AnswerTime {
    /// Two minutes, unless `REQUEST_DEADLINE_SECONDS` says otherwise.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but 1 to 900 whole seconds: SQS waits no longer.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "REQUEST_DEADLINE_SECONDS";
        let seconds = vars.optional(NAME).unwrap_or("120").parse().ok();
        let seconds = seconds.filter(|it| (1..=MAX_DELAY.as_secs()).contains(it));
        match seconds {
            Some(seconds) => Ok(Self(Duration::from_secs(seconds))),
            None => Err(ConfigError::Invalid {
                name: NAME.to_owned(),
                problem: "must be 1 to 900 whole seconds",
            }),
        }
    }

    /// The time itself.
    pub fn duration(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-22 10:00 UTC);

    fn request() -> (MtnRequest, CallbackToken) {
        let tenant = Tenant::new("t").unwrap();
        MtnRequest::new(&tenant, "acc1", Query::Balance, "https://g", NOW, &Random::system())
    }

    #[test]
    fn only_a_token_of_its_own_is_accepted_and_for_a_day() {
        let (mut request, token) = request();
        let (_, foreign) = self::request();
        let url = token.url("https://g", "r");
        let secret = url.strip_prefix("https://g/callbacks/mtn/r/").unwrap();
        assert_eq!(secret.len(), 64);
        assert!(request.accepts(secret, NOW));
        for wrong in ["", &secret[1..], &foreign.0, &request.tokens[0].hash, &request.request_id] {
            assert!(!request.accepts(wrong, NOW), "{wrong}");
        }
        let second = CallbackToken::new(&Random::system());
        request.tokens.push(second.hash(NOW + LIFETIME / 2));
        assert!(request.accepts(secret, NOW + LIFETIME - time::Duration::SECOND));
        assert!(!request.accepts(secret, NOW + LIFETIME), "expired");
        assert!(request.accepts(&second.0, NOW + LIFETIME), "a later ask's token lives longer");
    }

    #[test]
    fn each_ask_has_an_id_of_its_own_that_mtn_takes() {
        let (request, _) = request();
        let ids = [1, 2, 4].map(|ask| request.transaction_id(ask));
        assert!(ids.iter().all(|id| id.len() == 20 && request.request_id.starts_with(&id[..18])));
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    }

    #[test]
    fn nothing_of_a_token_is_kept_but_its_hash() {
        let (request, token) = request();
        let kept = serde_json::to_string(&request).unwrap();
        assert!(!kept.contains(&token.0));
        assert!(kept.contains(&hashed(&token.0)));
        let seen = serde_json::to_string(&request.view()).unwrap();
        assert!(!seen.contains(&hashed(&token.0)));
    }

    #[test]
    fn the_time_for_an_answer_is_one_that_sqs_can_wait() {
        let time = |text: &str| {
            let vars = [("REQUEST_DEADLINE_SECONDS".to_owned(), text.to_owned())];
            AnswerTime::from_vars(&vars.into_iter().collect()).map(AnswerTime::duration)
        };
        assert_eq!(time(""), Ok(Duration::from_secs(120)));
        assert_eq!(time("900"), Ok(Duration::from_secs(900)));
        for text in ["0", "901", "1.5", "x", "-1"] {
            assert!(time(text).unwrap_err().to_string().contains("REQUEST_DEADLINE_SECONDS"));
        }
    }
}
