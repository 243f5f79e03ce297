//! What must hold at the end, when nothing has gone wrong for a while.

use std::collections::BTreeMap;

use sandbox::simulators::vtpass::{Delivery, OrderState, deliveries};
use shared::domain::purchase::State;

use super::item::{lines, number, text};
use super::{ages, consents, events, limits, name, requests, webhooks};
use crate::record::{Report, Seen};
use crate::schedule::{Deed, PayAnswer, RequeryAnswer};
use crate::world::World;

/// Attributes of the tombstone of a withdrawn consent.
const TOMBSTONE: [&str; 5] = ["account_id", "tenant", "state", "provider", "history"];

/// How often an instance asks until it takes a provider for down, with the first trials after that.
const CALLS_TO_NOTICE: u64 = 12;
/// The pause between two trials of a provider that stays down.
const TRIAL_MS: u64 = 60_000;

/// Checks everything that must hold at the end. `is_quiet` tells whether everything came to its end.
pub fn at_the_end(world: &World, is_quiet: bool) {
    if !is_quiet {
        world.violated("comes_to_its_end", unfinished(world));
    }
    queues_are_empty(world);
    let purchases = world.record().purchases.clone();
    for (id, seen) in &purchases {
        match seen.is_refill {
            true => refill_agrees(world, id, seen),
            false => purchase_agrees(world, id, seen),
        }
    }
    wallet_agrees(world, &purchases);
    costs_agree(world);
    chains_go_on(world);
    requests::at_the_end(world);
    outages_are_spared(world);
    consents_are_erased(world);
    consents::at_the_end(world);
    ages::at_the_end(world);
    withdrawals_are_done(world);
    mono_is_told(world);
    limits::at_the_end(world);
    events::at_the_end(world);
    webhooks::at_the_end(world);
}

/// A chain goes on by itself, whatever happens to a step. Reconcile restarts it only where something was
/// away for long.
fn chains_go_on(world: &World) {
    let restarts = world.record().restarts;
    let schedule = &world.schedule;
    let loses = schedule
        .actions
        .iter()
        .any(|it| matches!(it.deed, Deed::LoseMessages | Deed::Spoil { .. }));
    let is_mild = schedule.outages.is_empty() && schedule.faults.iter().all(|it| it.times <= 2);
    let is_mild = is_mild && !loses;
    if restarts > 0 && is_mild {
        world.violated("chains_go_on", format!("reconcile restarted {restarts} chains"));
    }
}

/// What keeps the run from its end.
fn unfinished(world: &World) -> String {
    let record = world.record();
    let open = record.purchases.iter().filter(|(_, it)| {
        let is_over = it.reconcile_ms.is_none() || is_for_a_person(world, it);
        !(is_over && (it.state.is_final() || it.state == State::NeedsReview))
    });
    let open: Vec<String> = open
        .map(|(id, it)| format!("{id:.6} {} reconcile {:?}", it.state.name(), it.reconcile_ms))
        .collect();
    drop(record);
    let (messages, ends, old) = (world.messages(), consents::ends(world), ages::overdue(world));
    format!(
        "open purchases: {open:?}; messages: {messages:?}; consents that end: {ends:?}; too old: {old:?}"
    )
}

fn queues_are_empty(world: &World) {
    for (queue, count) in world.messages() {
        if count > 0 {
            let detail = format!("{count} messages are in {queue}");
            world.violated("no_message_is_left", detail);
        }
    }
}

fn purchase_agrees(world: &World, id: &str, seen: &Seen) {
    let order = world.vtpass.order(&seen.reference);
    let truth = order.map_or(OrderState::NotTaken, |it| it.state);
    let agrees = match seen.state {
        State::Delivered => {
            truth == OrderState::Delivered
                || truth == OrderState::Reversed
                    && (nobody_could_know(world, seen) || is_for_a_person(world, seen))
        }
        State::Failed => matches!(truth, OrderState::Failed | OrderState::NotTaken),
        State::Reversed => truth == OrderState::Reversed,
        State::NeedsReview => has_reason(seen),
        State::Submitted | State::Pending => false,
    };
    let is_guessed = world.record().guessed.contains(&seen.reference);
    let is_known = agrees || is_guessed && is_contradicted(world, id, truth);
    if !is_known {
        let detail = format!("purchase {id} is {}, VTpass has it as {truth:?}", seen.state.name());
        world.violated("agrees_with_the_provider", detail);
    }
}

/// Whether a line of a purchase's history says what VTpass has.
fn is_contradicted(world: &World, id: &str, truth: OrderState) -> bool {
    let Some(item) = world.dynamodb.item("PurchasesTable", &[("purchase_id", id)]) else {
        return false;
    };
    let answer = match truth {
        OrderState::Delivered => "delivered",
        OrderState::Failed => "failed",
        OrderState::Reversed => "reversed",
        OrderState::Pending | OrderState::NotTaken => return false,
    };
    lines(&item).any(|line| text(line, "answer") == answer)
}

/// Whether VTpass reversed a delivered order and its record has another price, so that a person must look.
pub fn is_for_a_person(world: &World, seen: &Seen) -> bool {
    let order = world.vtpass.order(&seen.reference);
    order.is_some_and(|it| it.state == OrderState::Reversed && it.amount_kobo != seen.amount)
}

/// Whether VTpass reversed an order after reconcile looked back on it, and its webhook was lost or never sent.
fn nobody_could_know(world: &World, seen: &Seen) -> bool {
    let reversal = world.record().reversals.get(&seen.reference).copied();
    let Some((reversal, looked)) = reversal.zip(seen.reconciled_ms) else { return false };
    let is_told = match reversal.report {
        Report::Nobody => false,
        Report::Vtpass => {
            let about = |it: &&Delivery| it.request_id.as_deref() == Some(&seen.reference);
            deliveries(&world.vtpass).iter().find(about).is_some_and(|newest| newest.accepted)
        }
        Report::Taken => true,
    };
    reversal.at_ms > looked && !is_told
}

