//! The `books` table: reports of days that are over, readings of the wallet's balance, and top-ups.
//!
//! Partition key `pk` (`day#` and a tenant, or `day#*` for all together; `balance#vtpass`;
//! `top-up#vtpass`), sort key `sk`: a date or a time. Nothing in it changes, and nothing is about a
//! customer.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_dynamo::from_item;
use time::OffsetDateTime;

use super::conditional::{Written, put};
use super::table::table;
use super::{StoreError, text};
use crate::domain::date::Date;
use crate::domain::ids::TenantId;
use crate::domain::report::{Balance, ClosedDay, TopUp};
use crate::domain::time::{epoch_seconds, to_iso};

table! {
    /// The `books` table.
    Books, "BOOKS_TABLE"
}

/// How long a reading of the balance is kept.
const BALANCE_LIFETIME: time::Duration = time::Duration::days(400);
const BALANCES: &str = "balance#vtpass";
const TOP_UPS: &str = "top-up#vtpass";

/// Whose report it is.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// A tenant's.
    Tenant(&'a TenantId),
    /// That of the whole deployment.
    Everyone,
}

#[derive(Serialize)]
struct Entry<'a, T> {
    pk: String,
    sk: String,
    #[serde(flatten)]
    what: &'a T,
    #[serde(with = "epoch_seconds::option", skip_serializing_if = "Option::is_none")]
    expires_at: Option<OffsetDateTime>,
}

impl Books {
    /// Keeps the report of a day that is over, unless there is one. Gives the one that is kept.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be kept.
    pub async fn close(&self, whose: Whose<'_>, day: ClosedDay) -> Result<ClosedDay, StoreError> {
        let sk = day.report.date.to_string();
        let entry = Entry { pk: partition(whose), sk, what: &day, expires_at: None };
        let close = self.0.put(&entry)?.condition_expression("attribute_not_exists(pk)");
        // The repeat of a put that succeeded meets its own report, which is as good as another's.
        match put(close).await? {
            Written::Done(_) => Ok(day),
            Written::Refused(item) => Ok(from_item(item)?),
        }
    }

    /// The report of a day that was closed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn day(&self, whose: Whose<'_>, date: Date) -> Result<Option<ClosedDay>, StoreError> {
        let key = [("pk", &*partition(whose)), ("sk", &*date.to_string())];
        Ok(self.0.get(key).await?.map(from_item).transpose()?)
    }

    /// The last day that was closed for the whole deployment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_closed(&self) -> Result<Option<Date>, StoreError> {
        let query = self
            .of(&partition(Whose::Everyone), "0", "9")
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(true);
        let items = query.send().await?.items.unwrap_or_default();
        let last = items.first().and_then(|item| item.get("sk")?.as_s().ok());
        Ok(last.and_then(|date| Date::parse(date).ok()))
    }

    /// Keeps a reading of the balance.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be kept.
    pub async fn note_balance(&self, balance: &Balance) -> Result<(), StoreError> {
        let expires_at = Some(balance.at + BALANCE_LIFETIME);
        let (pk, sk) = (BALANCES.to_owned(), to_iso(balance.at));
        self.0.put(&Entry { pk, sk, what: balance, expires_at })?.send().await?;
        Ok(())
    }

    /// The readings of the balance from one time until another, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn balances(
        &self,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> Result<Vec<Balance>, StoreError> {
        self.between(BALANCES, from, to).await
    }

    /// Notes money that was paid into the wallet. Gives whether it is noted: not if another top-up is
    /// noted for the same moment.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be noted.
    pub async fn note_top_up(&self, top_up: &TopUp) -> Result<bool, StoreError> {
        let (pk, sk) = (TOP_UPS.to_owned(), to_iso(top_up.at));
        let entry = Entry { pk, sk, what: top_up, expires_at: None };
        let note = self.0.put(&entry)?.condition_expression("attribute_not_exists(pk)");
        match put(note).await? {
            Written::Done(_) => Ok(true),
            // An equal one is this one: it was repeated. The key holds the moment to the millisecond.
            Written::Refused(item) => {
                let noted: TopUp = from_item(item)?;
                Ok(TopUp { at: top_up.at, ..noted } == *top_up)
            }
        }
    }

    /// The top-ups from one time until another, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn top_ups(
        &self,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> Result<Vec<TopUp>, StoreError> {
        self.between(TOP_UPS, from, to).await
    }

    async fn between<T: DeserializeOwned>(
        &self,
        partition: &str,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> Result<Vec<T>, StoreError> {
        let query = self.of(partition, &to_iso(from), &to_iso(to)).consistent_read(true);
        let items = query.into_paginator().items().send();
        let items: Vec<_> = items.collect::<Result<_, _>>().await?;
        Ok(items.into_iter().map(from_item).collect::<Result<_, _>>()?)
    }

    fn of(&self, partition: &str, from: &str, to: &str) -> QueryFluentBuilder {
        self.0
            .query()
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
    }
}

fn partition(whose: Whose<'_>) -> String {
    match whose {
        Whose::Tenant(tenant) => format!("day#{tenant}"),
        // No tenant's id holds a star.
        Whose::Everyone => "day#*".to_owned(),
    }
}
