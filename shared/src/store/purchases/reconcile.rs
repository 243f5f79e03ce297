//! The index of what reconcile must come back to: open purchases, and settled ones that were not
//! looked back on.
//!
//! The index `to_reconcile` is sorted by the time at which that is due, in sixteen parts, so that
//! no part takes all writes. A purchase without that time is not in it.

use time::OffsetDateTime;

use super::Purchases;
use crate::domain::ids::PurchaseId;
use crate::domain::purchase::State;
use crate::domain::time::to_ms;
use crate::store::conditional::{Item, update};
use crate::store::{StoreError, number, text};

/// The index's parts: the first digits of purchases' ids.
pub const PARTS: &str = "0123456789abcdef";

/// The purchases of one part that are due.
#[derive(Debug, Default)]
pub struct Due {
    /// Their ids, the longest overdue first.
    pub ids: Vec<PurchaseId>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<DueKey>,
}

/// Where a page of due purchases begins.
#[derive(Debug, Clone)]
pub struct DueKey(Item);

/// How many purchases one page holds.
const PAGE: i32 = 200;

impl Purchases {
    /// The purchases of one part of the index that are due at `now`, a page at a time. Eventually
    /// consistent: read the purchase itself before doing anything about it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due(
        &self,
        part: char,
        now: OffsetDateTime,
        from: Option<DueKey>,
    ) -> Result<Due, StoreError> {
        let query = self
            .0
            .query()
            .index_name("to_reconcile")
            .key_condition_expression("reconcile_part = :part AND reconcile_ms <= :now")
            .expression_attribute_values(":part", text(part))
            .expression_attribute_values(":now", number(to_ms(now)))
            .limit(PAGE)
            .set_exclusive_start_key(from.map(|DueKey(key)| key));
        let answer = query.send().await?;
        let items = answer.items.unwrap_or_default();
        let ids = items.iter().filter_map(|item| item.get("purchase_id")?.as_s().ok());
        let ids = ids.filter_map(|id| PurchaseId::parse(id)).collect();
        Ok(Due { ids, next: answer.last_evaluated_key.map(DueKey) })
    }

    /// Moves a purchase in the index from `seen` to `next`, or takes it out. Nothing happens if
    /// another step moved it meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be moved.
    pub async fn come_back(
        &self,
        id: &PurchaseId,
        seen: OffsetDateTime,
        next: Option<OffsetDateTime>,
    ) -> Result<(), StoreError> {
        let mut change = self
            .update(id)
            .condition_expression("reconcile_ms = :seen")
            .expression_attribute_values(":seen", number(to_ms(seen)));
        change = match next {
            Some(next) => change
                .update_expression("SET reconcile_ms = :next")
                .expression_attribute_values(":next", number(to_ms(next))),
            None => change.update_expression("REMOVE reconcile_part, reconcile_ms"),
        };
        // A repeat that is refused has moved it already, or another step did: both are well.
        update(change).await?;
        Ok(())
    }

    /// Records that the provider gave a clear answer about a settled purchase, and takes the
    /// purchase out of the index. Nothing happens unless the state is still `state`.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be recorded.
    pub async fn looked_back(
        &self,
        id: &PurchaseId,
        state: State,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let looked_back = self
            .update(id)
            .update_expression("SET reconciled_ms = :now REMOVE reconcile_part, reconcile_ms")
            .condition_expression("#state = :state")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", text(state.name()))
            .expression_attribute_values(":now", number(to_ms(now)));
        update(looked_back).await?;
        Ok(())
    }
}
