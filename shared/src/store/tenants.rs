//! The `tenants` table: which tenant an API key belongs to.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use serde_dynamo::{from_item, to_item};
use time::OffsetDateTime;

use super::conditional::{Item, Written, put, update};
use super::{StoreError, number, text};
use crate::domain::api_key::ApiKey;
use crate::domain::ids::KeyId;
use crate::domain::time::{to_iso, to_seconds};
use crate::platform::config::{ConfigError, Vars};
use crate::platform::crypto::hashed;

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
    Key(Box<ApiKey>),
}

/// Everything in the table.
#[derive(Debug, Default)]
pub struct Listing {
    /// The keys, by tenant and age.
    pub keys: Vec<ApiKey>,
    /// The ids of items that this version cannot read.
    pub unreadable: Vec<KeyId>,
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

    /// What is stored of a key. One of the lookups that is by an unguessable id alone.
    ///
    /// # Errors
    /// [`StoreError`]: the caller must then be refused.
    pub async fn by_key(&self, key: &str) -> Result<Found, StoreError> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.key("key_hash", text(hashed(key))).send().await?;
        let Some(item) = answer.item else { return Ok(Found::Nothing) };
        Ok(read(item).map_or(Found::Unreadable, |key| Found::Key(Box::new(key))))
    }

    /// Writes a key over whatever is stored under its hash: for keys that the sandbox's
    /// environment names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, key: &ApiKey) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(to_item(key)?));
        put.send().await?;
        Ok(())
    }

    /// Adds a new key.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be there.
    pub async fn add(&self, key: &ApiKey) -> Result<(), StoreError> {
        let item: Item = to_item(key)?;
        let add = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item.clone()))
            .condition_expression("attribute_not_exists(key_hash)");
        match put(add).await?.or_own(|stored| *stored == item) {
            Written::Done(_) => Ok(()),
            Written::Refused(_) => {
                Err(StoreError::Conflict("another key is stored under this hash"))
            }
        }
    }

    /// Every key of every tenant, by a scan. An operator asks rarely and the items are few; an index
    /// would have to be written, paid for and granted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self) -> Result<Listing, StoreError> {
        let scan = self.client.scan().table_name(&self.table).consistent_read(true);
        let mut items = scan.into_paginator().items().send();
        let mut listing = Listing::default();
        while let Some(item) = items.next().await {
            listing.take(item?);
        }
        let order = |key: &ApiKey| (key.tenant.clone(), key.created_at, key.key_id.clone());
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
    ) -> Result<Option<ApiKey>, StoreError> {
        let set = match because {
            Some(_) => "SET revoked_at = :now, revoked_because = :because",
            None => "SET revoked_at = :now",
        };
        let revoke = self
            .client
            .update_item()
            .update_expression(set)
            .condition_expression("attribute_exists(key_hash) AND attribute_not_exists(revoked_at)")
            .expression_attribute_values(":now", text(to_iso(now)));
        let revoke = match because {
            Some(because) => revoke.expression_attribute_values(":because", text(because)),
            None => revoke,
        };
        self.change(revoke, key_hash).await
    }

    /// Lets a key end at `until`, unless it ends sooner or was revoked. An end is never put off. Gives the key as it is then, or `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to end.
    pub async fn end(
        &self,
        key_hash: &str,
        until: OffsetDateTime,
    ) -> Result<Option<ApiKey>, StoreError> {
        let end = self
            .client
            .update_item()
            .update_expression("SET valid_until = :until")
            .condition_expression(
                "attribute_exists(key_hash) AND attribute_not_exists(revoked_at) \
                 AND (attribute_not_exists(valid_until) OR valid_until > :until)",
            )
            .expression_attribute_values(":until", number(to_seconds(until)));
        self.change(end, key_hash).await
    }

    /// Makes a conditional change. A refused one was made before, or the key is gone.
    async fn change(
        &self,
        change: UpdateItemFluentBuilder,
        key_hash: &str,
    ) -> Result<Option<ApiKey>, StoreError> {
        let change = change.table_name(&self.table).key("key_hash", text(key_hash));
        let item = update(change).await?.into_item();
        Ok(Some(item).filter(|item| !item.is_empty()).map(from_item).transpose()?)
    }
}

impl Listing {
    fn take(&mut self, item: Item) {
        let hash = item.get("key_hash").and_then(|hash| hash.as_s().ok()).cloned();
        match read(item) {
            Some(key) => self.keys.push(key),
            None => self.unreadable.push(KeyId::of_hash(&hash.unwrap_or_default())),
        }
    }
}

/// A key, unless the item has another shape. A key whose id is not that of its hash could not be
/// revoked by its id, so it is not taken.
fn read(item: Item) -> Option<ApiKey> {
    from_item(item).ok().filter(|key: &ApiKey| key.key_id == KeyId::of_hash(&key.key_hash))
}
