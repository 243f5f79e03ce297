//! A caller's list of purchases.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::from_item;

use super::Purchases;
use crate::purchase::{Purchase, State};
use crate::store::{StoreError, Tenant, last_key, text};

/// One page of a caller's list.
#[derive(Debug)]
pub struct Page {
    /// Newest first, without their histories.
    pub purchases: Vec<Purchase>,
    /// Where the next page begins: the `listed` of the last one looked at.
    pub next: Option<String>,
}

/// How many purchases one query of a filtered list looks at.
const FILTERED_LOOK: usize = 200;
/// How many queries one page may take: what a request has time for.
const MAX_LOOKS: usize = 10;
/// The index of a caller's purchases.
const BY_TENANT: &str = "by_tenant";

impl Purchases {
    /// A caller's purchases, newest first, `limit` at most, from behind `after`; of one state only,
    /// if given. Eventually consistent. A state that is rare may end a page early: the next one goes
    /// on from there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(
        &self,
        tenant: &Tenant,
        state: Option<State>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page, StoreError> {
        let mut page = Page { purchases: Vec::new(), next: after.map(str::to_owned) };
        for _ in 0..MAX_LOOKS {
            let (found, last) = self.look(tenant, state, limit, page.next.as_deref()).await?;
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
    async fn look(
        &self,
        tenant: &Tenant,
        state: Option<State>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<(Vec<Purchase>, Option<String>), StoreError> {
        let size = if state.is_some() { FILTERED_LOOK } else { limit };
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
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
                .expression_attribute_values(":state", text(state.as_str()));
        }
        let answer = query.send().await.map_err(StoreError::of)?;
        let found = answer.items.unwrap_or_default().into_iter().map(from_item);
        let found = found.collect::<Result<Vec<Purchase>, _>>()?;
        Ok((found, last_key(answer.last_evaluated_key, "listed")))
    }
}

/// The index key of a `listed`: what it was made of, under the caller's own tenant.
fn start_key(tenant: &Tenant, listed: &str) -> Option<HashMap<String, AttributeValue>> {
    let (_, purchase_id) = listed.rsplit_once('#')?;
    Some(HashMap::from([
        ("tenant".to_owned(), text(tenant.as_str())),
        ("listed".to_owned(), text(listed)),
        ("purchase_id".to_owned(), text(purchase_id)),
    ]))
}
