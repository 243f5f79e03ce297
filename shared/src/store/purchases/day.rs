//! The purchases that a day's report is about.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::Purchases;
use super::list::{BATCH, BY_TENANT, readable};
use crate::domain::ids::TenantId;
use crate::domain::purchase::Purchase;
use crate::domain::time::{to_iso, to_ms};
use crate::store::conditional::Item;
use crate::store::{StoreError, number, text};

/// The index of the purchases that changed on a later day than they were made.
const BY_LATE: &str = "by_late";
/// How many purchases one query of the index names.
const PAGE: i32 = 1_000;
/// How many batches are read at the same time: a large tenant's day must be counted within one run.
const CONCURRENCY: usize = 3;

/// The purchases to visit.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Made at this time or later.
    pub from: OffsetDateTime,
    /// Made before this time.
    pub to: OffsetDateTime,
    /// And those made earlier that changed on a later day than theirs, at this time or later.
    pub late_from: OffsetDateTime,
    /// When to give up.
    pub until: Instant,
}

impl Purchases {
    /// Visits a tenant's purchases, each as it is in the table. The indexes say which they are,
    /// eventually consistently. Gives how many of them this version cannot read, or `None` if its time was
    /// up before it came to the end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn visit(
        &self,
        visit: Visit<'_>,
        mut each: impl FnMut(&Purchase),
    ) -> Result<Option<u64>, StoreError> {
        let Visit { tenant, from, to, late_from, until } = visit;
        let is_made_between = |it: &Purchase| (from..to).contains(&it.created_at);
        let mut unreadable = BTreeSet::new();
        for is_late in [false, true] {
            let mut next = None;
            loop {
                if Instant::now() >= until {
                    return Ok(None);
                }
                let query = match is_late {
                    true => self.late(tenant, late_from),
                    false => self.made(tenant, from, to),
                };
                let answer = query
                    .projection_expression("purchase_id")
                    .limit(PAGE)
                    .set_exclusive_start_key(next)
                    .send()
                    .await?;
                let page = answer.items.unwrap_or_default();
                let found = self.whole(&page, &mut unreadable).await?;
                let found = found.iter().filter(|it| it.tenant == *tenant);
                found.filter(|it| is_made_between(it) != is_late).for_each(&mut each);
                next = answer.last_evaluated_key;
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(Some(unreadable.len() as u64))
    }

    fn made(
        &self,
        tenant: &TenantId,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.0
            .query()
            .index_name(BY_TENANT)
            .key_condition_expression("tenant = :tenant AND listed BETWEEN :from AND :to")
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .expression_attribute_values(":from", text(to_iso(from)))
            .expression_attribute_values(":to", text(to_iso(to)))
    }

    fn late(
        &self,
        tenant: &TenantId,
        from: OffsetDateTime,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.0
            .query()
            .index_name(BY_LATE)
            .key_condition_expression("tenant = :tenant AND late_ms >= :from")
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .expression_attribute_values(":from", number(to_ms(from)))
    }

    /// The whole items of an index's page, but those that this version cannot read: their ids are added.
    async fn whole(
        &self,
        page: &[Item],
        unreadable: &mut BTreeSet<String>,
    ) -> Result<Vec<Purchase>, StoreError> {
        let ids = page.iter().filter_map(|item| item.get("purchase_id")?.as_s().ok());
        let ids: Vec<String> = ids.map(|id| format!("#{id}")).collect();
        let batches: Vec<Vec<String>> = ids.chunks(BATCH).map(<[String]>::to_vec).collect();
        let batches: Vec<_> = stream::iter(batches)
            .map(|batch| async move { self.batch(&batch).await })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        let mut found: Vec<_> = batches.into_iter().flatten().collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut purchases = Vec::with_capacity(found.len());
        for (id, item) in found {
            match readable(item) {
                Some(purchase) => purchases.push(purchase),
                None => drop(unreadable.insert(id)),
            }
        }
        Ok(purchases)
    }
}
