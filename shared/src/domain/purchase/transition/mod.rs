//! The transition: the one function that decides what an outcome means for a purchase.

use time::OffsetDateTime;

use super::{Attempt, Charge, Outcome, Purchase, ReconcileAfter, Source, State, Verdict};
use crate::domain::date::Date;
use crate::domain::money::Kobo;
use crate::domain::schedule::Patience;
use crate::platform::telemetry;
use crate::platform::telemetry::alarm::Alarm;

/// What was learnt about a purchase: the outcome, where it came from, and when.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Where the outcome came from.
    pub source: Source,
    /// The outcome.
    pub outcome: Outcome,
    /// When it was learnt.
    pub at: OffsetDateTime,
    /// How long VTpass may not know a purchase before that is believed.
    pub patience: Patience,
    /// When reconcile looks back on a purchase that is settled by it.
    pub look_back: ReconcileAfter,
}

/// What evidence changes about a purchase, and the condition under which it may be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transition {
    /// The states from which it may be written.
    pub from: Vec<State>,
    /// The new state; `None` leaves it.
    pub to: Option<State>,
    /// The lines for the history.
    pub attempts: Vec<Attempt>,
    /// Whether the provider proved that it knows the purchase.
    pub acknowledged: bool,
    /// Whether it may be written only while no answer has acknowledged the purchase.
    pub unless_acknowledged: bool,
    /// The new count of answers in a row that the provider does not know the reference; `None`
    /// leaves it.
    pub unknown_references: Option<u32>,
    /// The amount, where it is known only now; `None` leaves it.
    pub amount: Option<Kobo>,
    /// What is new about its cost.
    pub charge: Charge,
    /// What an operator must be told.
    pub alarms: Vec<Alarm>,
    /// The step of the requery chain from which it may be written; any when `None`.
    pub at_step: Option<u32>,
    /// The new step; `None` leaves it.
    pub next_step: Option<u32>,
    /// Whether it comes on a later day than the purchase, as Lagos counts days.
    pub is_late: bool,
    /// When reconcile comes back to the purchase unless another change came; `None` leaves it.
    pub reconcile_at: Option<OffsetDateTime>,
}

/// How often in a row the provider must say that it does not know the reference.
const UNKNOWN_REFERENCES: u32 = 3;

/// Decides what `evidence` means for `purchase` as it is stored.
pub fn transition(purchase: &Purchase, evidence: &Evidence) -> Transition {
    let Evidence { source, outcome, at, .. } = evidence;
    let verdict = purchase.verdict_of(outcome);
    let unknown_references = unknown_references(purchase, evidence);
    let never_accepted = never_accepted(purchase, evidence, unknown_references);
    let to = match purchase.state.is_final() {
        true => after_final(purchase.state, verdict),
        false if never_accepted => Some(State::Failed),
        false => while_open(purchase.state, source, verdict),
    };
    let attempt = Attempt {
        at: *at,
        source: source.clone(),
        code: outcome.code.clone(),
        concluded: to,
        answer: Some(outcome.answer(verdict)),
        note: outcome.note.to_string(),
    };
    Transition {
        from: from(purchase.state, source, to),
        to,
        attempts: vec![attempt],
        acknowledged: outcome.acknowledged,
        // That VTpass does not know the reference proves nothing once any answer acknowledged it.
        unless_acknowledged: never_accepted && to == Some(State::Failed),
        unknown_references,
        amount: outcome.amount.filter(|_| purchase.amount.is_none()),
        charge: outcome.charge.news_for(purchase),
        alarms: alarms(purchase.state, verdict, outcome.alarm, to),
        is_late: to.is_some() && Date::of(*at) != Date::of(purchase.created_at),
        reconcile_at: looked_back_on(purchase, evidence, to),
        ..Transition::default()
    }
}

impl Transition {
    /// A transition of nothing yet, from any open state.
    pub fn from_open() -> Self {
        Self { from: State::OPEN.to_vec(), ..Self::default() }
    }

    /// The transition at a step of the requery chain, which moves it on. `overdue` is when reconcile
    /// takes the next step for lost.
    #[must_use]
    pub fn moving(self, at_step: u32, next_step: u32, overdue: OffsetDateTime) -> Self {
        let (at_step, next_step) = (Some(at_step), Some(next_step));
        Self { at_step, next_step, reconcile_at: Some(overdue), ..self }
    }

    /// Whether the evidence contradicts a final state: nothing changes and a person must know.
    pub fn is_contradiction(&self) -> bool {
        self.alarms.contains(&Alarm::ContradictedFinalState)
    }

