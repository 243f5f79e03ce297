//! A deferred request: a question to MTN whose answer may come later, on a callback URL.

mod question;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use strum::IntoStaticStr;
use time::OffsetDateTime;

pub use self::question::Question;
use super::ids::{AccountId, DeferredRequestId, TenantId};
use super::time::{epoch_seconds, iso};
use crate::platform::config::{ConfigError, Vars};
use crate::platform::crypto::{hashed, same};
use crate::platform::environment::Random;
use crate::platform::queue::MAX_DELAY;

/// How long an answer is kept, and how long after an ask MTN may still send one.
pub const LIFETIME: time::Duration = time::Duration::hours(24);
/// How often MTN is asked at most: once, and three times more while it does not answer.
pub const MOST_ASKS: u32 = 4;

/// The state of a deferred request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DeferredState {
    /// MTN was asked and has not answered.
    Waiting,
    /// MTN has answered.
    Available,
    /// MTN was asked four times. An answer that still comes within its lifetime is taken.
    TimedOut,
}

impl DeferredState {
    /// The name in answers and in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The token of one callback URL: 256 random bits in hexadecimal. Does not print.
pub struct CallbackToken(String);

/// What is stored of a [`CallbackToken`]: its hash and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenHash {
    hash: String,
    #[serde(with = "epoch_seconds")]
    expires_at: OffsetDateTime,
}

/// What a request is about: an account of a tenant, by the consent that is in force.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The tenant that asks.
    pub tenant: &'a TenantId,
    /// The account.
    pub account_id: &'a AccountId,
    /// SHA-256 of the id of the consent's OTP session.
    pub session: Option<&'a str>,
}

/// A deferred request as it is stored. It holds no phone number; the account does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeferredRequest {
    /// Its id.
    pub request_id: DeferredRequestId,
    /// The tenant that asked.
    pub tenant: TenantId,
    /// The account that it is about.
    pub account_id: AccountId,
    /// Key of the index by which an unlink finds it.
    pub account: String,
    /// SHA-256 of the id of the OTP session of the consent by which it was asked. Older versions kept none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What was asked.
    #[serde(rename = "query")]
    pub question: Question,
    /// Its state.
    pub state: DeferredState,
    /// Where MTN reaches this gateway.
    pub base_url: String,
    /// A token for each ask. An answer may come with any of them.
    pub tokens: Vec<TokenHash>,
    /// How often MTN was asked.
    pub asks: u32,
    /// The requery's step.
    pub step: u32,
    /// When it was asked first.
    #[serde(with = "iso")]
    pub created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "iso")]
    pub updated_at: OffsetDateTime,
    /// When it timed out, also after a late answer made it available. Older versions kept no such time.
    #[serde(default, with = "iso::option", skip_serializing_if = "Option::is_none")]
    pub timed_out_at: Option<OffsetDateTime>,
    /// The answer, JSON as MTN gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Whether MTN said that a part of the answer is missing.
    #[serde(default)]
    pub partial: bool,
    /// Whether the answer has the shape that MTN documents.
    #[serde(default)]
    pub recognised: bool,
    /// What MTN sent that was not an answer, such as an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// When it ends. DynamoDB's TTL deletes the item some hours later.
    #[serde(with = "epoch_seconds")]
    pub expires_at: OffsetDateTime,
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

/// A deferred request as its tenant sees it.
#[derive(Debug, Serialize)]
pub struct DeferredView<'a> {
    request_id: &'a DeferredRequestId,
    account_id: &'a AccountId,
    operation: &'static str,
    state: DeferredState,
    partial: bool,
    recognised: bool,
    result: Option<Box<RawValue>>,
    notice: Option<Box<RawValue>>,
    asks: u32,
    #[serde(with = "iso")]
    created_at: OffsetDateTime,
    #[serde(with = "iso")]
    updated_at: OffsetDateTime,
    #[serde(with = "iso")]
    expires_at: OffsetDateTime,
}

impl CallbackToken {
    /// A new one.
    pub fn new(random: &Random) -> Self {
        Self(hex::encode(random.bytes::<32>()))
    }

    /// Where MTN is to post its answer.
    pub fn url(&self, base_url: &str, request_id: &DeferredRequestId) -> String {
        format!("{base_url}/callbacks/mtn/{request_id}/{}", self.0)
    }

    /// What is stored of it.
    pub fn hash(&self, now: OffsetDateTime) -> TokenHash {
        TokenHash { hash: hashed(&self.0), expires_at: end_of_life(now) }
    }
}

