//! The `limits` table: how often what was asked. One item for each subject and long window holds a
//! count for the long window and one for each short one. One conditional write counts in both, or in
//! neither.

use std::time::Duration;

use aws_sdk_dynamodb::Client;

use super::conditional::{AS_OWN, UNLESS_OWN, WriteId, Written, update_once};
use super::table::Table;
use super::{StoreError, number};
use crate::domain::limit::Limit;
use crate::domain::time::to_seconds;
use crate::platform::config::{ConfigError, Vars};
use crate::platform::crypto::KeyedHash;
use crate::platform::environment::{Clock, Environment, Random};

/// The `limits` table.
#[derive(Debug, Clone)]
pub struct Limits {
    table: Table,
    hash: KeyedHash,
    clock: Clock,
    random: Random,
}

/// Why a request does not count as one more.
#[derive(Debug)]
pub enum OverLimit {
    /// The limit is reached; the window that refused ends after this time.
    Reached(Duration),
    /// It cannot be told: what must not happen too often must then not happen.
    Unknown(StoreError),
}

impl Limits {
    /// The table named by `LIMITS_TABLE`; `LIMITS_HMAC_KEY` hides whom the counts are about.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing or the key is short.
    pub fn from_vars(
        vars: &Vars,
        environment: &Environment,
        dynamodb: &Client,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::from_vars(vars, "LIMITS_TABLE", dynamodb)?,
            hash: KeyedHash::from_vars(vars)?,
            clock: environment.clock.clone(),
            random: environment.random.clone(),
        })
    }

    /// Counts one more of `subject`, if both windows allow it.
    ///
    /// # Errors
    /// [`OverLimit`]: the thing must then not be done.
    pub async fn count(&self, limit: &Limit, subject: &str) -> Result<(), OverLimit> {
        let now = to_seconds(self.clock.now());
        let (short, long) = (i64::from(limit.short.seconds), i64::from(limit.long.seconds));
        let window = now - now.rem_euclid(long);
        let index = now.rem_euclid(long) / short;
        let key = format!("{}#{}#{window}", limit.name, self.hash.of(subject));
        let mut count = self
            .table
            .update([("pk", &*key)])
            .condition_expression(format!(
                "(attribute_not_exists(#short) OR #short < :short) \
                 AND (attribute_not_exists(#long) OR #long < :long) AND {UNLESS_OWN}"
            ))
            .expression_attribute_names("#short", short_count(index))
            .expression_attribute_names("#long", LONG_COUNT)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":short", number(limit.short.most))
            .expression_attribute_values(":long", number(limit.long.most))
            .expression_attribute_values(":end", number(window + long));
        let mut past = Vec::new();
        for old in (0..index).rev().take(SWEPT) {
            let name = format!("#old{old}");
            count = count.expression_attribute_names(&name, short_count(old));
            past.push(name);
        }
        let remove = if past.is_empty() { "" } else { " REMOVE " };
        let set = format!("SET expires_at = :end, {AS_OWN}");
        let count = count.update_expression(format!(
            "ADD #short :one, #long :one {set}{remove}{}",
            past.join(", ")
        ));
        let counted = update_once(WriteId::random(&self.random), count).await;
        match counted.map_err(OverLimit::Unknown)? {
            Written::Done(_) => Ok(()),
            Written::Refused(item) => {
                let counted = item.get(LONG_COUNT).and_then(|count| count.as_n().ok());
                let counted = counted.and_then(|count| count.parse::<u32>().ok()).unwrap_or(0);
                let refusing = if counted >= limit.long.most { long } else { short };
                let rest = refusing - now.rem_euclid(refusing);
                Err(OverLimit::Reached(Duration::from_secs(rest.unsigned_abs())))
            }
        }
    }

    /// The same for a request that only costs money: it goes on when it cannot be counted.
    ///
    /// # Errors
    /// [`OverLimit::Reached`].
    pub async fn count_if_possible(&self, limit: &Limit, subject: &str) -> Result<(), OverLimit> {
        match self.count(limit, subject).await {
            Err(OverLimit::Unknown(error)) => {
                tracing::warn!(limit = limit.name, reason = %error, "a limit cannot be checked");
                Ok(())
            }
            counted => counted,
        }
    }
}

/// The attribute that counts in the long window.
const LONG_COUNT: &str = "long";
/// How many past short windows a count clears away: an item stays small, and so does its price.
const SWEPT: usize = 10;

/// The attribute that counts in a short window.
fn short_count(index: i64) -> String {
    format!("s{index}")
}
