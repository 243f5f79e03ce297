//! Changes of purchases: a transition of the domain, with the condition under which it is written.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::{from_item, to_attribute_value};
use time::OffsetDateTime;

use super::by_state::state_key;
use super::{Purchases, reconcile_part};
use crate::domain::event::{EventType, Subject};
use crate::domain::purchase::{Evidence, Purchase, Transition, transition};
use crate::domain::time::to_ms;
use crate::store::conditional::{AS_OWN, UNLESS_OWN, WriteId, Written, update_once};
use crate::store::{Outbox, StoreError, number, text};

/// How a change ended. Both hold the purchase as it is now.
#[derive(Debug)]
pub enum Changed {
    /// Written.
    Written(Box<Purchase>),
    /// The condition did not hold.
    Refused(Box<Purchase>),
}

impl Purchases {
    /// Makes a change if its condition holds. A change that the tenant is told of is announced first.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be made.
    pub async fn change(
        &self,
        outbox: &Outbox,
        purchase: &Purchase,
        change: &Transition,
        now: OffsetDateTime,
    ) -> Result<Changed, StoreError> {
        let id = &purchase.purchase_id;
        let event = change.to.and_then(EventType::of_purchase);
        let at = change.attempts.last().map_or(now, |line| line.at);
        outbox.announce(Subject::Purchase { purchase_id: id.clone() }, event, at).await?;
        let write = written(self.update(id), purchase, change, now)?;
        // Most changes are allowed in the state that they lead to. A repeat would add its lines again.
        let write_id = WriteId::of(&format!("{change:?} {now}"));
        match update_once(write_id, write).await? {
            Written::Done(item) => Ok(Changed::Written(Box::new(from_item(item)?))),
            Written::Refused(item) => {
                let mut met: Purchase = from_item(item)?;
                if change.acknowledged && !met.acknowledged {
                    self.acknowledge(id).await?;
                    met.acknowledged = true;
                }
                Ok(Changed::Refused(Box::new(met)))
            }
        }
    }

    /// Writes what `evidence` means for a purchase, and gives the purchase as it is then. Where a
    /// final state came first, the evidence is judged again by that state: a reversal is written,
    /// and a contradiction goes to the history and raises an alarm.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be written.
    pub async fn apply(
        &self,
        outbox: &Outbox,
        purchase: &Purchase,
        change: &Transition,
        evidence: &Evidence,
    ) -> Result<Purchase, StoreError> {
        let met = match self.change(outbox, purchase, change, evidence.at).await? {
            Changed::Written(purchase) => return Ok(*purchase),
            Changed::Refused(purchase) => *purchase,
        };
        if !met.state.is_final() {
            return Ok(met);
        }
        let late = transition(&met, evidence);
        if late.to.is_none() && !late.is_contradiction() {
            return Ok(met);
        }
        late.report(&met);
        match self.change(outbox, &met, &late, evidence.at).await? {
            Changed::Written(purchase) | Changed::Refused(purchase) => Ok(*purchase),
        }
    }
}

fn written(
    update: UpdateItemFluentBuilder,
    purchase: &Purchase,
    change: &Transition,
    now: OffsetDateTime,
) -> Result<UpdateItemFluentBuilder, StoreError> {
    let mut set = vec![AS_OWN, "updated_ms = :now", "history = list_append(history, :attempts)"];
    let mut update = update
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":now", number(to_ms(now)))
        .expression_attribute_values(":attempts", to_attribute_value(&change.attempts)?);
    let (id, charge) = (&purchase.purchase_id, &change.charge);
    let listed = change.to.map(|to| state_key(&purchase.tenant, to));
    let values = [
        ("#state = :to", ":to", change.to.map(|to| text(to.name()))),
        ("tenant_state = :tenant_state", ":tenant_state", listed.clone().flatten().map(text)),
        ("step = :next", ":next", change.next_step.map(number)),
        ("acknowledged = :yes", ":yes", change.acknowledged.then_some(AttributeValue::Bool(true))),
        ("unknown_ids = :unknown", ":unknown", change.unknown_references.map(number)),
        ("amount_kobo = :amount", ":amount", change.amount.map(to_attribute_value).transpose()?),
        (
            "provider_transaction_id = :transaction",
            ":transaction",
            charge.transaction_id.as_deref().map(text),
        ),
        ("cost_kobo = :cost", ":cost", charge.cost.map(to_attribute_value).transpose()?),
        (
            "commission_kobo = :commission",
            ":commission",
            charge.commission.map(to_attribute_value).transpose()?,
        ),
        ("late_ms = :now", ":now", change.is_late.then(|| number(to_ms(now)))),
        ("reconcile_part = :part", ":part", change.reconcile_at.map(|_| reconcile_part(id))),
        ("reconcile_ms = :overdue", ":overdue", change.reconcile_at.map(|at| number(to_ms(at)))),
    ];
    for (assignment, name, value) in values {
        if let Some(value) = value {
            set.push(assignment);
            update = update.expression_attribute_values(name, value);
        }
    }
    let mut states = Vec::new();
    for (index, state) in change.from.iter().enumerate() {
        let name = format!(":from{index}");
        update = update.expression_attribute_values(&name, text(state.name()));
        states.push(name);
    }
    let mut condition = format!("#state IN ({}) AND {UNLESS_OWN}", states.join(", "));
    if change.unless_acknowledged {
        condition.push_str(" AND acknowledged = :no");
        update = update.expression_attribute_values(":no", AttributeValue::Bool(false));
    }
    if let Some(step) = change.at_step {
        condition.push_str(" AND step = :step");
        update = update.expression_attribute_values(":step", number(step));
    }
    let remove = if listed == Some(None) { " REMOVE tenant_state" } else { "" };
    let expression = format!("SET {}{remove}", set.join(", "));
    Ok(update.update_expression(expression).condition_expression(condition))
}
