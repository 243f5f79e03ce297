//! The requery: its messages, when they are sent, and how patient it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::config::{ConfigError, Vars};
use crate::queue::MAX_DELAY;
use crate::store::Tenant;
use crate::world::Random;

/// A message of the requery queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// A step of a purchase's chain: ask, and unless that settles it, send the next step.
    Purchase(ChainStep),
    /// Somebody says that a purchase has news: ask once, send nothing.
    Hint {
        /// Whose purchase it is.
        tenant: Tenant,
        /// The purchase.
        purchase_id: String,
    },
    /// A consent was withdrawn here: tell Mono, and unless it confirms, send the next step.
    Unlink(UnlinkStep),
    /// Mono reports that a customer withdrew there: ask it, and unless it answers, send the next step.
    Withdrawal(WithdrawalStep),
    /// MTN had time to answer a request: unless it did, ask again, and send the next step.
    MtnRequest(RequestStep),
    /// The schedule: mask the numbers of old purchases in one part of the table, and send the next.
    Masking {
        /// The purchase that the part is behind; none for the first part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
}

/// A step of asking Mono whether a customer withdrew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawalStep {
    /// The account, whoever holds it.
    pub account_id: String,
    /// How often Mono was asked before.
    pub step: u32,
}

impl WithdrawalStep {
    /// The step after this one.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { step: self.step.saturating_add(1), ..self.clone() }
    }
}

/// A step of waiting for MTN's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestStep {
    /// Who asked.
    pub tenant: Tenant,
    /// The request.
    pub request_id: String,
    /// The step: one behind the request's is dropped.
    pub step: u32,
}

impl RequestStep {
    /// The step after this one.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { step: self.step.saturating_add(1), ..self.clone() }
    }
}

/// A step of telling Mono that a consent was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlinkStep {
    /// Whose consent it was.
    pub tenant: Tenant,
    /// The account.
    pub account_id: String,
    /// How often Mono was told before.
    pub step: u32,
}

impl UnlinkStep {
    /// The step after this one.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { step: self.step.saturating_add(1), ..self.clone() }
    }
}

/// A step of a purchase's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainStep {
    /// Whose purchase it is.
    pub tenant: Tenant,
    /// The purchase.
    pub purchase_id: String,
    /// The chain: random, and the purchase's own; any other is dropped.
    pub chain: String,
    /// The step: one behind the purchase's is dropped.
    pub step: u32,
}

impl ChainStep {
    /// The step after this one.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { step: self.step.saturating_add(1), ..self.clone() }
    }
}

/// The waits between the steps, in seconds; the last one repeats. README prints the same list.
pub const SCHEDULE_SECONDS: [u64; 6] = [45, 60, 120, 300, 600, 900];

/// How much a wait may be shortened, as a divisor: a fifth.
const JITTER: u64 = 5;

/// When the steps of a chain are due.
#[derive(Debug, Clone)]
pub struct Schedule(Vec<Duration>);

impl Schedule {
    /// [`SCHEDULE_SECONDS`], unless `REQUERY_SCHEDULE_SECONDS` holds another list: whole seconds,
    /// separated by commas.
    ///
    /// # Errors
    /// [`ConfigError`] for a list that is empty, no list of seconds, or above SQS's longest delay.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "REQUERY_SCHEDULE_SECONDS";
        let Some(list) = vars.optional(NAME) else {
            return Ok(Self(SCHEDULE_SECONDS.map(Duration::from_secs).to_vec()));
        };
        let invalid = |problem| ConfigError::Invalid { name: NAME.to_owned(), problem };
        let waits: Result<Vec<u64>, _> = list.split(',').map(|wait| wait.trim().parse()).collect();
        let waits = waits.map_err(|_| invalid("must be whole seconds, separated by commas"))?;
        if waits.iter().any(|wait| *wait > MAX_DELAY.as_secs()) {
            return Err(invalid("must not exceed 900, the longest delay of SQS"));
        }
        Ok(Self(waits.into_iter().map(Duration::from_secs).collect()))
    }

    /// The wait before `step`, shortened by chance by up to a fifth, so that what began together
    /// does not stay together; and never past `left`, the time until the deadline. Once that has
    /// passed, what could not be finished is tried again at the usual pace.
    pub fn wait(&self, step: u32, left: Duration, random: &Random) -> Duration {
        let index = usize::try_from(step).unwrap_or(usize::MAX).min(self.0.len() - 1);
        let wait = u64::try_from(self.0[index].as_millis()).unwrap_or(u64::MAX);
        let chance = u64::from(u16::from_be_bytes(random.bytes()));
        let shortened = wait - wait / JITTER * chance / u64::from(u16::MAX);
        let wait = Duration::from_millis(shortened);
        let wait = if left.is_zero() { wait } else { wait.min(left) };
        // SQS counts whole seconds, and no wait at all would be a loop.
        Duration::from_secs((wait + Duration::from_millis(999)).as_secs().max(1))
    }
}

/// How long VTpass may forget a purchase before that is believed.
#[derive(Debug, Clone, Copy)]
pub struct Patience(Duration);

