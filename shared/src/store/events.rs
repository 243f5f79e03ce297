//! The `events` table: what tenants are told, for 30 days.
//!
//! Partition key `tenant`, sort key `event_id`, TTL `expires_at`. The index `by_time` lists a tenant's
//! own, by `listed`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::from_item;
use time::OffsetDateTime;

use super::conditional::{Item, put};
use super::error::without_values;
use super::table::table;
use super::{StoreError, last_key, text};
use crate::domain::event::{Event, EventType};
use crate::domain::ids::{EventId, TenantId};
use crate::domain::time::to_iso;
use crate::platform::telemetry::alarm::Alarm;

table! {
    /// The `events` table.
    Events, "EVENTS_TABLE"
}

/// The index of a tenant's events.
const BY_TIME: &str = "by_time";
/// How many events one query of a filtered list reads.
const FILTERED_READ: usize = 200;
/// How many queries one page may take, because a request has little time.
const MAX_QUERIES: usize = 10;

/// Which events a list holds.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this type only.
    pub kind: Option<EventType>,
    /// Made at this time or later.
    pub since: Option<OffsetDateTime>,
}

/// One page of a tenant's events.
#[derive(Debug)]
pub struct EventPage {
    /// Newest first.
    pub events: Vec<Event>,
    /// Where the next page begins: the `listed` of the last event that was read.
    pub next: Option<String>,
}

impl Events {
    /// Keeps an event, unless it was made before. Gives whether it is new.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be kept.
    pub async fn keep(&self, event: &Event) -> Result<bool, StoreError> {
        let keep = self.0.put(event)?.condition_expression("attribute_not_exists(event_id)");
        let listed = text(event.listed.as_str());
        Ok(put(keep).await?.or_own(|item| item.get("listed") == Some(&listed)).is_done())
    }

    /// A tenant's event, read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        tenant: &TenantId,
        id: &EventId,
        now: OffsetDateTime,
    ) -> Result<Option<Event>, StoreError> {
        let item = self.0.get([("tenant", tenant.as_str()), ("event_id", id.as_str())]).await?;
        let event: Option<Event> = item.map(from_item).transpose()?;
        Ok(event.filter(|event| event.is_alive(now)))
    }

    /// A tenant's events, newest first, at most `limit`, after `after`, eventually consistently. A page
    /// of a rare type may hold fewer than `limit`; the next one continues there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(
        &self,
        tenant: &TenantId,
        wanted: &Wanted,
        limit: usize,
        after: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<EventPage, StoreError> {
        let (mut events, mut next) = (Vec::new(), after.map(str::to_owned));
        for _ in 0..MAX_QUERIES {
            let (found, last) = self.query(tenant, wanted, limit, next.as_deref()).await?;
            events.extend(found.into_iter().filter(|event: &Event| event.is_alive(now)));
            next = last;
            if events.len() >= limit {
                let more = events.len() > limit || next.is_some();
                events.truncate(limit);
                next = events.last().filter(|_| more).map(|event| event.listed.clone());
                break;
            }
            if next.is_none() {
                break;
            }
        }
        Ok(EventPage { events, next })
    }

    /// One query of the list: what it found, and where it stopped unless that was the end.
    async fn query(
        &self,
        tenant: &TenantId,
        wanted: &Wanted,
        limit: usize,
        after: Option<&str>,
    ) -> Result<(Vec<Event>, Option<String>), StoreError> {
        let size = if wanted.kind.is_some() { FILTERED_READ } else { limit };
        let since = wanted.since.map_or_else(|| "0".to_owned(), to_iso);
        let mut query = self
            .0
            .query()
            .index_name(BY_TIME)
            .key_condition_expression("tenant = :tenant AND listed >= :since")
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .expression_attribute_values(":since", text(since))
            .scan_index_forward(false)
            .limit(i32::try_from(size).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.and_then(|listed| start_key(tenant, listed)));
        if let Some(kind) = &wanted.kind {
            query = query
                .filter_expression("#type = :type")
                .expression_attribute_names("#type", "type")
                .expression_attribute_values(":type", text(kind.to_string()));
        }
        let answer = query.send().await?;
        let items = answer.items.unwrap_or_default();
        let events = items.into_iter().filter_map(readable).collect();
        Ok((events, last_key(answer.last_evaluated_key, "listed")))
    }
}

/// An event, unless this version cannot read it. One such item must not hide the others.
fn readable(item: Item) -> Option<Event> {
    let id = item.get("event_id").and_then(|id| id.as_s().ok()).cloned();
    let logged = |error: &serde_dynamo::Error| {
        let (alarm, reason) = (Alarm::UnreadableItem.name(), without_values(error));
        tracing::error!(alarm, event_id = id, reason, "an event cannot be read");
    };
    from_item(item).inspect_err(logged).ok()
}

/// The index key of a `listed`, under the tenant's own id.
fn start_key(tenant: &TenantId, listed: &str) -> Option<HashMap<String, AttributeValue>> {
    let (_, event_id) = listed.rsplit_once('#')?;
    Some(HashMap::from([
        ("tenant".to_owned(), text(tenant.as_str())),
        ("listed".to_owned(), text(listed)),
        ("event_id".to_owned(), text(event_id)),
    ]))
}
