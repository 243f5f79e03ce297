//! The `webhook_deliveries` table: what became of each event at each endpoint, for 30 days.
//!
//! Partition key `endpoint_id`, sort key `event_id`, TTL `expires_at`. The index `by_time` lists an
//! endpoint's own, by `listed`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::{from_item, to_item};
use time::OffsetDateTime;

use super::conditional::{Item, assign, update};
use super::table::table;
use super::{StoreError, last_key, number, text};
use crate::domain::ids::{EndpointId, EventId};
use crate::domain::webhook::{Delivery, Dispatch};

table! {
    /// The `webhook_deliveries` table.
    Deliveries, "WEBHOOK_DELIVERIES_TABLE"
}

/// The index of an endpoint's deliveries.
const BY_TIME: &str = "by_time";

/// One page of an endpoint's deliveries.
#[derive(Debug)]
pub struct DeliveryPage {
    /// Newest first.
    pub deliveries: Vec<Delivery>,
    /// Where the next page begins: the `listed` of the last one that was read.
    pub next: Option<String>,
}

impl Deliveries {
    /// A delivery, read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        endpoint: &EndpointId,
        event: &EventId,
        now: OffsetDateTime,
    ) -> Result<Option<Delivery>, StoreError> {
        let item = self.0.get(key(endpoint, event)).await?;
        let delivery: Option<Delivery> = item.map(from_item).transpose()?;
        Ok(delivery.filter(|delivery| delivery.expires_at > now))
    }

    /// Records the attempt that `job` asked for, unless another one was recorded for the same step.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known whether it is recorded.
    pub async fn record(
        &self,
        before: Option<&Delivery>,
        after: &Delivery,
        job: &Dispatch,
    ) -> Result<(), StoreError> {
        let before: Item = before.map(to_item).transpose()?.unwrap_or_default();
        let key = key(&after.endpoint_id, &after.event_id);
        let record = assign(self.0.update(key), key, &before, to_item(after)?)
            .condition_expression(
                "attribute_not_exists(event_id) OR series <> :series OR step <= :step",
            )
            .expression_attribute_values(":series", text(job.series.as_str()))
            .expression_attribute_values(":step", number(job.step));
        update(record).await?;
        Ok(())
    }

    /// An endpoint's deliveries, newest first, at most `limit`, after `after`, eventually consistently.
    /// The caller knows that the endpoint is the tenant's own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(
        &self,
        endpoint: &EndpointId,
        limit: usize,
        after: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<DeliveryPage, StoreError> {
        let query = self
            .0
            .query()
            .index_name(BY_TIME)
            .key_condition_expression("endpoint_id = :endpoint")
            .expression_attribute_values(":endpoint", text(endpoint.as_str()))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.and_then(|listed| start_key(endpoint, listed)));
        let answer = query.send().await?;
        let items = answer.items.unwrap_or_default();
        let deliveries: Result<Vec<Delivery>, _> = items.into_iter().map(from_item).collect();
        let mut deliveries = deliveries?;
        deliveries.retain(|delivery| delivery.expires_at > now);
        Ok(DeliveryPage { deliveries, next: last_key(answer.last_evaluated_key, "listed") })
    }
}

fn key<'a>(endpoint: &'a EndpointId, event: &'a EventId) -> [(&'a str, &'a str); 2] {
    [("endpoint_id", endpoint.as_str()), ("event_id", event.as_str())]
}

/// The index key of a `listed`, under the endpoint's own id.
fn start_key(endpoint: &EndpointId, listed: &str) -> Option<HashMap<String, AttributeValue>> {
    let (_, event_id) = listed.rsplit_once('#')?;
    Some(HashMap::from([
        ("endpoint_id".to_owned(), text(endpoint.as_str())),
        ("listed".to_owned(), text(listed)),
        ("event_id".to_owned(), text(event_id)),
    ]))
}
