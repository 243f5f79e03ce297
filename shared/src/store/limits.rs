//! The `limits` table: how often what was asked. One item for each thing counted and long window;
//! in it a count for the long window and one for each short one. One conditional write counts in
//! both, or in neither.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure as OnRefusal;
use std::fmt;
use std::time::Duration;

use super::{StoreError, number, text};
use crate::config::{ConfigError, Vars};
use crate::error::{ApiError, Code};
use crate::limits::Limit;
use crate::secret::KeyedHash;
use crate::world::{Clock, World, epoch};

/// The `limits` table.
#[derive(Clone)]
pub struct Limits {
    client: Client,
    table: String,
    hash: KeyedHash,
    clock: Clock,
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
    pub fn from_vars(vars: &Vars, world: &World, dynamodb: &Client) -> Result<Self, ConfigError> {
        Ok(Self {
            client: dynamodb.clone(),
            table: vars.required("LIMITS_TABLE")?.to_owned(),
            hash: KeyedHash::from_vars(vars)?,
            clock: world.clock.clone(),
        })
    }

    /// Counts one more of `subject`, if both windows allow it.
    ///
    /// # Errors
    /// [`OverLimit`]: the thing must then not be done.
    pub async fn count(&self, limit: &Limit, subject: &str) -> Result<(), OverLimit> {
        let now = epoch(self.clock.now());
        let (short, long) = (i64::from(limit.short.seconds), i64::from(limit.long.seconds));
        let window = now - now.rem_euclid(long);
        let index = now.rem_euclid(long) / short;
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(format!("{}#{}#{window}", limit.name, self.hash.of(subject))))
            .condition_expression(
                "(attribute_not_exists(#short) OR #short < :short) \
                 AND (attribute_not_exists(#long) OR #long < :long)",
            )
            .expression_attribute_names("#short", short_count(index))
            .expression_attribute_names("#long", LONG_COUNT)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":short", number(limit.short.most.into()))
            .expression_attribute_values(":long", number(limit.long.most.into()))
            .expression_attribute_values(":end", number(window + long))
            .return_values_on_condition_check_failure(OnRefusal::AllOld);
        let mut past = Vec::new();
        for old in (0..index).rev().take(SWEPT) {
            let name = format!("#old{old}");
            update = update.expression_attribute_names(&name, short_count(old));
            past.push(name);
        }
        let remove = if past.is_empty() { "" } else { " REMOVE " };
        let expression =
            format!("ADD #short :one, #long :one SET expires_at = :end{remove}{}", past.join(", "));
        let Err(error) = update.update_expression(expression).send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                let counted = refused.item().and_then(|item| item.get(LONG_COUNT)?.as_n().ok());
                let counted = counted.and_then(|count| count.parse::<u32>().ok()).unwrap_or(0);
                let refusing = if counted >= limit.long.most { long } else { short };
                let rest = refusing - now.rem_euclid(refusing);
                Err(OverLimit::Reached(Duration::from_secs(rest.unsigned_abs())))
            }
            _ => Err(OverLimit::Unknown(StoreError::of(error))),
        }
    }

    /// The same for what does no harm beyond its cost: it goes on when it cannot be counted.
    ///
    /// # Errors
    /// [`OverLimit::Reached`].
    pub async fn count_if_possible(&self, limit: &Limit, subject: &str) -> Result<(), OverLimit> {
        match self.count(limit, subject).await {
            Err(OverLimit::Unknown(error)) => {
                tracing::warn!(limit = limit.name, reason = %error, "a limit is not checked");
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

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limits({})", self.table)
    }
}

impl From<OverLimit> for ApiError {
    fn from(over: OverLimit) -> Self {
        match over {
            OverLimit::Reached(rest) => {
                Self::new(Code::RateLimited, "Too many requests. Try again later.")
                    .retry_after(rest)
            }
            OverLimit::Unknown(error) => error.into(),
        }
    }
}
