//! The purchases for one number, for an operator: to find and to mask them.

use serde_dynamo::to_attribute_value;

use super::Purchases;
use crate::domain::ids::PurchaseId;
use crate::domain::purchase::{Purchase, Recipient};
use crate::store::StoreError;

impl Purchases {
    /// The ids of all purchases for a number, of all tenants, by a scan. It finds those, too, that are not
    /// in the index `by_phone`. A masked number cannot be found.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ids_of_number(
        &self,
        recipient: &Recipient,
    ) -> Result<Vec<PurchaseId>, StoreError> {
        let scan = self
            .0
            .scan()
            .projection_expression("purchase_id")
            .filter_expression("phone = :phone")
            .expression_attribute_values(":phone", to_attribute_value(recipient)?);
        let mut items = scan.into_paginator().items().send();
        let mut ids = Vec::new();
        while let Some(item) = items.next().await {
            let id = item?.remove("purchase_id");
            ids.extend(id.and_then(|id| PurchaseId::parse(id.as_s().ok()?)));
        }
        Ok(ids)
    }

    /// Masks the number of a settled purchase, whatever its age. `Ok(false)` when it is open: the provider
    /// is still asked about the number.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be masked.
    pub async fn mask_one(&self, purchase: &Purchase) -> Result<bool, StoreError> {
        let is_masked = matches!(purchase.recipient, Recipient::Masked(_));
        if is_masked && purchase.phone_key.is_none() {
            return Ok(true);
        }
        if !purchase.state.is_final() {
            return Ok(false);
        }
        self.mask_number(&purchase.purchase_id, &purchase.recipient).await?;
        Ok(true)
    }
}
