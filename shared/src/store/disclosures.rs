//! The `disclosures` table: which answer showed whose data to whom, for years.
//!
//! Partition key `tenant_day`: a tenant and a day in Lagos, so that no partition takes more than a
//! tenant's reads of a day. Sort key `listed`: the time. The index `by_account` holds the records of each
//! account, and none of purchases. Records are written once and never changed; TTL `expires_at`.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use serde_dynamo::from_item;
use time::OffsetDateTime;

use super::table::table;
use super::{StoreError, text};
use crate::domain::date::Date;
use crate::domain::disclosure::{Disclosure, partition};
use crate::domain::ids::{AccountId, TenantId};
use crate::domain::time::to_iso;

table! {
    /// The `disclosures` table.
    Disclosures, "DISCLOSURES_TABLE"
}

/// The index of the records about an account.
const BY_ACCOUNT: &str = "by_account";

impl Disclosures {
    /// Keeps a record. A repeat puts the same item.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be kept: nothing may then be shown.
    pub async fn record(&self, disclosure: &Disclosure) -> Result<(), StoreError> {
        self.0.put(disclosure)?.send().await?;
        Ok(())
    }

    /// Gives each record of a tenant's day to `take`, oldest first, read consistently.
    ///
    /// # Errors
    /// [`StoreError`], also where a record cannot be read: what was taken is then not complete.
    pub async fn of_day(
        &self,
        tenant: &TenantId,
        day: Date,
        now: OffsetDateTime,
        take: impl FnMut(Disclosure),
    ) -> Result<(), StoreError> {
        let query = self
            .0
            .query()
            .consistent_read(true)
            .key_condition_expression("tenant_day = :day")
            .expression_attribute_values(":day", text(partition(tenant, day)));
        each(query, now, take).await
    }

    /// Whether a tenant was shown data of an account since a time. The index lags a moment behind the table.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_shown_since(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        since: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let query = self
            .0
            .query()
            .index_name(BY_ACCOUNT)
            .scan_index_forward(false)
            .key_condition_expression("account_id = :account AND listed >= :since")
            .filter_expression("tenant = :tenant")
            .expression_attribute_values(":account", text(account.as_str()))
            .expression_attribute_values(":since", text(to_iso(since)))
            .expression_attribute_values(":tenant", text(tenant.as_str()));
        let found = query.into_paginator().items().send().next().await;
        Ok(found.transpose()?.is_some())
    }

    /// Gives each record of an account from one time until before another to `take`, oldest first. The
    /// index lags a moment behind the table.
    ///
    /// # Errors
    /// [`StoreError`], also where a record cannot be read: what was taken is then not complete.
    pub async fn of_account(
        &self,
        account: &AccountId,
        (from, until): (OffsetDateTime, OffsetDateTime),
        now: OffsetDateTime,
        take: impl FnMut(Disclosure),
    ) -> Result<(), StoreError> {
        let query = self
            .0
            .query()
            .index_name(BY_ACCOUNT)
            .key_condition_expression("account_id = :account AND listed BETWEEN :from AND :until")
            .expression_attribute_values(":account", text(account.as_str()))
            .expression_attribute_values(":from", text(to_iso(from)))
            .expression_attribute_values(":until", text(to_iso(until)));
        each(query, now, take).await
    }
}

async fn each(
    query: QueryFluentBuilder,
    now: OffsetDateTime,
    mut take: impl FnMut(Disclosure),
) -> Result<(), StoreError> {
    let mut items = query.into_paginator().items().send();
    while let Some(item) = items.next().await {
        let disclosure: Disclosure = from_item(item?)?;
        if disclosure.is_alive(now) {
            take(disclosure);
        }
    }
    Ok(())
}
