//! The pass over the table: it masks the numbers of old purchases, and brings what an older version wrote
//! to its place in the index `by_state`.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, TryStreamExt};
use serde::Deserialize;
use serde_dynamo::{from_item, to_attribute_value};
use time::{Duration, OffsetDateTime};

use super::by_state::state_key;
use super::{Purchases, unreadable};
use crate::domain::ids::{PurchaseId, TenantId};
use crate::domain::job::HeldAccount;
use crate::domain::purchase::{PhoneKey, Recipient, State};
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
/// The item that holds where the passes over both tables stand. No purchase has this id.
const PASS: &str = "masking";
/// The longest time between the ends of two passes. One begins a week after the end of the one before.
const LATE: Duration = Duration::days(14);

/// A pass over the table, and where the pass over the accounts stands.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct MaskingPass {
    /// The last purchase that it came to; `None` before a pass and after it.
    #[serde(default)]
    pub after: Option<PurchaseId>,
    /// When the last pass ended.
    #[serde(rename = "ended_ms", with = "epoch_ms::option", default)]
    pub ended_at: Option<OffsetDateTime>,
    /// The same purchase as in `after`, where the pass has filled the index `by_state` up to there. An
    /// older version moves `after` only, so what it skipped is noticed.
    #[serde(default)]
    pub placed_after: Option<PurchaseId>,
    /// When a pass ended that filled the index `by_state`. Without it the index is not complete.
    #[serde(rename = "placed_ms", with = "epoch_ms::option", default)]
    pub placed_at: Option<OffsetDateTime>,
    /// The last account that the pass over the accounts came to.
    #[serde(default)]
    pub accounts_after: Option<HeldAccount>,
    /// When the last pass over the accounts ended.
    #[serde(rename = "accounts_ended_ms", with = "epoch_ms::option", default)]
    pub accounts_ended_at: Option<OffsetDateTime>,
}

impl MaskingPass {
    /// The pass once it came to `after`, or to its end at `now`.
    #[must_use]
    pub fn moved(&self, after: Option<PurchaseId>, now: OffsetDateTime) -> Self {
        let places = self.after.is_none() || self.after == self.placed_after;
        let ended = after.is_none();
        Self {
            placed_after: after.clone().filter(|_| places),
            placed_at: if ended && places { Some(now) } else { self.placed_at },
            ended_at: if ended { Some(now) } else { self.ended_at },
            after,
            ..self.clone()
        }
    }

    /// Whether a pass has ended lately.
    pub fn is_on_time(&self, now: OffsetDateTime) -> bool {
        self.ended_at.is_some_and(|ended_at| now - ended_at < LATE)
    }
}

/// That a purchase is settled, as a condition.
const SETTLED: &str = "#state IN (:delivered, :failed, :reversed)";
const SETTLED_STATES: [(&str, State); 3] =
    [(":delivered", State::Delivered), (":failed", State::Failed), (":reversed", State::Reversed)];

/// What the pass reads of a purchase.
#[derive(Deserialize)]
struct Passed {
    purchase_id: PurchaseId,
    tenant: TenantId,
    state: State,
    tenant_state: Option<String>,
    #[serde(rename = "phone")]
    recipient: Recipient,
    phone_key: Option<PhoneKey>,
    #[serde(rename = "created_ms", with = "epoch_ms")]
    created_at: OffsetDateTime,
}

impl Passed {
    /// A roll-back may leave a masked number with its key, because an older version does not know that.
    fn shows_its_number(&self) -> bool {
        !matches!(self.recipient, Recipient::Masked(_)) || self.phone_key.is_some()
    }

    fn is_to_be_masked(&self, before: OffsetDateTime) -> bool {
        self.created_at < before && self.state.is_final() && self.shows_its_number()
    }

    fn is_out_of_place(&self) -> bool {
        self.tenant_state != state_key(&self.tenant, self.state)
    }
}

