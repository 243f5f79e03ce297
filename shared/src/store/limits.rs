//! The `limits` table: how often what was asked, and how much was bought. One item for each subject
//! and long window holds a count for the long window and one for each short one. One conditional write
//! counts in both, or in neither.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use super::conditional::{
    AS_OWN, Item, Transacted, UNLESS_OWN, WriteId, Written, in_transaction, transact, update_once,
};
use super::table::Table;
use super::{StoreError, number, text, whole};
use crate::domain::ids::{AccountId, TenantId};
use crate::domain::limit::{CallLimit, Limit, WithdrawalLimit};
use crate::domain::time::to_seconds;
use crate::platform::config::{ConfigError, Vars};
use crate::platform::crypto::KeyedHash;
use crate::platform::environment::{Clock, Environment, Random};

/// The `limits` table.
#[derive(Debug, Clone)]
pub struct Limits {
    counter: Counter,
    hash: KeyedHash,
}

/// The counts of the calls that no other limit is about, in the same table. A tenant's id is no secret,
/// so a function that only counts these needs no key for a hash.
#[derive(Debug, Clone)]
pub struct Calls {
    counter: Counter,
    limit: CallLimit,
}

/// The count of withdrawals at Mono that were believed, in the same table.
#[derive(Debug, Clone)]
pub struct Withdrawals {
    counter: Counter,
    limit: WithdrawalLimit,
}

/// Counts in the table.
#[derive(Debug, Clone)]
struct Counter {
    table: Table,
    clock: Clock,
    random: Random,
}

/// What was counted, so that it can be given back.
#[derive(Debug)]
pub struct Counted {
    key: String,
    short: String,
    many: u64,
}

/// Why a request does not count as one more.
#[derive(Debug)]
pub enum OverLimit {
    /// The limit is reached; the window that refused ends after this time.
    Reached(Duration),
    /// It is more than the limit allows in a whole window.
    TooMuch,
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
        let hash = KeyedHash::from_vars(vars)?;
        Ok(Self { counter: Counter::from_vars(vars, environment, dynamodb)?, hash })
    }

    /// Counts one more of `subject`, if both windows allow it.
    ///
    /// # Errors
    /// [`OverLimit`]: the thing must then not be done.
    pub async fn count(&self, limit: &Limit, subject: &str) -> Result<(), OverLimit> {
        self.count_many(limit, subject, 1).await.map(|_| ())
    }

    /// Counts `many` more of `subject`, if both windows allow all of them.
    ///
    /// # Errors
    /// [`OverLimit`]: the thing must then not be done.
    pub async fn count_many(
        &self,
        limit: &Limit,
        subject: &str,
        many: u64,
    ) -> Result<Counted, OverLimit> {
        self.counter.count(limit, &self.hash.of(subject), many).await
    }

    /// Takes back what was counted, because the thing was not done. DynamoDB recognises a repeat of
    /// it, so that never too much is given back.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be given back.
    pub async fn give_back(&self, counted: &Counted) -> Result<(), StoreError> {
        self.counter.give_back(counted).await
    }

    /// The same for a request that only costs money: it goes on when it cannot be counted.
    ///
    /// # Errors
    /// [`OverLimit::Reached`] and [`OverLimit::TooMuch`].
    pub async fn count_if_possible(
        &self,
        limit: &Limit,
        subject: &str,
        many: u64,
    ) -> Result<(), OverLimit> {
        unless_unknown(limit, self.count_many(limit, subject, many).await)
    }
}

impl Calls {
    /// The table named by `LIMITS_TABLE`, and the limit.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing, or the limit has another form.
    pub fn from_vars(
        vars: &Vars,
        environment: &Environment,
        dynamodb: &Client,
    ) -> Result<Self, ConfigError> {
        let limit = CallLimit::from_vars(vars)?;
        Ok(Self { counter: Counter::from_vars(vars, environment, dynamodb)?, limit })
    }

