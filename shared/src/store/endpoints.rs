//! The `webhook_endpoints` table: where tenants want their events sent.
//!
//! Partition key `tenant`, sort key `endpoint_id`. A change is written under the condition that nobody
//! else changed the endpoint in between.

use serde_dynamo::{from_item, to_item};

use super::conditional::{Written, assign, put, update};
use super::table::table;
use super::{Outbox, StoreError, text};
use crate::domain::event::Subject;
use crate::domain::ids::{EndpointId, TenantId};
use crate::domain::webhook::Endpoint;
use crate::platform::environment::Random;

table! {
    /// The `webhook_endpoints` table.
    Endpoints, "WEBHOOK_ENDPOINTS_TABLE"
}

/// How often a change is tried while others change the same endpoint.
const TRIES: usize = 8;

impl Endpoints {
    /// A tenant's endpoint, read consistently.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
    ) -> Result<Option<Endpoint>, StoreError> {
        let key = [("tenant", tenant.as_str()), ("endpoint_id", id.as_str())];
        Ok(self.0.get(key).await?.map(from_item).transpose()?)
    }

    /// All endpoints of a tenant, oldest first, read consistently: what happens after an endpoint was
    /// made is sent to it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of(&self, tenant: &TenantId) -> Result<Vec<Endpoint>, StoreError> {
        let query = self
            .0
            .query()
            .consistent_read(true)
            .key_condition_expression("tenant = :tenant")
            .expression_attribute_values(":tenant", text(tenant.as_str()));
        let mut items = query.into_paginator().items().send();
        let mut endpoints: Vec<Endpoint> = Vec::new();
        while let Some(item) = items.next().await {
            endpoints.push(from_item(item?)?);
        }
        endpoints.sort_by_key(|endpoint| endpoint.created_at);
        Ok(endpoints)
    }

    /// Adds a new endpoint.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be there.
    pub async fn add(&self, endpoint: &Endpoint) -> Result<(), StoreError> {
        let add = self.0.put(endpoint)?.condition_expression("attribute_not_exists(endpoint_id)");
        let revision = text(endpoint.revision.as_str());
        match put(add).await?.or_own(|stored| stored.get("revision") == Some(&revision)) {
            Written::Done(_) => Ok(()),
            Written::Refused(_) => Err(StoreError::Conflict("another endpoint has this id")),
        }
    }

    /// Makes a change that its tenant asked for. `make` runs again if another change came first. Gives
    /// the endpoint as it is then, or `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be made.
    pub async fn change(
        &self,
        tenant: &TenantId,
        id: &EndpointId,
        random: &Random,
        make: impl Fn(&mut Endpoint),
    ) -> Result<Option<Endpoint>, StoreError> {
        let make = |endpoint: &mut Endpoint| {
            make(endpoint);
            true
        };
        self.changed(None, tenant, id, random, make).await
    }

    /// The same for a change of ours. What its tenant is to be told of is announced first. `make` gives
    /// false where there is nothing to change.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be made.
    pub async fn change_and_tell(
        &self,
        outbox: &Outbox,
        tenant: &TenantId,
        id: &EndpointId,
        random: &Random,
        make: impl FnMut(&mut Endpoint) -> bool,
    ) -> Result<Option<Endpoint>, StoreError> {
        self.changed(Some(outbox), tenant, id, random, make).await
    }

    async fn changed(
        &self,
        outbox: Option<&Outbox>,
        tenant: &TenantId,
        id: &EndpointId,
        random: &Random,
        mut make: impl FnMut(&mut Endpoint) -> bool,
    ) -> Result<Option<Endpoint>, StoreError> {
        for _ in 0..TRIES {
            let Some(before) = self.get(tenant, id).await? else { return Ok(None) };
            let mut after = before.clone();
            if !make(&mut after) {
                return Ok(Some(before));
            }
            after.revision = random.id();
            if let Some(outbox) = outbox {
                announce(outbox, &before, &after).await?;
            }
            if self.replace(&before, &after).await? {
                return Ok(Some(after));
            }
        }
        Err(StoreError::Unavailable("an endpoint is changed by too many at once".to_owned()))
    }

    async fn replace(&self, before: &Endpoint, after: &Endpoint) -> Result<bool, StoreError> {
        let key = [("tenant", after.tenant.as_str()), ("endpoint_id", after.endpoint_id.as_str())];
        let (old, new) = (text(before.revision.as_str()), text(after.revision.as_str()));
        let replace = assign(self.0.update(key), key, &to_item(before)?, to_item(after)?)
            .condition_expression("revision = :before")
            .expression_attribute_values(":before", old);
        Ok(update(replace).await?.or_own(|item| item.get("revision") == Some(&new)).is_done())
    }

    /// Removes an endpoint, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be gone.
    pub async fn remove(&self, tenant: &TenantId, id: &EndpointId) -> Result<(), StoreError> {
        let id = text(id.as_str());
        self.0.delete("tenant", tenant.as_str()).key("endpoint_id", id).send().await?;
        Ok(())
    }
}

/// Announces every line that the change adds to the history.
async fn announce(outbox: &Outbox, before: &Endpoint, after: &Endpoint) -> Result<(), StoreError> {
    for line in after.history.iter().filter(|line| !before.history.contains(line)) {
        let (tenant, endpoint_id) = (after.tenant.clone(), after.endpoint_id.clone());
        let subject = Subject::Endpoint { tenant, endpoint_id };
        outbox.announce(subject, Some(line.event.clone()), line.at).await?;
    }
    Ok(())
}
