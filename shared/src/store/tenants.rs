//! The `tenants` table: which tenant an API key belongs to.

use serde::{Deserialize, Serialize};
use serde_dynamo::{from_item, to_item};
use time::OffsetDateTime;

use super::{StoreError, Tenant, text};
use crate::aws;
use crate::config::{ConfigError, Vars};
use crate::secret::hashed;
use crate::world::{World, iso};

/// The `tenants` table.
#[derive(Debug, Clone)]
pub struct Tenants {
    client: aws_sdk_dynamodb::Client,
    table: String,
}

/// An API key as it is stored: by its hash, with the tenant it speaks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TenantKey {
    /// SHA-256 of the key: the partition key.
    pub key_hash: String,
    /// The tenant.
    pub tenant: Tenant,
    /// A revoked key opens nothing.
    pub revoked: bool,
    /// When the key was made, ISO 8601.
    pub created_at: String,
}

impl Tenants {
    /// The table named by `TENANTS_TABLE`.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing.
    pub fn from_vars(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let table = vars.required("TENANTS_TABLE")?.to_owned();
        Ok(Self { client: aws::dynamodb(vars, world)?, table })
    }

    /// The tenant a key speaks for, or `None` when the key is unknown or revoked. One of the
    /// lookups that is by an unguessable id alone.
    ///
    /// # Errors
    /// [`StoreError`]: the caller must then be refused.
    pub async fn by_key(&self, key: &str) -> Result<Option<Tenant>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.key("key_hash", text(hashed(key))).send().await.map_err(StoreError::of)?;
        let Some(item) = answer.item else { return Ok(None) };
        let found: TenantKey = from_item(item)?;
        Ok((!found.revoked).then_some(found.tenant))
    }

    /// Records a key of a tenant. Only its hash is written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put_key(
        &self,
        key: &str,
        tenant: &Tenant,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let key_hash = hashed(key);
        let created_at = iso(now);
        let item = TenantKey { key_hash, tenant: tenant.clone(), revoked: false, created_at };
        let put = self.client.put_item().table_name(&self.table).set_item(Some(to_item(item)?));
        put.send().await.map_err(StoreError::of)?;
        Ok(())
    }
}
