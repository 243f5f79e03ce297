//! A tenant's list of purchases.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::from_item;

use super::{Purchases, unreadable};
use crate::domain::ids::TenantId;
use crate::domain::purchase::{Purchase, State};
use crate::store::conditional::Item;
use crate::store::{StoreError, last_key, text};

/// One page of a tenant's list.
#[derive(Debug)]
pub struct Page {
    /// Newest first, without their histories.
    pub purchases: Vec<Purchase>,
    /// Where the next page begins: the `listed` of the last purchase that was read.
    pub next: Option<String>,
}

/// How many purchases one query of a filtered list reads.
const FILTERED_READ: usize = 200;
/// How many queries one page may take, because a request has little time.
const MAX_QUERIES: usize = 10;
/// The index of a tenant's purchases.
pub(super) const BY_TENANT: &str = "by_tenant";

/// How many items one batch reads: DynamoDB's limit.
const BATCH: usize = 100;
/// How many batches a page may take while DynamoDB leaves items unread.
const MAX_BATCHES: usize = 5;

impl Purchases {
    /// A tenant's purchases, newest first, at most `limit`, after `after`; of one state only, if
    /// given. The index says which they are, eventually consistently; each is shown as it is in the
    /// table. A page of a rare state may hold fewer than `limit`; the next one continues there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(
        &self,
        tenant: &TenantId,
        state: Option<State>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page, StoreError> {
        let (mut listed, mut next) = (Vec::new(), after.map(str::to_owned));
        for _ in 0..MAX_QUERIES {
            let (found, last) = self.query(tenant, state, limit, next.as_deref()).await?;
            listed.extend(found);
            next = last;
            if listed.len() >= limit {
                let more = listed.len() > limit || next.is_some();
                listed.truncate(limit);
                next = listed.last().filter(|_| more).cloned();
                break;
            }
            if next.is_none() {
                break;
            }
        }
        let mut found = self.batch(&listed).await?;
        let ids = listed.iter().filter_map(|listed| Some(listed.rsplit_once('#')?.1));
        let purchases = ids.filter_map(|id| readable(found.remove(id)?));
        let wanted = |it: &Purchase| it.tenant == *tenant && state.is_none_or(|s| s == it.state);
        Ok(Page { purchases: purchases.filter(wanted).collect(), next })
    }

    /// One query of the list: what it found, and where it stopped unless that was the end. Each is
    /// given by its `listed`.
    async fn query(
        &self,
        tenant: &TenantId,
        state: Option<State>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), StoreError> {
        let size = if state.is_some() { FILTERED_READ } else { limit };
        let mut query = self
            .0
            .query()
            .index_name(BY_TENANT)
            .key_condition_expression("tenant = :tenant")
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .projection_expression("purchase_id, listed")
            .scan_index_forward(false)
            .limit(i32::try_from(size).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.and_then(|listed| start_key(tenant, listed)));
        if let Some(state) = state {
            query = query
                .filter_expression("#state = :state")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":state", text(state.name()));
        }
        let answer = query.send().await?;
        let items = answer.items.unwrap_or_default();
        let found = items.iter().filter_map(|item| item.get("listed")?.as_s().ok().cloned());
        Ok((found.collect(), last_key(answer.last_evaluated_key, "listed")))
    }

    /// The items of a page, by their ids. DynamoDB may leave some unread when it is busy.
    pub(super) async fn batch(
        &self,
        listed: &[String],
    ) -> Result<HashMap<String, Item>, StoreError> {
        let ids = listed.iter().filter_map(|listed| Some(listed.rsplit_once('#')?.1));
        let mut keys: Vec<Item> =
            ids.map(|id| [("purchase_id".to_owned(), text(id))].into()).collect();
        let mut found = HashMap::new();
        for _ in 0..MAX_BATCHES {
            let (batch, rest) = keys.split_at(keys.len().min(BATCH));
            if batch.is_empty() {
                return Ok(found);
            }
            let (read, mut unread) = self.0.batch(batch.to_vec()).await?;
            unread.extend_from_slice(rest);
            keys = unread;
            found.extend(read.into_iter().filter_map(|item| {
                let id = item.get("purchase_id")?.as_s().ok()?.clone();
                Some((id, item))
            }));
        }
        match keys.is_empty() {
            true => Ok(found),
            false => Err(StoreError::Unavailable("the list cannot be read whole".to_owned())),
        }
    }
}

/// A purchase, unless this version cannot read it. One such item must not hide the others.
pub(super) fn readable(item: Item) -> Option<Purchase> {
    let id = item.get("purchase_id").and_then(|id| id.as_s().ok()).cloned();
    from_item(item).inspect_err(|error| unreadable(id.as_deref(), error)).ok()
}

/// The index key of a `listed`, under the tenant's own id.
fn start_key(tenant: &TenantId, listed: &str) -> Option<HashMap<String, AttributeValue>> {
    let (_, purchase_id) = listed.rsplit_once('#')?;
    Some(HashMap::from([
        ("tenant".to_owned(), text(tenant.as_str())),
        ("listed".to_owned(), text(listed)),
        ("purchase_id".to_owned(), text(purchase_id)),
    ]))
}
