//! What must hold of purchases at every moment.

use dynoxide::types::AttributeValue;
use sandbox::simulators::vtpass::OrderState;
use shared::domain::ids::ProviderReference;
use shared::domain::purchase::State;

use super::{ages, limits, name};
use crate::record::Seen;
use crate::world::{Item, World};

pub(super) const TABLE: &str = "PurchasesTable";
/// How often VTpass is asked about one order at most: a chain of a day, and chains of hints, which fork
/// at a message that is delivered twice.
const MOST_REQUERIES: u32 = 400;
/// The same where a job may be sent more than once.
const MOST_OF_COPIES: u32 = 1_000;
/// Longer than a step of a chain takes.
const A_MOMENT_MS: u64 = 60_000;

/// A purchase may have been written.
pub(super) fn written(world: &World, id: &str) {
    let Some(item) = world.dynamodb.item(TABLE, &[("purchase_id", id)]) else { return };
    let Some(seen) = read(&item) else { return };
    let before = world.record().purchases.insert(id.to_owned(), seen.clone());
    let was = before.as_ref().map(|it| it.state);
    if was.is_none() {
        limits::purchase_recorded(world);
    }
    if was != Some(seen.state) {
        let change = (was.map(|it| it.name().to_owned()), seen.state.name().to_owned());
        *world.record().changes.entry(change).or_default() += 1;
        world.record().states.entry(id.to_owned()).or_default().push(seen.state.name());
        world.tell(|| format!("purchase {id:.6} is {}", seen.state.name()));
        final_stays(world, id, was, seen.state);
    }
    if !seen.state.is_final() && seen.reconcile_ms.is_none() && seen.state != State::NeedsReview {
        world.violated(name::IN_THE_INDEX, format!("purchase {id} is open and in no index"));
    }
    if !seen.is_refill {
        agree(world, &seen.reference);
    }
    ages::written(world, &item);
}

fn final_stays(world: &World, id: &str, was: Option<State>, is: State) {
    let Some(was) = was else { return };
    if was.is_final() && (was, is) != (State::Delivered, State::Reversed) {
        let detail = format!("purchase {id} was {} and is {}", was.name(), is.name());
        world.violated(name::FINAL_STAYS, detail);
    }
}

/// VTpass was asked to deliver an order, or about it.
pub(super) fn asked(world: &World, reference: &str, is_requery: bool) {
    if is_requery {
        count_requery(world, reference);
        return agree(world, reference);
    }
    let Some(order) = world.vtpass.order(reference) else { return };
    if order.pay_calls > 1 {
        world.violated(
            name::PAID_ONCE,
            format!("{reference} reached pay {} times", order.pay_calls),
        );
    }
    let id = ProviderReference::new(reference.to_owned()).purchase_id();
    let known = id.is_some_and(|id| world.record().purchases.contains_key(id.as_str()));
    if !known {
        world.violated(name::RECORDED_BEFORE_PAID, format!("{reference} is in no record"));
    }
    limits::paid(world);
    agree(world, reference);
}

/// The next step of a purchase's chain was sent. If the purchase cannot be read, its job waits in the
/// queue instead. One that was read a moment before may go on.
pub(super) fn chain_goes_on(world: &World, id: &str) {
    if world.unreadable_for_ms(id).is_some_and(|ms| ms > A_MOMENT_MS) {
        let detail = format!("purchase {id} cannot be read, and its chain goes on");
        world.violated(name::UNREADABLE_WAITS, detail);
    }
}

fn count_requery(world: &World, reference: &str) {
    let mut record = world.record();
    let count = record.requeries.entry(reference.to_owned()).or_default();
    *count += 1;
    let count = *count;
    drop(record);
    let most = if world.schedule.copies_jobs() { MOST_OF_COPIES } else { MOST_REQUERIES };
    if count > most {
        let detail = format!("VTpass was asked {count} times about {reference}");
        world.violated("bounded_calls", detail);
    }
}

/// A refund must be safe, whatever VTpass did and may still do with the order.
pub(super) fn agree(world: &World, reference: &str) {
    let Some(id) = ProviderReference::new(reference.to_owned()).purchase_id() else { return };
    let record = world.record();
    let is_guessed = record.guessed.contains(reference);
    let seen = record.purchases.get(id.as_str()).filter(|it| it.state.safe_to_refund());
    let Some(seen) = seen.filter(|_| !is_guessed) else {
        return;
    };
    let (state, reference) = (seen.state, seen.reference.clone());
    drop(record);
    let Some(order) = world.vtpass.order(&reference) else { return };
    let given = match order.state {
        OrderState::Delivered | OrderState::Pending => true,
        OrderState::NotTaken => order.charged_times > 0,
        OrderState::Failed | OrderState::Reversed => false,
    };
    if given {
        let detail = format!(
            "purchase {id} is {} and safe to refund, but VTpass has it as {:?}",
            state.name(),
            order.state
        );
        world.violated(name::SAFE_TO_REFUND, detail);
    }
}

/// MTN was asked to refill.
pub(super) fn refilled(world: &World) {
    for refill in world.mtn.refills() {
        let reference = refill.transaction_id.unwrap_or_default();
        if refill.received > 1 {
            let detail = format!("refill {reference} reached MTN {} times", refill.received);
            world.violated(name::REFILLED_ONCE, detail);
        }
        let record = world.record();
        let seen = record.purchases.values().find(|it| it.reference == reference);
        let problem = match seen.map(|it| it.state) {
            None => Some((name::RECORDED_BEFORE_PAID, "is in no record")),
            Some(state) if state.safe_to_refund() && !refill.done_at.is_empty() => {
                Some((name::SAFE_TO_REFUND, "was done, and its purchase is safe to refund"))
            }
            Some(_) => None,
        };
        drop(record);
        if let Some((invariant, what)) = problem {
            world.violated(invariant, format!("refill {reference} {what}"));
        }
    }
}

fn read(item: &Item) -> Option<Seen> {
    let text = |name| match item.get(name) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    };
    let number = |name| match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    };
    let history = match item.get("history") {
        Some(AttributeValue::L(lines)) => lines.as_slice(),
        _ => &[],
    };
    let in_index = item.contains_key("reconcile_part");
    Some(Seen {
        tenant: text("tenant")?,
        reference: text("request_id")?,
        state: text("state")?.parse().ok()?,
        is_refill: text("service_id")? == "mtn-refill",
        amount: match number("amount_kobo") {
            Some(kobo) if !is_voucher(item) => u64::try_from(kobo).unwrap_or_default(),
            _ => 0,
        },
        reconcile_ms: number("reconcile_ms").filter(|_| in_index),
        reconciled_ms: number("reconciled_ms"),
        reason: history.iter().rev().find_map(reason),
    })
}

/// Whether it is a refill by voucher, which the tenant paid for before.
fn is_voucher(item: &Item) -> bool {
    let kind = match item.get("refill") {
        Some(AttributeValue::M(refill)) => refill.get("refill_type"),
        _ => None,
    };
    matches!(kind, Some(AttributeValue::S(kind)) if kind == "voucher")
}

/// The note of a line of the history that concluded something.
fn reason(line: &AttributeValue) -> Option<String> {
    let AttributeValue::M(fields) = line else { return None };
    match (fields.get("concluded"), fields.get("note")) {
        (Some(AttributeValue::S(_)), Some(AttributeValue::S(note))) => Some(note.clone()),
        (Some(AttributeValue::S(_)), _) => Some(String::new()),
        _ => None,
    }
}
