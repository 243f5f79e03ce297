//! A tenant's list of purchases.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::from_item;
use time::OffsetDateTime;

use super::by_state::state_key;
use super::{Purchases, unreadable};
use crate::domain::ids::TenantId;
use crate::domain::purchase::{PhoneKey, Purchase, State};
use crate::domain::time::to_iso;
use crate::store::conditional::Item;
use crate::store::table::pause_before_more;
use crate::store::{StoreError, last_key, text};

/// Which of its purchases a tenant asks for. Each is optional.
#[derive(Debug, Default)]
pub struct Filters {
    /// In this state.
    pub state: Option<State>,
    /// Of this service.
    pub service_id: Option<&'static str>,
    /// For this number.
    pub phone: Option<PhoneKey>,
    /// Made at this time or later, in whole milliseconds.
    pub from: Option<OffsetDateTime>,
    /// Made before this time, in whole milliseconds.
    pub to: Option<OffsetDateTime>,
}

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
pub(super) const BATCH: usize = 100;
/// How many batches one query may take while DynamoDB leaves items unread.
const MAX_BATCHES: usize = 5;

/// The index that a list is read from. All are sorted by `listed`.
struct Index {
    name: &'static str,
    /// Its partition key, and the value for this list.
    key: (&'static str, String),
    /// The state that is compared in the index, because the key does not hold it.
    state: Option<State>,
    /// Whether the state is compared in the table, because the index does not hold it.
    reads_more: bool,
}

impl Purchases {
    /// A tenant's purchases, newest first, at most `limit`, after `after`; only those that `filters` ask
    /// for. The index says which they are, eventually consistently; each is shown as it is in the
    /// table. A page of a rare state may hold fewer than `limit`; the next one continues there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(
        &self,
        tenant: &TenantId,
        filters: &Filters,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page, StoreError> {
        let index = self.index(tenant, filters).await?;
        let (mut purchases, mut next) = (Vec::new(), after.map(str::to_owned));
        for _ in 0..MAX_QUERIES {
            let left = limit - purchases.len();
            let (mut listed, last) = self.query(&index, filters, left, next.as_deref()).await?;
            next = last;
            if listed.len() > left && !index.reads_more {
                listed.truncate(left);
                next = listed.last().cloned();
            }
            let mut found = self.batch(&listed).await?;
            let ids = listed.iter().filter_map(|listed| Some(listed.rsplit_once('#')?.1));
            let read = ids.filter_map(|id| readable(found.remove(id)?));
            purchases.extend(read.filter(|it| it.tenant == *tenant && filters.hold(it)));
            if purchases.len() > limit {
                purchases.truncate(limit);
                next = purchases.last().map(|last| last.listed.clone());
            }
            if purchases.len() == limit || next.is_none() {
                break;
            }
        }
        Ok(Page { purchases, next })
    }

    /// The index in which the fewest purchases have to be read.
    async fn index(&self, tenant: &TenantId, filters: &Filters) -> Result<Index, StoreError> {
        let state = filters.state;
        if let Some(phone) = &filters.phone {
            let key = ("phone_key", phone.as_str().to_owned());
            return Ok(Index { name: "by_phone", key, state: None, reads_more: state.is_some() });
        }
        if let Some(key) = state.and_then(|state| state_key(tenant, state))
            && self.masking_pass().await?.placed_at.is_some()
        {
            let key = ("tenant_state", key);
            return Ok(Index { name: "by_state", key, state: None, reads_more: false });
        }
        let key = ("tenant", tenant.as_str().to_owned());
        Ok(Index { name: BY_TENANT, key, state, reads_more: false })
    }

    /// One query of the list: what it found, and where it stopped unless that was the end. Each is
    /// given by its `listed`.
    async fn query(
        &self,
        index: &Index,
        filters: &Filters,
        limit: usize,
        after: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), StoreError> {
        let (from, to) = (filters.from.map(to_iso), filters.to.map(to_iso));
        // DynamoDB refuses a start outside the times that are asked for.
        if after.zip(from.as_deref()).is_some_and(|(after, from)| after < from) {
            return Ok((Vec::new(), None));
        }
        let after = after.filter(|after| to.as_deref().is_none_or(|to| *after < to));
        let size = match (index.reads_more, index.state, filters.service_id) {
            (true, ..) => BATCH,
            (false, None, None) => limit,
            (false, ..) => FILTERED_READ,
        };
        let (attribute, key) = &index.key;
        // Every `listed` has an id behind its time, so none is equal to a bound.
        let range = match (&from, &to) {
            (Some(_), Some(_)) => " AND listed BETWEEN :from AND :to",
            (Some(_), None) => " AND listed >= :from",
            (None, Some(_)) => " AND listed < :to",
            (None, None) => "",
        };
        let mut query = self
            .0
            .query()
            .index_name(index.name)
            .key_condition_expression(format!("{attribute} = :key{range}"))
            .expression_attribute_values(":key", text(key))
            .projection_expression("purchase_id, listed")
            .scan_index_forward(false)
            .limit(i32::try_from(size).unwrap_or(i32::MAX))
            .set_exclusive_start_key(after.and_then(|listed| start_key(&index.key, listed)));
        for (name, bound) in [(":from", from), (":to", to)] {
            if let Some(bound) = bound {
                query = query.expression_attribute_values(name, text(bound));
            }
        }
        let mut compared = Vec::new();
        if let Some(state) = index.state {
            compared.push("#state = :state");
            query = query
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":state", text(state.name()));
        }
        if let Some(service) = filters.service_id {
            compared.push("service_id = :service");
            query = query.expression_attribute_values(":service", text(service));
        }
        if !compared.is_empty() {
            query = query.filter_expression(compared.join(" AND "));
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
        for tries in 0..MAX_BATCHES {
            let (batch, rest) = keys.split_at(keys.len().min(BATCH));
            if batch.is_empty() {
                return Ok(found);
            }
            let (read, mut unread) = self.0.batch(batch.to_vec()).await?;
            if !unread.is_empty() {
                pause_before_more(tries).await;
            }
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

/// The index key of a `listed`, under the list's own key.
fn start_key(
    (attribute, key): &(&'static str, String),
    listed: &str,
) -> Option<HashMap<String, AttributeValue>> {
    let (_, purchase_id) = listed.rsplit_once('#')?;
    Some(HashMap::from([
        ((*attribute).to_owned(), text(key)),
        ("listed".to_owned(), text(listed)),
        ("purchase_id".to_owned(), text(purchase_id)),
    ]))
}

impl Filters {
    /// Whether a purchase is still one that is asked for: an index may be a moment behind.
    fn hold(&self, purchase: &Purchase) -> bool {
        self.state.is_none_or(|state| state == purchase.state)
            && self.service_id.is_none_or(|service| service == purchase.service_id)
            && self.phone.as_ref().is_none_or(|phone| purchase.phone_key.as_ref() == Some(phone))
    }
}
