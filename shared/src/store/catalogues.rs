//! The cache of the providers' catalogues, in the `purchases` table under ids that no purchase can
//! have. All instances share it. When VTpass reports a change, it is marked as outdated.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use serde_dynamo::from_item;
use time::{Duration, OffsetDateTime};

use super::conditional::update;
use super::table::table;
use super::{StoreError, number};
use crate::domain::catalogue::Catalogue;
use crate::domain::time::{epoch_ms, epoch_seconds, to_ms};
use crate::platform::environment::Random;

/// How long a catalogue is used. Short, because an order at an outdated price needs a person.
const LIFETIME: Duration = Duration::minutes(5);
/// Within so long before its end a catalogue is renewed by chance, so that not all orders of the moment at
/// which it ends renew it.
const RENEWAL: std::time::Duration = std::time::Duration::from_secs(60);
/// A catalogue younger than this is not marked, because the webhook that reports the change is unsigned:
/// so strangers cannot make us fetch more often.
const YOUNGEST: Duration = Duration::minutes(2);

table! {
    /// The cache.
    Catalogues, "PURCHASES_TABLE"
}

/// A catalogue in the cache.
#[derive(Debug)]
pub struct CachedCatalogue {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// Whether a change was reported since it was fetched, or its end is near. It is still used where VTpass
    /// gives no other.
    pub outdated: bool,
}

#[derive(Serialize, Deserialize)]
struct Cached {
    purchase_id: String,
    catalogue: Catalogue,
    #[serde(rename = "fetched_ms", with = "epoch_ms")]
    fetched_at: OffsetDateTime,
    /// For DynamoDB's TTL.
    #[serde(with = "epoch_seconds")]
    expires_at: OffsetDateTime,
    /// Whether a change was reported. Older versions ignore it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    outdated: bool,
}

impl Catalogues {
    /// The catalogue of a service, if one is there that is not too old.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        service_id: &str,
        now: OffsetDateTime,
        random: &Random,
    ) -> Result<Option<CachedCatalogue>, StoreError> {
        let item = self.0.get([("purchase_id", &*key(service_id))]).await?;
        // An item of another shape is taken for absent.
        let cached: Option<Cached> = item.and_then(|item| from_item(item).ok());
        let fresh = cached.filter(|it| it.fetched_at > now - LIFETIME);
        Ok(fresh.map(|it| {
            let is_renewed = it.fetched_at + LIFETIME - random.part_of(RENEWAL) < now;
            CachedCatalogue { catalogue: it.catalogue, outdated: it.outdated || is_renewed }
        }))
    }

    /// Keeps a catalogue.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, catalogue: &Catalogue, now: OffsetDateTime) -> Result<(), StoreError> {
        let cached = Cached {
            purchase_id: key(&catalogue.service_id),
            catalogue: catalogue.clone(),
            fetched_at: now,
            expires_at: now + LIFETIME,
            outdated: false,
        };
        self.0.put(cached)?.send().await?;
        Ok(())
    }

    /// Marks a catalogue as outdated, unless it was fetched lately or there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn mark(&self, service_id: &str, now: OffsetDateTime) -> Result<(), StoreError> {
        let mark = self
            .0
            .update([("purchase_id", &*key(service_id))])
            .update_expression("SET outdated = :yes")
            .condition_expression("fetched_ms <= :before")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":before", number(to_ms(now - YOUNGEST)));
        update(mark).await?;
        Ok(())
    }
}

fn key(service_id: &str) -> String {
    format!("catalogue#{service_id}")
}
