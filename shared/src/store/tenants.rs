//! The `tenants` table: which tenant an API key belongs to.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnRefusal,
};
use serde_dynamo::{from_item, to_item};
use time::OffsetDateTime;

use super::{StoreError, number, text};
use crate::config::{ConfigError, Vars};
use crate::secret::hashed;
use crate::tenant_key::{TenantKey, key_id};
use crate::world::iso;

type Item = HashMap<String, AttributeValue>;

/// The `tenants` table.
#[derive(Debug, Clone)]
pub struct Tenants {
    client: Client,
    table: String,
}

/// What is stored under a key's hash.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// An item that this version cannot read: it opens nothing.
    Unreadable,
    /// A key, which may have been revoked or have ended.
    Key(Box<TenantKey>),
}

/// Everything in the table.
#[derive(Debug, Default)]
pub struct Listing {
    /// The keys, by tenant and age.
    pub keys: Vec<TenantKey>,
    /// The ids of items that this version cannot read.
    pub unreadable: Vec<String>,
}

impl Tenants {
    /// The table named by `TENANTS_TABLE`.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing.
    pub fn from_vars(vars: &Vars, dynamodb: &Client) -> Result<Self, ConfigError> {
        let table = vars.required("TENANTS_TABLE")?.to_owned();
        Ok(Self { client: dynamodb.clone(), table })
    }

    /// What is known of a key. One of the lookups that is by an unguessable id alone.
    ///
    /// # Errors
    /// [`StoreError`]: the caller must then be refused.
    pub async fn by_key(&self, key: &str) -> Result<Found, StoreError> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.key("key_hash", text(hashed(key))).send().await.map_err(StoreError::of)?;
        let Some(item) = answer.item else { return Ok(Found::Nothing) };
        Ok(read(item).map_or(Found::Unreadable, |key| Found::Key(Box::new(key))))
    }

    /// Writes a key over whatever is stored under its hash: for keys that the sandbox's
    /// environment names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, key: &TenantKey) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(to_item(key)?));
        put.send().await.map_err(StoreError::of)?;
        Ok(())
    }

    /// Adds a new key. A refusal by our own first try is no refusal.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be there.
    pub async fn add(&self, key: &TenantKey) -> Result<(), StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(key)?))
            .condition_expression("attribute_not_exists(key_hash)")
            .return_values_on_condition_check_failure(OnRefusal::AllOld);
        let Err(error) = put.send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                let old: TenantKey = from_item(refused.item().cloned().unwrap_or_default())?;
                let taken = || StoreError("another key is stored under this hash".to_owned());
                (old == *key).then_some(()).ok_or_else(taken)
            }
            _ => Err(StoreError::of(error)),
        }
    }

    /// Every key of every tenant, by a scan: an operator asks rarely and the items are few, while
    /// an index by tenant would be one more thing to write, to pay for and to grant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self) -> Result<Listing, StoreError> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true);
        let mut items = scan.into_paginator().items().send();
        let mut listing = Listing::default();
        while let Some(item) = items.next().await {
            listing.take(item.map_err(StoreError::of)?);
        }
        let order = |key: &TenantKey| {
            (key.tenant.as_str().to_owned(), key.created_at.clone(), key.key_id.clone())
        };
        listing.keys.sort_by_cached_key(order);
        Ok(listing)
    }

    /// Revokes a key, now. The first revocation stands. Gives the key as it is then, or `None` when
    /// there is none.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be revoked.
    pub async fn revoke(
        &self,
        key_hash: &str,
        because: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Option<TenantKey>, StoreError> {
        let set = match because {
            Some(_) => "SET revoked_at = :now, revoked_because = :because",
            None => "SET revoked_at = :now",
        };
        let update = self
            .client
            .update_item()
            .update_expression(set)
            .condition_expression("attribute_exists(key_hash) AND attribute_not_exists(revoked_at)")
            .expression_attribute_values(":now", text(iso(now)));
        let update = match because {
            Some(because) => update.expression_attribute_values(":because", text(because)),
            None => update,
        };
        self.change(update, key_hash).await
    }

    /// Lets a key end at `until`, epoch seconds, unless it ends sooner or was revoked: an end is
    /// never put off. Gives the key as it is then, or `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to end.
    pub async fn end(&self, key_hash: &str, until: i64) -> Result<Option<TenantKey>, StoreError> {
        let update = self
            .client
            .update_item()
            .update_expression("SET valid_until = :until")
            .condition_expression(
                "attribute_exists(key_hash) AND attribute_not_exists(revoked_at) \
                 AND (attribute_not_exists(valid_until) OR valid_until > :until)",
            )
            .expression_attribute_values(":until", number(until));
        self.change(update, key_hash).await
    }

    /// Makes a conditional change. A refused one was made before, or met a key that is gone.
    async fn change(
        &self,
        update: UpdateItemFluentBuilder,
        key_hash: &str,
    ) -> Result<Option<TenantKey>, StoreError> {
        let update = update
            .table_name(&self.table)
            .key("key_hash", text(key_hash))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnRefusal::AllOld);
        let item = match update.send().await {
            Ok(done) => done.attributes,
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    refused.item().cloned()
                }
                _ => return Err(StoreError::of(error)),
            },
        };
        Ok(item.filter(|item| !item.is_empty()).map(from_item).transpose()?)
    }
}

impl Listing {
    fn take(&mut self, item: Item) {
        let hash = item.get("key_hash").and_then(|hash| hash.as_s().ok()).cloned();
        match read(item) {
            Some(key) => self.keys.push(key),
            None => self.unreadable.push(key_id(&hash.unwrap_or_default()).to_owned()),
        }
    }
}

/// A key, unless the item has another shape. One under a name that is not its own could be neither
/// logged nor revoked by it.
fn read(item: Item) -> Option<TenantKey> {
    from_item(item).ok().filter(|key: &TenantKey| key.key_id == key_id(&key.key_hash))
}