impl Patience {
    /// Six minutes, unless `REQUERY_PATIENCE_SECONDS` says otherwise.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but whole seconds.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "REQUERY_PATIENCE_SECONDS";
        let seconds = vars.optional(NAME).unwrap_or("360").parse().map_err(|_| {
            ConfigError::Invalid { name: NAME.to_owned(), problem: "must be whole seconds" }
        })?;
        Ok(Self(Duration::from_secs(seconds)))
    }

    /// An answer that early does not count: a sixth of the whole.
    pub fn first(self) -> Duration {
        self.0 / 6
    }

    /// The age of a purchase from which the answer may be believed.
    pub fn whole(self) -> Duration {
        self.0
    }
}

/// How long a settled purchase keeps its number.
#[derive(Debug, Clone, Copy)]
pub struct NumberRetention(Duration);

impl NumberRetention {
    /// A dispute may take that long to come up, in days.
    pub const LEAST_DAYS: u16 = 30;

    /// 180 days, unless `NUMBER_RETENTION_DAYS` says otherwise.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but whole days from 30 to 3650.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "NUMBER_RETENTION_DAYS";
        let days = vars.optional(NAME).unwrap_or("180").parse().ok();
        let days: Option<u16> = days.filter(|days| (Self::LEAST_DAYS..=3_650).contains(days));
        let problem = "must be whole days, from 30 to 3650";
        let days = days.ok_or(ConfigError::Invalid { name: NAME.to_owned(), problem })?;
        Ok(Self(Duration::from_secs(u64::from(days) * 86_400)))
    }

    /// What was made before that needs its number no longer.
    pub fn before(self, now: OffsetDateTime) -> OffsetDateTime {
        now - self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(list: &str) -> Result<Schedule, ConfigError> {
        let vars = [("REQUERY_SCHEDULE_SECONDS".to_owned(), list.to_owned())];
        Schedule::from_vars(&vars.into_iter().collect())
    }

    fn constant(byte: u8) -> Random {
        Random::from_fn(move |bytes| bytes.fill(byte))
    }

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn the_last_wait_repeats_and_jitter_only_shortens() {
        let schedule = schedule("").unwrap();
        let (longest, shortest) = (constant(0), constant(0xff));
        let waits =
            |random| [0, 1, 2, 3, 4, 5, 6, 500].map(|it| schedule.wait(it, DAY, random).as_secs());
        assert_eq!(waits(&longest), [45, 60, 120, 300, 600, 900, 900, 900]);
        assert_eq!(waits(&shortest), [36, 48, 96, 240, 480, 720, 720, 720]);
    }

    #[test]
    fn a_wait_ends_at_the_deadline() {
        let schedule = schedule("").unwrap();
        let wait = |left| schedule.wait(9, left, &constant(0));
        assert_eq!(wait(Duration::from_secs(100)), Duration::from_secs(100));
        assert_eq!(wait(Duration::from_millis(1)), Duration::from_secs(1));
        assert_eq!(wait(Duration::ZERO), Duration::from_secs(900));
    }

    #[test]
    fn no_wait_is_shortened_to_none() {
        for list in ["1", "0"] {
            let wait = schedule(list).unwrap().wait(0, DAY, &constant(0xff));
            assert_eq!(wait, Duration::from_secs(1), "{list}");
        }
    }

    #[test]
    fn a_list_that_sqs_cannot_wait_for_stops_the_function() {
        assert!(schedule("1, 2,900").is_ok());
        for list in ["901", "45,,60", "a", "-1", "1.5"] {
            let error = schedule(list).unwrap_err().to_string();
            assert!(error.contains("REQUERY_SCHEDULE_SECONDS"), "{error}");
        }
    }

    #[test]
    fn numbers_are_kept_for_a_month_at_least() {
        let retention = |days: &str| {
            let vars = [("NUMBER_RETENTION_DAYS".to_owned(), days.to_owned())];
            NumberRetention::from_vars(&vars.into_iter().collect())
        };
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(10_000);
        for (days, kept) in [("", 180), ("30", 30), ("3650", 3_650)] {
            let before = retention(days).unwrap().before(now);
            assert_eq!(now - before, time::Duration::days(kept), "{days}");
        }
        for days in ["29", "0", "-1", "3651", "x", "30.5"] {
            let error = retention(days).unwrap_err().to_string();
            assert!(error.contains("NUMBER_RETENTION_DAYS"), "{error}");
        }
    }

    #[test]
    fn messages_are_told_apart_and_anything_else_is_refused() {
        let tenant = Tenant::new("t").unwrap();
        let (purchase_id, chain) = ("p".to_owned(), "c".to_owned());
        let step = ChainStep { tenant, purchase_id, chain, step: 0 };
        let json = serde_json::to_string(&Message::Purchase(step.clone())).unwrap();
        let text = r#"{"kind":"purchase","tenant":"t","purchase_id":"p","chain":"c","step":0}"#;
        assert_eq!(json, text);
        assert_eq!(serde_json::from_str::<Message>(text).unwrap(), Message::Purchase(step));
        let first: Message = serde_json::from_str(r#"{"kind":"masking"}"#).unwrap();
        assert_eq!(first, Message::Masking { after: None });
        for text in ["", "{}", r#"{"kind":"other"}"#, r#"{"kind":"hint"}"#] {
            assert!(serde_json::from_str::<Message>(text).is_err());
        }
    }
}