impl DeferredRequest {
    /// A request before its first ask.
    pub fn new(
        about: About<'_>,
        question: Question,
        base_url: &str,
        now: OffsetDateTime,
        random: &Random,
    ) -> (Self, CallbackToken) {
        let token = CallbackToken::new(random);
        let request = Self {
            request_id: DeferredRequestId::random(random),
            tenant: about.tenant.clone(),
            account_id: about.account_id.clone(),
            account: account_key(about.tenant, about.account_id),
            session: about.session.map(str::to_owned),
            question,
            state: DeferredState::Waiting,
            base_url: base_url.to_owned(),
            tokens: vec![token.hash(now)],
            asks: 1,
            step: 0,
            created_at: now,
            updated_at: now,
            timed_out_at: None,
            result: None,
            partial: false,
            recognised: false,
            notice: None,
            expires_at: end_of_life(now),
        };
        (request, token)
    }

    /// Whether a callback with this token is MTN's answer to it. All tokens are compared, each in
    /// constant time.
    pub fn accepts(&self, token: &str, now: OffsetDateTime) -> bool {
        let hash = hashed(token);
        self.tokens.iter().fold(false, |accepted, known| {
            accepted | (same(&known.hash, &hash) & (known.expires_at > now))
        })
    }

    /// Whether it has not ended yet. DynamoDB deletes ended items late.
    pub fn is_alive(&self, now: OffsetDateTime) -> bool {
        self.expires_at > now
    }

    /// The transaction id of its n-th ask: 20 characters, as MTN's products require. Each ask has
    /// its own, so that MTN does not take it for a repeat.
    pub fn transaction_id(&self, ask: u32) -> String {
        let beginning: String = self.request_id.as_str().chars().take(18).collect();
        format!("{beginning}{:02x}", ask & 0xff)
    }

    /// The length of what is kept of MTN's answers, in bytes.
    pub fn kept_bytes(&self) -> usize {
        [&self.result, &self.notice].into_iter().flatten().map(String::len).sum()
    }

    /// What the tenant sees.
    pub fn view(&self) -> DeferredView<'_> {
        let raw = |text: &Option<String>| RawValue::from_string(text.clone()?).ok();
        DeferredView {
            request_id: &self.request_id,
            account_id: &self.account_id,
            operation: self.question.operation(),
            state: self.state,
            partial: self.partial,
            recognised: self.recognised,
            result: raw(&self.result),
            notice: raw(&self.notice),
            asks: self.asks,
            created_at: self.created_at,
            updated_at: self.updated_at,
            expires_at: self.expires_at,
        }
    }
}

/// When what is kept now ends, in whole seconds.
pub fn end_of_life(now: OffsetDateTime) -> OffsetDateTime {
    (now + LIFETIME).truncate_to_second()
}

/// Key of the index `by_account`. No tenant's id contains the separator.
pub fn account_key(tenant: &TenantId, account_id: &AccountId) -> String {
    format!("{tenant}#{account_id}")
}

/// How long MTN may take to answer before it is asked again.
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
        let seconds =
            seconds.ok_or(ConfigError::invalid(NAME, "must be 1 to 900 whole seconds"))?;
        Ok(Self(Duration::from_secs(seconds)))
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

    fn request() -> (DeferredRequest, CallbackToken) {
        let (tenant, account) = (TenantId::parse("t").unwrap(), AccountId::parse("acc1").unwrap());
        let about = About { tenant: &tenant, account_id: &account, session: None };
        DeferredRequest::new(about, Question::Balance, "https://g", NOW, &Random::system())
    }

    #[test]
    fn a_request_accepts_its_own_tokens_for_a_day() {
        let (mut request, token) = request();
        let (_, foreign) = self::request();
        let url = token.url("https://g", &request.request_id);
        let secret = url.rsplit('/').next().unwrap();
        assert_eq!(secret.len(), 64);
        assert!(request.accepts(secret, NOW));
        for wrong in
            ["", &secret[1..], &foreign.0, &request.tokens[0].hash, request.request_id.as_str()]
        {
            assert!(!request.accepts(wrong, NOW), "{wrong}");
        }
        let second = CallbackToken::new(&Random::system());
        request.tokens.push(second.hash(NOW + LIFETIME / 2));
        assert!(request.accepts(secret, NOW + LIFETIME - time::Duration::SECOND));
        assert!(!request.accepts(secret, NOW + LIFETIME), "expired");
        assert!(request.accepts(&second.0, NOW + LIFETIME), "a later ask's token lives longer");
    }

    #[test]
    fn each_ask_has_its_own_transaction_id_of_20_characters() {
        let (request, _) = request();
        let ids = [1, 2, 4].map(|ask| request.transaction_id(ask));
        assert!(
            ids.iter()
                .all(|id| id.len() == 20 && request.request_id.as_str().starts_with(&id[..18]))
        );
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    }

    #[test]
    fn only_the_hash_of_a_token_is_stored() {
        let (request, token) = request();
        let kept = serde_json::to_string(&request).unwrap();
        assert!(!kept.contains(&token.0));
        assert!(kept.contains(&hashed(&token.0)));
        let seen = serde_json::to_string(&request.view()).unwrap();
        assert!(!seen.contains(&hashed(&token.0)));
    }

    #[test]
    fn the_answer_time_is_within_the_longest_sqs_delay() {
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
