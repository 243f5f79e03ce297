//! The cache of the providers' catalogues, in the `purchases` table under ids that no purchase can
//! have. All instances share it, and drop it when VTpass reports a change.

use serde::{Deserialize, Serialize};
use serde_dynamo::from_item;
use time::{Duration, OffsetDateTime};

use super::conditional::delete;
use super::table::table;
use super::{StoreError, number};
use crate::domain::catalogue::Catalogue;
use crate::domain::time::{epoch_ms, epoch_seconds, to_ms};

/// How long a catalogue is used. Short, because an order at an outdated price needs a person.
const LIFETIME: Duration = Duration::minutes(5);
/// A catalogue younger than this is not dropped, because the webhook that asks for it is unsigned.
const YOUNGEST: Duration = Duration::seconds(30);

table! {
    /// The cache.
    Catalogues, "PURCHASES_TABLE"
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
}

impl Catalogues {
    /// The catalogue of a service, if a fresh one is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        service_id: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Catalogue>, StoreError> {
        let item = self.0.get([("purchase_id", &*key(service_id))]).await?;
        // An item of another shape is taken for absent.
        let cached: Option<Cached> = item.and_then(|item| from_item(item).ok());
        let fresh = cached.filter(|it| it.fetched_at > now - LIFETIME);
        Ok(fresh.map(|it| it.catalogue))
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
        };
        self.0.put(cached)?.send().await?;
        Ok(())
    }

    /// Drops a catalogue, unless it was fetched just now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn drop(&self, service_id: &str, now: OffsetDateTime) -> Result<(), StoreError> {
        let drop = self
            .0
            .delete("purchase_id", &key(service_id))
            .condition_expression("fetched_ms <= :before")
            .expression_attribute_values(":before", number(to_ms(now - YOUNGEST)));
        delete(drop).await?;
        Ok(())
    }
}

fn key(service_id: &str) -> String {
    format!("catalogue#{service_id}")
}