    /// Counts one more call of a tenant. It goes on when it cannot be counted.
    ///
    /// # Errors
    /// [`OverLimit::Reached`] and [`OverLimit::TooMuch`].
    pub async fn count(&self, tenant: &TenantId) -> Result<(), OverLimit> {
        let limit = &self.limit.0;
        unless_unknown(limit, self.counter.count(limit, tenant.as_str(), 1).await)
    }
}

impl Withdrawals {
    /// The table named by `LIMITS_TABLE`, and the limit.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing, or the limit has another form.
    pub fn from_vars(
        vars: &Vars,
        environment: &Environment,
        dynamodb: &Client,
    ) -> Result<Self, ConfigError> {
        let limit = WithdrawalLimit::from_vars(vars)?;
        Ok(Self { counter: Counter::from_vars(vars, environment, dynamodb)?, limit })
    }

    /// Counts one more account that was withdrawn at Mono. An account counts once in a day, however often that is tried.
    ///
    /// # Errors
    /// [`OverLimit`]: nothing must then be erased.
    pub async fn count(&self, account: &AccountId) -> Result<(), OverLimit> {
        self.counter.count_once(&self.limit.0, "mono", account.as_str()).await
    }
}

/// Lets what could not be counted go on.
fn unless_unknown(limit: &Limit, counted: Result<Counted, OverLimit>) -> Result<(), OverLimit> {
    match counted {
        Ok(_) => Ok(()),
        Err(OverLimit::Unknown(error)) => {
            tracing::warn!(limit = limit.name, reason = %error, "a limit cannot be checked");
            Ok(())
        }
        Err(over) => Err(over),
    }
}

impl Counter {
    fn from_vars(
        vars: &Vars,
        environment: &Environment,
        dynamodb: &Client,
    ) -> Result<Self, ConfigError> {
        let table = Table::from_vars(vars, "LIMITS_TABLE", dynamodb)?;
        let (clock, random) = (environment.clock.clone(), environment.random.clone());
        Ok(Self { table, clock, random })
    }

