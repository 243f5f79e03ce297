//! The accounts of one tenant, for an operator.

use super::Accounts;
use crate::domain::ids::{AccountId, TenantId};
use crate::store::{StoreError, text};

impl Accounts {
    /// The ids of all accounts of a tenant, in any state, by a scan. An operator asks rarely; an index
    /// would have to be written and paid for at each link.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn ids_of_tenant(&self, tenant: &TenantId) -> Result<Vec<AccountId>, StoreError> {
        let scan = self
            .0
            .scan()
            .consistent_read(true)
            .projection_expression("account_id")
            .filter_expression("tenant = :tenant")
            .expression_attribute_values(":tenant", text(tenant.as_str()));
        let mut items = scan.into_paginator().items().send();
        let mut ids = Vec::new();
        while let Some(item) = items.next().await {
            let id = item?.remove("account_id");
            ids.extend(id.and_then(|id| AccountId::parse(id.as_s().ok()?)));
        }
        Ok(ids)
    }
}