impl Purchases {
    /// Masks the numbers of settled purchases made before `before`, and brings purchases to their places
    /// in the index `by_state`, in one part of the table: the first, or the one after `after`. A repeat
    /// is harmless.
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
            .projection_expression(
                "purchase_id, tenant, #state, tenant_state, phone, phone_key, created_ms",
            )
            .filter_expression(format!(
                "(created_ms < :before AND {SETTLED} \
                 AND (NOT contains(phone, :star) OR attribute_exists(phone_key))) \
                 OR attribute_exists(tenant_state) \
                 OR #state IN (:pending, :review, :failed, :reversed)"
            ))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":pending", text(State::Pending.name()))
            .expression_attribute_values(":review", text(State::NeedsReview.name()))
            .expression_attribute_values(":before", number(to_ms(before)))
            .expression_attribute_values(":star", text("*"));
        for (name, state) in settled_states() {
            scan = scan.expression_attribute_values(name, state);
        }
        let page = scan.send().await?;
        let passed: Vec<_> =
            page.items.unwrap_or_default().into_iter().filter_map(passed).collect();
        let count = passed.iter().filter(|it| it.is_to_be_masked(before)).count();
        stream::iter(passed.into_iter().map(Ok))
            .try_for_each_concurrent(CONCURRENCY, |it| self.pass_by(it, before))
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
        let ms = |at: Option<OffsetDateTime>| at.map(|at| number(to_ms(at)));
        let id = |id: &Option<PurchaseId>| id.as_ref().map(|id| text(id.as_str()));
        let mut save = self.0.update([("purchase_id", PASS)]);
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        for (name, attribute, value, given) in [
            ("#after", "after", ":after", id(&pass.after)),
            ("#ended", "ended_ms", ":ended", ms(pass.ended_at)),
            ("#placed_after", "placed_after", ":placed_after", id(&pass.placed_after)),
            ("#placed", "placed_ms", ":placed", ms(pass.placed_at)),
        ] {
            save = save.expression_attribute_names(name, attribute);
            match given {
                Some(given) => {
                    set.push(format!("{name} = {value}"));
                    save = save.expression_attribute_values(value, given);
                }
                None => remove.push(name),
            }
        }
        if set.is_empty() {
            return Ok(());
        }
        let remove = match remove.is_empty() {
            true => String::new(),
            false => format!(" REMOVE {}", remove.join(", ")),
        };
        save.update_expression(format!("SET {}{remove}", set.join(", "))).send().await?;
        Ok(())
    }

    /// Keeps where the pass over the accounts stands: after an account, or at its end at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_accounts_pass(
        &self,
        stands: Result<HeldAccount, OffsetDateTime>,
    ) -> Result<(), StoreError> {
        let (change, value) = match stands {
            Ok(after) => ("SET accounts_after = :at", to_attribute_value(after)?),
            Err(end) => ("SET accounts_ended_ms = :at REMOVE accounts_after", number(to_ms(end))),
        };
        let save = self.0.update([("purchase_id", PASS)]).update_expression(change);
        save.expression_attribute_values(":at", value).send().await?;
        Ok(())
    }

    /// What the pass does about one purchase.
    async fn pass_by(&self, it: Passed, before: OffsetDateTime) -> Result<(), StoreError> {
        if it.is_out_of_place() {
            self.place_by_state(&it.purchase_id, &it.tenant, it.state).await?;
        }
        match it.is_to_be_masked(before) {
            true => self.mask_number(&it.purchase_id, &it.recipient).await,
            false => Ok(()),
        }
    }

    /// Masks the number, unless the purchase is open.
    pub(super) async fn mask_number(
        &self,
        id: &PurchaseId,
        recipient: &Recipient,
    ) -> Result<(), StoreError> {
        let mut mask = self
            .update(id)
            .update_expression("SET phone = :masked REMOVE phone_key")
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

/// A purchase, unless this version cannot read it. One such item must not keep the
/// others from being masked.
fn passed(item: Item) -> Option<Passed> {
    let id = item.get("purchase_id").and_then(|id| id.as_s().ok()).cloned();
    from_item(item).inspect_err(|error| unreadable(id.as_deref(), error)).ok()
}

fn settled_states() -> impl Iterator<Item = (&'static str, AttributeValue)> {
    SETTLED_STATES.into_iter().map(|(name, state)| (name, text(state.name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_is_on_time_while_a_pass_has_ended_in_the_last_two_weeks() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let pass = |days| MaskingPass {
            ended_at: Some(now - Duration::days(days)),
            ..MaskingPass::default()
        };
        assert!(pass(0).is_on_time(now) && pass(13).is_on_time(now));
        assert!(!pass(14).is_on_time(now) && !MaskingPass::default().is_on_time(now));
        let under_way = PurchaseId::parse(&"a".repeat(32));
        assert!(under_way.is_some() && pass(13).moved(under_way, now).is_on_time(now));
    }
}