    /// Takes back what was counted. DynamoDB recognises a repeat of it.
    async fn give_back(&self, counted: &Counted) -> Result<(), StoreError> {
        let give_back = Update::builder()
            .table_name(&self.table.name)
            .key("pk", text(counted.key.as_str()))
            .update_expression("ADD #short :less, #long :less")
            .condition_expression("attribute_exists(#short) AND attribute_exists(#long)")
            .expression_attribute_names("#short", &counted.short)
            .expression_attribute_names("#long", LONG_COUNT)
            .expression_attribute_values(":less", AttributeValue::N(format!("-{}", counted.many)))
            .build()?;
        let give_back = TransactWriteItem::builder().update(give_back).build();
        match transact(&self.table.client, vec![give_back]).await? {
            // Where its item is gone, nothing is left to be given back.
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }

    /// Counts `many` more of a subject as it stands in the key, if both windows allow all of them.
    async fn count(&self, limit: &Limit, subject: &str, many: u64) -> Result<Counted, OverLimit> {
        let Counting { update, counted, windows } = self.counting(limit, subject, many)?;
        let written = update_once(WriteId::random(&self.random), update).await;
        match written.map_err(OverLimit::Unknown)? {
            Written::Done(_) => Ok(counted),
            Written::Refused(item) => Err(windows.refused(&item)),
        }
    }

    /// Counts one more of a subject, unless what is counted is marked as counted in this long window. The mark is an item
    /// of its own, written with the count.
    async fn count_once(&self, limit: &Limit, subject: &str, what: &str) -> Result<(), OverLimit> {
        let Counting { update, counted, windows } = self.counting(limit, subject, 1)?;
        let update = WriteId::random(&self.random).over(update);
        let mark = self
            .table
            .update([("pk", &*format!("{}#{what}", counted.key))])
            .update_expression("SET expires_at = :end")
            .condition_expression("attribute_not_exists(pk)")
            .expression_attribute_values(":end", number(windows.end));
        let items = [mark, update].iter().map(in_transaction).collect::<Result<_, _>>();
        let items = items.map_err(|error| OverLimit::Unknown(error.into()))?;
        match transact(&self.table.client, items).await.map_err(OverLimit::Unknown)? {
            Transacted::Done | Transacted::Refused(0) => Ok(()),
            Transacted::Refused(_) => Err(OverLimit::Reached(windows.rest_of(windows.short))),
        }
    }

    /// The write that counts, where `many` do not exceed a whole window.
    fn counting(&self, limit: &Limit, subject: &str, many: u64) -> Result<Counting, OverLimit> {
        let local = to_seconds(self.clock.now()) + i64::from(limit.zone.whole_seconds());
        let (short, long) = (i64::from(limit.short.seconds), i64::from(limit.long.seconds));
        let (left_short, left_long) =
            (limit.short.most.checked_sub(many), limit.long.most.checked_sub(many));
        let (Some(left_short), Some(left_long)) = (left_short, left_long) else {
            return Err(OverLimit::TooMuch);
        };
        let window = local - local.rem_euclid(long);
        let index = local.rem_euclid(long) / short;
        let key = format!("{}#{}#{window}", limit.name, subject);
        let end = window + long - i64::from(limit.zone.whole_seconds());
        let mut count = self
            .table
            .update([("pk", &*key)])
            .condition_expression(format!(
                "(attribute_not_exists(#short) OR #short <= :short) \
                 AND (attribute_not_exists(#long) OR #long <= :long) AND {UNLESS_OWN}"
            ))
            .expression_attribute_names("#short", short_count(index))
            .expression_attribute_names("#long", LONG_COUNT)
            .expression_attribute_values(":many", whole(many))
            .expression_attribute_values(":short", whole(left_short))
            .expression_attribute_values(":long", whole(left_long))
            .expression_attribute_values(":end", number(end));
        let mut past = Vec::new();
        for old in (0..index - kept(short)).rev().take(SWEPT) {
            let name = format!("#old{old}");
            count = count.expression_attribute_names(&name, short_count(old));
            past.push(name);
        }
        let remove = if past.is_empty() { "" } else { " REMOVE " };
        let set = format!("SET expires_at = :end, {AS_OWN}");
        let count = count.update_expression(format!(
            "ADD #short :many, #long :many {set}{remove}{}",
            past.join(", ")
        ));
        let counted = Counted { key, short: short_count(index), many };
        Ok(Counting {
            update: count,
            counted,
            windows: Windows { local, short, long, left_long, end },
        })
    }
}

/// A write that counts, and what it counts.
struct Counting {
    update: UpdateItemFluentBuilder,
    counted: Counted,
    windows: Windows,
}

/// The windows of a count, in seconds.
struct Windows {
    /// Now, in the limit's zone.
    local: i64,
    short: i64,
    long: i64,
    /// What may be in the long window before.
    left_long: u64,
    /// When the long window ends.
    end: i64,
}

impl Windows {
    /// Why this item refused the count.
    fn refused(&self, item: &Item) -> OverLimit {
        let refusing = if long_count(item) > self.left_long { self.long } else { self.short };
        OverLimit::Reached(self.rest_of(refusing))
    }

    /// How long a window of this length still lasts.
    fn rest_of(&self, window: i64) -> Duration {
        Duration::from_secs((window - self.local.rem_euclid(window)).unsigned_abs())
    }
}

/// The attribute that counts in the long window.
const LONG_COUNT: &str = "long";
/// How many past short windows a count clears away: an item stays small, and so does its price.
const SWEPT: usize = 10;
/// For how many seconds a short window that ended stays: longer than a request takes that may give back
/// what it counted, and than clocks differ.
const KEPT_SECONDS: i64 = 60;

/// How many short windows of this length stay after their end.
fn kept(seconds: i64) -> i64 {
    (KEPT_SECONDS + seconds - 1) / seconds
}

fn long_count(item: &Item) -> u64 {
    let count = item.get(LONG_COUNT).and_then(|count| count.as_n().ok());
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The attribute that counts in a short window.
fn short_count(index: i64) -> String {
    format!("s{index}")
}
