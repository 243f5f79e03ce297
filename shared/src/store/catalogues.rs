//! The cache of the providers' catalogues, in the `purchases` table under ids that no purchase can
//! have: shared by all instances, and dropped for all of them when the provider says so.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use serde::{Deserialize, Serialize};
use serde_dynamo::{from_item, to_item};
use time::{Duration, OffsetDateTime};

use super::{StoreError, number, text};
use crate::config::{ConfigError, Vars};
use crate::purchase::to_ms;
use crate::vtpass::Catalogue;
use crate::world::epoch;

/// How long a catalogue is believed. Short: a price that changed meanwhile needs a person.
const LIFETIME: Duration = Duration::minutes(5);
/// A catalogue younger than this is not dropped: the word to drop it is unsigned.
const YOUNGEST: Duration = Duration::seconds(30);

/// The cache.
#[derive(Debug, Clone)]
pub struct Catalogues {
    client: Client,
    table: String,
}

#[derive(Serialize, Deserialize)]
struct Cached {
    purchase_id: String,
    catalogue: Catalogue,
    fetched_ms: i64,
    /// DynamoDB's broom.
    expires_at: i64,
}

impl Catalogues {
    /// The table named by `PURCHASES_TABLE`.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing.
    pub fn from_vars(vars: &Vars, dynamodb: &Client) -> Result<Self, ConfigError> {
        let table = vars.required("PURCHASES_TABLE")?.to_owned();
        Ok(Self { client: dynamodb.clone(), table })
    }

    /// The catalogue of a service, if a fresh one is there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        service_id: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Catalogue>, StoreError> {
        let get = self.client.get_item().table_name(&self.table);
        let get = get.key("purchase_id", text(key(service_id))).consistent_read(true);
        let answer = get.send().await.map_err(StoreError::of)?;
        // What an older version wrote is as good as absent.
        let cached: Option<Cached> = answer.item.and_then(|item| from_item(item).ok());
        let fresh = cached.filter(|it| it.fetched_ms > to_ms(now - LIFETIME));
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
            fetched_ms: to_ms(now),
            expires_at: epoch(now + LIFETIME),
        };
        let put = self.client.put_item().table_name(&self.table).set_item(Some(to_item(cached)?));
        put.send().await.map_err(StoreError::of)?;
        Ok(())
    }

    /// Drops a catalogue, unless it was fetched just now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn drop(&self, service_id: &str, now: OffsetDateTime) -> Result<(), StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("purchase_id", text(key(service_id)))
            .condition_expression("fetched_ms <= :before")
            .expression_attribute_values(":before", number(to_ms(now - YOUNGEST)));
        match delete.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(StoreError::of(error)),
            },
        }
    }
}

fn key(service_id: &str) -> String {
    format!("catalogue#{service_id}")
}