fn refill_agrees(world: &World, id: &str, seen: &Seen) {
    let is_done = is_refilled(world, &seen.reference);
    let agrees = match seen.state {
        State::Delivered => is_done,
        State::Failed => !is_done,
        State::NeedsReview => has_reason(seen),
        State::Submitted | State::Pending | State::Reversed => false,
    };
    if !agrees {
        let detail = format!("refill {id} is {}, done at MTN: {is_done}", seen.state.name());
        world.violated("agrees_with_the_provider", detail);
    }
}

/// Whether MTN did the refill of a purchase.
pub fn is_refilled(world: &World, reference: &str) -> bool {
    let refills = world.mtn.refills();
    let refill = refills.iter().find(|it| it.transaction_id.as_deref() == Some(reference));
    refill.is_some_and(|it| !it.done_at.is_empty())
}

fn has_reason(seen: &Seen) -> bool {
    seen.reason.as_ref().is_some_and(|note| !note.is_empty())
}

/// What VTpass charged and did not pay back is what our purchases cost.
fn wallet_agrees(world: &World, purchases: &BTreeMap<String, Seen>) {
    for order in world.vtpass.orders() {
        let known = purchases.values().any(|it| it.reference == order.request_id);
        if order.pay_calls > 0 && !known {
            let detail = format!("VTpass has {}, which we do not", order.request_id);
            world.violated("agrees_with_the_provider", detail);
        }
        if order.charged_times > 1 {
            world.violated(name::PAID_ONCE, format!("{} was charged twice", order.request_id));
        }
    }
}

/// What a purchase says that it cost is what VTpass took for it. After its look back it is known.
fn costs_agree(world: &World) {
    for item in world.dynamodb.all("PurchasesTable") {
        let reference = text(&item, "request_id");
        let Some(order) = world.vtpass.order(reference) else { continue };
        let Some(cost) = number(&item, "cost_kobo") else {
            let was_looked_back_on = item.contains_key("reconciled_ms");
            let is_delivered = text(&item, "state") == "delivered";
            if was_looked_back_on && is_delivered && says_the_cost(world) {
                let detail = format!("nobody knows what {reference} cost");
                world.violated("agrees_with_the_provider", detail);
            }
            continue;
        };
        if u64::try_from(cost) != Ok(order.total_kobo) {
            let detail = format!("{reference} cost {cost} kobo, VTpass took {}", order.total_kobo);
            world.violated("agrees_with_the_provider", detail);
        }
    }
}

/// Whether each proof of VTpass says what the order cost, and no operator guessed the end.
fn says_the_cost(world: &World) -> bool {
    let is_silent = |deed: &Deed| match deed {
        Deed::Buy { fate, .. } => {
            fate.pay == PayAnswer::Sparse || fate.requeries.contains(&RequeryAnswer::Sparse)
        }
        Deed::Guess { .. } => true,
        _ => false,
    };
    !world.schedule.actions.iter().any(|action| is_silent(&action.deed))
}

/// An instance asks a provider that is away a few times, then once in a while. Where jobs multiply, it
/// is not judged.
fn outages_are_spared(world: &World) {
    if world.schedule.multiplies_jobs() {
        return;
    }
    let longest = world.schedule.outages.iter().map(|it| it.for_ms).max().unwrap_or_default();
    let most = CALLS_TO_NOTICE + longest / TRIAL_MS;
    let calls_to_away = world.record().calls_to_away.clone();
    for (instance, calls) in calls_to_away {
        if calls > most {
            let detail = format!("{instance} made {calls} calls to a provider that was away");
            world.violated("bounded_calls", detail);
        }
    }
}

/// What a customer withdrew at Mono is withdrawn here, if Mono reported it.
fn withdrawals_are_done(world: &World) {
    let reported = world.record().reported.clone();
    for item in world.dynamodb.all("AccountsTable") {
        let id = text(&item, "account_id");
        let is_linked = text(&item, "state") == "linked";
        if is_linked && reported.contains(id) && !world.mono.is_linked(id) {
            let detail = format!("account {id} was withdrawn at Mono and is still linked");
            world.violated("consents_are_erased", detail);
        }
    }
}

/// What nobody holds any more is unlinked at Mono, unless Mono linked it and no answer came.
fn mono_is_told(world: &World) {
    let lost = world.record().not_exchanged.clone();
    let accounts = world.dynamodb.all("AccountsTable");
    for item in &accounts {
        let id = text(item, "account_id");
        let is_held = accounts
            .iter()
            .any(|it| text(it, "account_id") == id && text(it, "state") != "unlinked");
        if !is_held && !lost.contains(id) && world.mono.is_linked(id) {
            let detail = format!("nobody holds account {id}, and Mono was not told");
            world.violated("mono_is_told", detail);
        }
    }
}

fn consents_are_erased(world: &World) {
    for item in world.dynamodb.all("AccountsTable") {
        let (account, state) = (text(&item, "account_id"), text(&item, "state"));
        if state == "unlinking" {
            let detail = format!("account {account} is withdrawn and not finished");
            world.violated("consents_are_erased", detail);
        }
        if state == "unlinked"
            && let Some(left) = item.keys().find(|it| !TOMBSTONE.contains(&it.as_str()))
        {
            let detail = format!("account {account} is withdrawn and still has {left}");
            world.violated("consents_are_erased", detail);
        }
    }
}
