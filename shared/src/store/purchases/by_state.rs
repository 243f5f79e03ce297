//! The index `by_state`: a tenant's purchases in the states that few are in, by `listed`.
//!
//! It is sparse. An order that is delivered at once is never in it, so it costs nothing. Each change of a
//! state sets the index's key or removes it, in the same write. What an older version wrote is brought
//! into it by the pass of reconcile over the table.

use super::Purchases;
use crate::domain::ids::{PurchaseId, TenantId};
use crate::domain::purchase::State;
use crate::store::conditional::update;
use crate::store::{StoreError, text};

/// The index's key for a tenant's purchases in a state; none for a state that it does not hold.
pub(super) fn state_key(tenant: &TenantId, state: State) -> Option<String> {
    match state {
        State::Pending | State::NeedsReview | State::Failed | State::Reversed => {
            Some(format!("{tenant}#{}", state.name()))
        }
        State::Submitted | State::Delivered => None,
    }
}

impl Purchases {
    /// Brings a purchase to its place in the index, unless its state has changed meanwhile.
    pub(super) async fn place_by_state(
        &self,
        id: &PurchaseId,
        tenant: &TenantId,
        state: State,
    ) -> Result<(), StoreError> {
        let mut place = self
            .update(id)
            .condition_expression("#state = :state")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(state.name()));
        place = match state_key(tenant, state) {
            Some(key) => place
                .update_expression("SET tenant_state = :key")
                .expression_attribute_values(":key", text(key)),
            None => place.update_expression("REMOVE tenant_state"),
        };
        // Whoever changed the state has brought it to its place.
        update(place).await?;
        Ok(())
    }
}
