//! The `tenants` table: which tenant an API key belongs to.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::{from_item, to_item};
use time::OffsetDateTime;

use super::conditional::{Item, Written, put, read, update};
use super::table::table;
use super::{StoreError, number, text, whole};
use crate::domain::api_key::ApiKey;
use crate::domain::ids::{KeyId, TenantId};
use crate::domain::spending::OwnMoneyLimits;
use crate::domain::time::{to_iso, to_seconds};
use crate::platform::crypto::hashed;

table! {
    /// The `tenants` table.
    Tenants, "TENANTS_TABLE"
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
    /// The items that this version cannot read.
    pub unreadable: Vec<UnreadableKey>,
}

/// A key whose item this version cannot read: a newer one wrote it, and was rolled back. It opens nothing
/// until that version is back.
#[derive(Debug)]
pub struct UnreadableKey {
    /// Its id.
    pub key_id: KeyId,
    /// Whose it is, if that can be read.
    pub tenant: Option<TenantId>,
    key_hash: String,
}

impl Tenants {
    /// What is stored of a key. One of the lookups that is by an unguessable id alone.
    ///
    /// # Errors
    /// [`StoreError`]: the caller must then be refused.
    pub async fn by_key(&self, key: &str) -> Result<Found, StoreError> {
        let item = self.0.get([("key_hash", &*hashed(key))]).await?;
        let Some(item) = item else { return Ok(Found::Nothing) };
        Ok(readable(item).map_or(Found::Unreadable, |key| Found::Key(Box::new(key))))
    }

    /// Writes a key over whatever is stored under its hash: for keys that the sandbox's
    /// environment names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.0.put(key)?.send().await?;
        Ok(())
    }

    /// Adds a new key.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be there.
    pub async fn add(&self, key: &ApiKey) -> Result<(), StoreError> {
        let item: Item = to_item(key)?;
        let add = self.0.put(key)?.condition_expression("attribute_not_exists(key_hash)");
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
        let scan = self.0.scan().consistent_read(true);
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
            .0
            .update([("key_hash", key_hash)])
            .update_expression(set)
            .condition_expression("attribute_exists(key_hash) AND attribute_not_exists(revoked_at)")
            .expression_attribute_values(":now", text(to_iso(now)));
        let revoke = match because {
            Some(because) => revoke.expression_attribute_values(":because", text(because)),
            None => revoke,
        };
        read(update(revoke).await?.into_item())
    }

    /// The same for a key that this version cannot read.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be revoked.
    pub async fn revoke_unreadable(
        &self,
        key: &UnreadableKey,
        because: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        match self.revoke(&key.key_hash, because, now).await {
            // It is written, and only what it has become cannot be read.
            Ok(_) | Err(StoreError::Unreadable(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sets the money limits of a key's tenant; each key of a tenant has the same. A repeat is harmless.
    ///
    /// # Errors
    /// [`StoreError`] when they are not known to be set.
    pub async fn set_money_limits(
        &self,
        key_hash: &str,
        limits: OwnMoneyLimits,
    ) -> Result<(), StoreError> {
        let spend = limits.spend_limit.map(text);
        let largest = limits.largest_order_kobo.map(|kobo| whole(kobo.kobo()));
        self.set(key_hash, &[("spend_limit", spend), ("largest_order_kobo", largest)]).await
    }

    /// Sets what a key may do, from where, and until when, as it stands in `key`. A repeat is harmless.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be set.
    pub async fn set_access(&self, key: &ApiKey) -> Result<(), StoreError> {
        let scopes = key.scopes.clone().map(text);
        let networks = key.networks.clone().map(text);
        let until = key.valid_until.map(|until| number(to_seconds(until)));
        let values = [("scopes", scopes), ("networks", networks), ("valid_until", until)];
        self.set(&key.key_hash, &values).await
    }

    /// Sets attributes of a key, and removes those without a value.
    async fn set(
        &self,
        key_hash: &str,
        values: &[(&str, Option<AttributeValue>)],
    ) -> Result<(), StoreError> {
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        let mut change = self.0.update([("key_hash", key_hash)]);
        for (name, value) in values {
            match value {
                Some(value) => {
                    set.push(format!("{name} = :{name}"));
                    change = change.expression_attribute_values(format!(":{name}"), value.clone());
                }
                None => remove.push(*name),
            }
        }
        let parts = [("SET", set.join(", ")), ("REMOVE", remove.join(", "))];
        let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
        let parts: Vec<_> = parts.map(|(verb, names)| format!("{verb} {names}")).collect();
        let change = change
            .update_expression(parts.join(" "))
            .condition_expression("attribute_exists(key_hash)");
        match update(change).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(_) => Err(StoreError::Conflict("the key is gone")),
        }
    }

    /// Lets a key end at `until`, unless it ends sooner or was revoked. An end is never put off.
    /// Gives the key as it is then, or `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to end.
    pub async fn end(
        &self,
        key_hash: &str,
        until: OffsetDateTime,
    ) -> Result<Option<ApiKey>, StoreError> {
        let end = self
            .0
            .update([("key_hash", key_hash)])
            .update_expression("SET valid_until = :until")
            .condition_expression(
                "attribute_exists(key_hash) AND attribute_not_exists(revoked_at) \
                 AND (attribute_not_exists(valid_until) OR valid_until > :until)",
            )
            .expression_attribute_values(":until", number(to_seconds(until)));
        read(update(end).await?.into_item())
    }
}

impl Listing {
    /// Every tenant that ever had a key, also one that cannot be read.
    pub fn tenants(&self) -> BTreeSet<TenantId> {
        let readable = self.keys.iter().map(|key| &key.tenant);
        readable
            .chain(self.unreadable.iter().filter_map(|key| key.tenant.as_ref()))
            .cloned()
            .collect()
    }

    fn take(&mut self, item: Item) {
        let text = |name| item.get(name).and_then(|it| it.as_s().ok()).cloned();
        let key_hash = text("key_hash").unwrap_or_default();
        let tenant = text("tenant").and_then(|tenant| TenantId::parse(&tenant));
        match readable(item) {
            Some(key) => self.keys.push(key),
            None => {
                let key_id = KeyId::of_hash(&key_hash);
                self.unreadable.push(UnreadableKey { key_id, tenant, key_hash });
            }
        }
    }
}

/// A key, unless the item has another shape. A key whose id is not that of its hash could not be
/// revoked by its id, so it is not taken.
fn readable(item: Item) -> Option<ApiKey> {
    from_item(item).ok().filter(|key: &ApiKey| key.key_id == KeyId::of_hash(&key.key_hash))
}
