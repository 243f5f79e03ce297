//! The `purchases` table: the record of every purchase, which is also its idempotency lock.
//!
//! Partition key `purchase_id`. The index `by_tenant` lists a tenant's own, by `listed`, and so do
//! `by_state` and `by_phone` for one state or number; the index `to_reconcile` holds what reconcile must
//! come back to, and `by_late` what changed on a later day than it was made. Items have no TTL: an
//! idempotency key is
//! remembered as long as its purchase.

mod by_state;
mod change;
mod day;
mod list;
mod masking;
mod of_number;
mod reconcile;
mod settle;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::from_item;
use time::OffsetDateTime;

pub use self::change::Changed;
pub use self::day::Visit;
pub use self::list::{Filters, Page};
pub use self::masking::{Masked, MaskingPass};
pub use self::reconcile::{Due, DueKey, PARTS};
pub use self::settle::{MAX_NAME, MAX_REASON, Settlement};
use super::conditional::{Item, Written, put, update};
use super::error::without_values;
use super::table::table;
use super::{StoreError, number, text};
use crate::domain::ids::{ProviderReference, PurchaseId, TenantId};
use crate::domain::purchase::Purchase;
use crate::domain::time::to_ms;
use crate::platform::telemetry::alarm::Alarm;

table! {
    /// The `purchases` table.
    Purchases, "PURCHASES_TABLE"
}

/// How recording a purchase ended.
#[derive(Debug)]
pub enum Recorded {
    /// It is ours.
    New,
    /// There was one under this id.
    Exists(Box<Purchase>),
}

impl Purchases {
    /// A tenant's purchase, read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        tenant: &TenantId,
        id: &PurchaseId,
    ) -> Result<Option<Purchase>, StoreError> {
        Ok(self.by_id(id).await?.filter(|purchase| purchase.tenant == *tenant))
    }

    /// The purchase that VTpass knows by `reference`: one read, and none for a text that is not a
    /// reference of ours. One of the lookups that is by an unguessable id alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn by_reference(
        &self,
        reference: &ProviderReference,
    ) -> Result<Option<Purchase>, StoreError> {
        let Some(id) = reference.purchase_id() else { return Ok(None) };
        Ok(self.by_id(&id).await?.filter(|purchase| purchase.reference == *reference))
    }

    /// A purchase by its id alone, for reconcile and the operator's tool. One that this version
    /// cannot read raises an alarm.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn by_id(&self, id: &PurchaseId) -> Result<Option<Purchase>, StoreError> {
        let item = self.0.get([("purchase_id", id.as_str())]).await?;
        let read = item.map(from_item).transpose();
        Ok(read.inspect_err(|error| unreadable(Some(id.as_str()), error))?)
    }

    /// The refill that MTN knows by `reference`, the beginning of the purchase's id. For the
    /// operator's tool; it reads the whole table.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn refill_by_reference(
        &self,
        reference: &ProviderReference,
    ) -> Result<Option<Purchase>, StoreError> {
        let mut items = self
            .0
            .scan()
            .filter_expression("request_id = :id")
            .expression_attribute_values(":id", text(reference.as_str()))
            .into_paginator()
            .items()
            .send();
        match items.next().await {
            Some(item) => Ok(Some(from_item(item?)?)),
            None => Ok(None),
        }
    }

    /// Records a purchase unless there is one under its id. If the stored chain is ours, an earlier
    /// attempt of this call succeeded.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be recorded.
    pub async fn record(&self, purchase: &Purchase) -> Result<Recorded, StoreError> {
        let record = self
            .0
            .put(purchase)?
            .item("reconcile_part", reconcile_part(&purchase.purchase_id))
            .condition_expression("attribute_not_exists(purchase_id)");
        let own = |item: &Item| item.get("chain") == Some(&text(purchase.chain.as_str()));
        match put(record).await?.or_own(own) {
            Written::Done(_) => Ok(Recorded::New),
            Written::Refused(item) => Ok(Recorded::Exists(Box::new(from_item(item)?))),
        }
    }

    /// Marks when the last hint job is due, unless another hint moved the mark meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be marked.
    pub async fn mark_hint(
        &self,
        id: &PurchaseId,
        last: OffsetDateTime,
        due: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let mark = self
            .update(id)
            .update_expression("SET hinted_ms = :due")
            .condition_expression("hinted_ms = :last")
            .expression_attribute_values(":due", number(to_ms(due)))
            .expression_attribute_values(":last", number(to_ms(last)));
        update(mark).await?;
        Ok(())
    }

    /// Marks when the next step of a hint is due, once that step was sent.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be marked.
    pub async fn mark_hint_again(
        &self,
        id: &PurchaseId,
        due: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let mark = self
            .update(id)
            .update_expression("SET hint_again_ms = :due")
            .condition_expression("attribute_exists(purchase_id)")
            .expression_attribute_values(":due", number(to_ms(due)));
        update(mark).await?;
        Ok(())
    }

    /// Records that the provider knows the purchase, whatever else another change did.
    async fn acknowledge(&self, id: &PurchaseId) -> Result<(), StoreError> {
        let acknowledge = self
            .update(id)
            .update_expression("SET acknowledged = :yes")
            .condition_expression("attribute_exists(purchase_id)")
            .expression_attribute_values(":yes", AttributeValue::Bool(true));
        match update(acknowledge).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(_) => Err(StoreError::Conflict("the purchase is gone")),
        }
    }

    fn update(&self, id: &PurchaseId) -> UpdateItemFluentBuilder {
        self.0.update([("purchase_id", id.as_str())])
    }
}

/// The part of reconcile's index that a purchase stands in: the first digit of its id.
fn reconcile_part(id: &PurchaseId) -> AttributeValue {
    text(&id.as_str()[..1])
}

/// Raises the alarm for a stored purchase that this version cannot read.
fn unreadable(purchase_id: Option<&str>, error: &serde_dynamo::Error) {
    let (alarm, reason) = (Alarm::UnreadableItem.name(), without_values(error));
    tracing::error!(alarm, purchase_id, reason, "an item cannot be read");
}
