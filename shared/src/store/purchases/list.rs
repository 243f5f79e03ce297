//! A tenant's list of purchases.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::from_item;

use super::Purchases;
use crate::domain::ids::TenantId;
use crate::domain::purchase::{Purchase, State};
use crate::platform::telemetry::alarm::Alarm;
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
const BY_TENANT: &str = "by_tenant";

impl Purchases {
    /// A tenant's purchases, newest first, at most `limit`, after `after`; of one state only, if
    /// given. Eventually consistent. A page of a rare state may hold fewer than `limit`; the next
    /// one continues there.
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
        let mut page = Page { purchases: Vec::new(), next: after.map(str::to_owned) };
        for _ in 0..MAX_QUERIES {
            let (found, last) = self.query(tenant, state, limit, page.next.as_deref()).await?;
            page.next = last;
            for purchase in found {
                page.purchases.push(purchase);
                if page.purchases.len() == limit {
                    page.next = page.purchases.last().map(|last| last.listed.clone());
                    return Ok(page);
                }
            }
            if page.next.is_none() {
                break;
            }
        }
        Ok(page)
    }

    /// One query of the list: what it found, and where it stopped unless that was the end.
    async fn query(
        &self,
        tenant: &TenantId,
        state: Option<State>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<(Vec<Purchase>, Option<String>), StoreError> {
        let size = if state.is_some() { FILTERED_READ } else { limit };
        let mut query = self
            .0
            .query()
            .index_name(BY_TENANT)
            .key_condition_expression("tenant = :tenant")
            .expression_attribute_values(":tenant", text(tenant.as_str()))
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
        let found = items.into_iter().filter_map(readable).collect();
        Ok((found, last_key(answer.last_evaluated_key, "listed")))
    }
}

/// A purchase, unless this version cannot read it. One such item must not hide the others.
fn readable(item: Item) -> Option<Purchase> {
    let id = item.get("purchase_id").and_then(|id| id.as_s().ok()).cloned();
    match from_item(item) {
        Ok(purchase) => Some(purchase),
        Err(error) => {
            let alarm = Alarm::UnreadableItem.name();
            tracing::error!(alarm, purchase_id = id, reason = %error, "an item cannot be read");
            None
        }
    }
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
