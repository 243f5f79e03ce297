//! The numbers of old purchases, masked.

use serde::Deserialize;
use serde_dynamo::from_item;
use time::OffsetDateTime;

use super::Purchases;
use crate::phone::masked;
use crate::purchase::{State, to_ms};
use crate::store::{StoreError, last_key, number, text};

/// What was masked in one part of the table.
#[derive(Debug)]
pub struct Masked {
    /// How many purchases.
    pub count: usize,
    /// Behind which purchase to go on; `None` at the end.
    pub next: Option<String>,
}

/// How many purchases are looked at at once: each may take a write, one after the other, while
/// other messages of the same batch wait.
const MASKED_AT_ONCE: i32 = 100;

/// That a purchase is settled, as a condition.
const SETTLED: &str = "#state IN (:delivered, :failed, :reversed)";
const SETTLED_STATES: [(&str, State); 3] =
    [(":delivered", State::Delivered), (":failed", State::Failed), (":reversed", State::Reversed)];

#[derive(Deserialize)]
struct Numbered {
    purchase_id: String,
    phone: String,
}

impl Purchases {
    /// Masks the numbers of settled purchases made before `before`, in one part of the table: the
    /// first, or the one behind `after`. What they were bought for stays recognisable by its
    /// fingerprint. Strictly by age: a repeat is harmless.
    ///
    /// # Errors
    /// [`StoreError`]: some may be masked already; a repeat goes on.
    pub async fn mask_numbers(
        &self,
        before: OffsetDateTime,
        after: Option<String>,
    ) -> Result<Masked, StoreError> {
        let mut scan = self
            .client
            .scan()
            .table_name(&self.table)
            .limit(MASKED_AT_ONCE)
            .set_exclusive_start_key(after.map(|id| [("purchase_id".to_owned(), text(id))].into()))
            .projection_expression("purchase_id, phone")
            .filter_expression(format!(
                "created_ms < :before AND {SETTLED} AND NOT contains(phone, :star)"
            ))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":before", number(to_ms(before)))
            .expression_attribute_values(":star", text("*"));
        for (name, state) in SETTLED_STATES {
            scan = scan.expression_attribute_values(name, text(state.as_str()));
        }
        let page = scan.send().await.map_err(StoreError::of)?;
        let items = page.items.unwrap_or_default();
        let count = items.len();
        for item in items {
            let Numbered { purchase_id, phone } = from_item(item)?;
            self.mask_number(&purchase_id, &phone).await?;
        }
        Ok(Masked { count, next: last_key(page.last_evaluated_key, "purchase_id") })
    }

    async fn mask_number(&self, id: &str, phone: &str) -> Result<(), StoreError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("purchase_id", text(id))
            .update_expression("SET phone = :masked")
            .condition_expression(SETTLED)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":masked", text(masked(phone)));
        for (name, state) in SETTLED_STATES {
            update = update.expression_attribute_values(name, text(state.as_str()));
        }
        update.send().await.map(drop).map_err(StoreError::of)
    }
}
