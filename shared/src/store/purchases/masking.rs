//! Masking the numbers of old purchases, and where the pass over the table stands.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, TryStreamExt};
use serde::Deserialize;
use serde_dynamo::from_item;
use time::OffsetDateTime;

use super::{Purchases, unreadable};
use crate::domain::ids::PurchaseId;
use crate::domain::purchase::{Recipient, State};
use crate::domain::time::{epoch_ms, to_ms};
use crate::store::conditional::{Item, update};
use crate::store::{StoreError, last_key, number, text};

/// What was masked in one part of the table.
#[derive(Debug)]
pub struct Masked {
    /// How many purchases.
    pub count: usize,
    /// The purchase after which the next part begins; `None` at the end.
    pub next: Option<PurchaseId>,
}

/// How many purchases one part reads.
const PART: i32 = 500;
/// How many numbers are masked at the same time.
const CONCURRENCY: usize = 16;
/// The item that holds where a pass stands. No purchase has this id.
const PASS: &str = "masking";

/// A pass over the table.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct MaskingPass {
    /// The last purchase that it came to; `None` before a pass and after it.
    #[serde(default)]
    pub after: Option<PurchaseId>,
    /// When the last pass ended.
    #[serde(rename = "ended_ms", with = "epoch_ms::option", default)]
    pub ended_at: Option<OffsetDateTime>,
}

/// That a purchase is settled, as a condition.
const SETTLED: &str = "#state IN (:delivered, :failed, :reversed)";
const SETTLED_STATES: [(&str, State); 3] =
    [(":delivered", State::Delivered), (":failed", State::Failed), (":reversed", State::Reversed)];

#[derive(Deserialize)]
struct Numbered {
    purchase_id: PurchaseId,
    #[serde(rename = "phone")]
    recipient: Recipient,
}

impl Purchases {
    /// Masks the numbers of settled purchases made before `before`, in one part of the table: the
    /// first, or the one after `after`. A repeat is harmless.
    ///
    /// # Errors
    /// [`StoreError`]: some may be masked already; a repeat does the rest.
    pub async fn mask_numbers(
        &self,
        before: OffsetDateTime,
        after: Option<PurchaseId>,
    ) -> Result<Masked, StoreError> {
        let start = after.map(|id| [("purchase_id".to_owned(), text(id.as_str()))].into());
        let mut scan = self
            .0
            .scan()
            .limit(PART)
            .set_exclusive_start_key(start)
            .projection_expression("purchase_id, phone")
            .filter_expression(format!(
                "created_ms < :before AND {SETTLED} AND NOT contains(phone, :star)"
            ))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":before", number(to_ms(before)))
            .expression_attribute_values(":star", text("*"));
        for (name, state) in settled_states() {
            scan = scan.expression_attribute_values(name, state);
        }
        let page = scan.send().await?;
        let items = page.items.unwrap_or_default();
        let count = items.len();
        stream::iter(items.into_iter().filter_map(numbered).map(Ok))
            .try_for_each_concurrent(CONCURRENCY, |it| self.mask_number(it))
            .await?;
        let last = last_key(page.last_evaluated_key, "purchase_id");
        Ok(Masked { count, next: last.as_deref().and_then(PurchaseId::parse) })
    }

    /// Where the pass over the table stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn masking_pass(&self) -> Result<MaskingPass, StoreError> {
        let item = self.0.get([("purchase_id", PASS)]).await?;
        Ok(item.map(from_item).transpose()?.unwrap_or_default())
    }

    /// Keeps where the pass stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_masking_pass(&self, pass: &MaskingPass) -> Result<(), StoreError> {
        let save = self.0.update([("purchase_id", PASS)]);
        let save = match (&pass.after, pass.ended_at) {
            (Some(after), _) => save
                .update_expression("SET #after = :after")
                .expression_attribute_names("#after", "after")
                .expression_attribute_values(":after", text(after.as_str())),
            (None, Some(ended)) => save
                .update_expression("SET ended_ms = :ended REMOVE #after")
                .expression_attribute_names("#after", "after")
                .expression_attribute_values(":ended", number(to_ms(ended))),
            (None, None) => return Ok(()),
        };
        save.send().await?;
        Ok(())
    }

    async fn mask_number(
        &self,
        Numbered { purchase_id, recipient }: Numbered,
    ) -> Result<(), StoreError> {
        let mut mask = self
            .update(&purchase_id)
            .update_expression("SET phone = :masked")
            .condition_expression(SETTLED)
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":masked", text(recipient.to_masked().text()));
        for (name, state) in settled_states() {
            mask = mask.expression_attribute_values(name, state);
        }
        update(mask).await?;
        Ok(())
    }
}

/// A purchase with its number, unless this version cannot read it. One such item must not keep the
/// others from being masked.
fn numbered(item: Item) -> Option<Numbered> {
    let id = item.get("purchase_id").and_then(|id| id.as_s().ok()).cloned();
    from_item(item).inspect_err(|error| unreadable(id.as_deref(), error)).ok()
}

fn settled_states() -> impl Iterator<Item = (&'static str, AttributeValue)> {
    SETTLED_STATES.into_iter().map(|(name, state)| (name, text(state.name())))
}