    /// This transition and the one that follows it at once, written together.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.from.retain(|state| next.from.contains(state));
        self.attempts.extend(next.attempts);
        self.alarms.extend(next.alarms);
        Self {
            to: next.to.or(self.to),
            amount: next.amount.or(self.amount),
            charge: next.charge.or(self.charge),
            acknowledged: self.acknowledged || next.acknowledged,
            unless_acknowledged: self.unless_acknowledged || next.unless_acknowledged,
            unknown_references: next.unknown_references.or(self.unknown_references),
            is_late: self.is_late || next.is_late,
            ..self
        }
    }

    /// Writes the transition to the log, and its alarms for whoever must act.
    pub fn report(&self, purchase: &Purchase) {
        let purchase_id = purchase.purchase_id.as_str();
        let trace = telemetry::trace();
        let trace_id = trace.as_ref().map(telemetry::Trace::id);
        let mut code = "";
        for attempt in &self.attempts {
            let (call, concluded) = (attempt.source.to_string(), attempt.concluded_name());
            let metric = attempt.concluded.map(|state| format!("purchase_{}", state.name()));
            let metric = metric.as_deref();
            code = attempt.code.as_str();
            tracing::info!(
                purchase_id,
                call,
                code,
                concluded,
                metric,
                trace_id,
                "purchase {purchase_id}"
            );
        }
        for alarm in &self.alarms {
            let (alarm, state) = (alarm.name(), purchase.state.name());
            tracing::error!(alarm, purchase_id, code, state, "a purchase needs attention");
        }
    }
}

/// When reconcile looks back on a purchase that is settled now. Without a look back it finds the purchase
/// where it stands in the index, and takes it out.
fn looked_back_on(
    purchase: &Purchase,
    evidence: &Evidence,
    to: Option<State>,
) -> Option<OffsetDateTime> {
    let is_settled_now = !purchase.state.is_final() && to.is_some_and(State::is_final);
    let at = is_settled_now.then_some(evidence.at)?;
    evidence.look_back.look_back_at(purchase, at)
}

fn while_open(state: State, source: &Source, verdict: Verdict) -> Option<State> {
    let to = match (verdict, source) {
        // An operator settles only what waits for one.
        (_, Source::Operator) if state != State::NeedsReview => None,
        (Verdict::Delivered | Verdict::Failed | Verdict::Reversed, _) => verdict.proves(),
        (Verdict::NeedsReview, _) => Some(State::NeedsReview),
        // Nobody can be asked about a refill later.
        (Verdict::Pending | Verdict::Unclear, Source::Refill) => Some(State::NeedsReview),
        (Verdict::Pending, _) | (Verdict::Unclear, Source::Pay) => Some(State::Pending),
        // An unclear answer to a requery is about the requery.
        (Verdict::Unclear, _) => None,
    };
    // A purchase that waits for a person does not go back to waiting for the provider.
    to.filter(|to| *to != state && !(state == State::NeedsReview && *to == State::Pending))
}

/// The one change of a final state: the provider proves that it gave the money back, or an operator knows it
/// from the provider's records.
fn after_final(state: State, verdict: Verdict) -> Option<State> {
    match (state, verdict) {
        (State::Delivered, Verdict::Reversed) => Some(State::Reversed),
        _ => None,
    }
}

/// A proof is written from any open state, a wait for the provider or for a person only from a state
/// that does not wait for a person already.
fn from(state: State, source: &Source, to: Option<State>) -> Vec<State> {
    match (state.is_final(), source, to) {
        (true, _, _) => vec![state],
        (false, Source::Operator, _) => vec![State::NeedsReview],
        (false, _, Some(State::Pending | State::NeedsReview)) => {
            vec![State::Submitted, State::Pending]
        }
        (false, _, _) => State::OPEN.to_vec(),
    }
}

fn alarms(state: State, verdict: Verdict, alarm: Option<Alarm>, to: Option<State>) -> Vec<Alarm> {
    let review = (to == Some(State::NeedsReview)).then_some(Alarm::NeedsReview);
    let contradicts = verdict.proves().is_some_and(|proof| proof != state);
    let contradiction =
        (state.is_final() && to.is_none() && contradicts).then_some(Alarm::ContradictedFinalState);
    [alarm, review, contradiction].into_iter().flatten().collect()
}

/// Counts in a row the answers that the provider does not know the reference. An answer that comes
/// too early does not count, nor does that to a hint or a look back, which may come at any moment.
/// Any other answer of the provider starts the count again.
fn unknown_references(purchase: &Purchase, evidence: &Evidence) -> Option<u32> {
    let early = evidence.at - purchase.created_at < evidence.patience.first();
    match (&evidence.source, evidence.outcome.unknown_reference) {
        (Source::Requery, true) if !early => Some(purchase.unknown_references.saturating_add(1)),
        (Source::Pay | Source::Requery | Source::Hint | Source::LookBack, true) => {
            Some(purchase.unknown_references)
        }
        (Source::Pay | Source::Requery | Source::Hint | Source::LookBack, false) => Some(0),
        (Source::Refill | Source::Deadline | Source::Operator | Source::Other(_), _) => None,
    }
}

/// Whether the provider has proven, by not knowing the reference again and again, that nothing was
/// charged.
fn never_accepted(
    purchase: &Purchase,
    evidence: &Evidence,
    unknown_references: Option<u32>,
) -> bool {
    let count = unknown_references.unwrap_or_default();
    evidence.outcome.unknown_reference
        && count >= UNKNOWN_REFERENCES
        && count > purchase.unknown_references
        && !(purchase.acknowledged || evidence.outcome.acknowledged)
        && evidence.at - purchase.created_at >= evidence.patience.whole()
}

#[cfg(test)]
mod tests;
