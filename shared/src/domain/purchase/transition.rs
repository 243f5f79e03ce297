//! The transition: the one function that decides what an outcome means for a purchase.

use time::OffsetDateTime;

use super::{Attempt, Outcome, Purchase, Source, State, Verdict};
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
    /// What an operator must be told.
    pub alarms: Vec<Alarm>,
    /// The step of the requery chain from which it may be written; any when `None`.
    pub at_step: Option<u32>,
    /// The new step; `None` leaves it.
    pub next_step: Option<u32>,
}

/// How often in a row the provider must say that it does not know the reference.
const UNKNOWN_REFERENCES: u32 = 3;

/// Decides what `evidence` means for `purchase` as it is stored.
pub fn transition(purchase: &Purchase, evidence: &Evidence) -> Transition {
    let Evidence { source, outcome, at, .. } = evidence;
    let unknown_references = unknown_references(purchase, evidence);
    let never_accepted = never_accepted(purchase, evidence, unknown_references);
    let to = match purchase.state.is_final() {
        true => after_final(purchase.state, source, outcome.verdict),
        false if never_accepted => Some(State::Failed),
        false => while_open(purchase.state, source, outcome.verdict),
    };
    let attempt = Attempt {
        at: *at,
        source: source.clone(),
        code: outcome.code.clone(),
        concluded: to,
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
        alarms: alarms(purchase.state, outcome, to),
        ..Transition::default()
    }
}

impl Transition {
    /// A transition of nothing yet, from any open state.
    pub fn from_open() -> Self {
        Self { from: State::OPEN.to_vec(), ..Self::default() }
    }

    /// The transition at a step of the requery chain, which moves it on.
    #[must_use]
    pub fn moving(self, at_step: u32, next_step: u32) -> Self {
        Self { at_step: Some(at_step), next_step: Some(next_step), ..self }
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
            acknowledged: self.acknowledged || next.acknowledged,
            unless_acknowledged: self.unless_acknowledged || next.unless_acknowledged,
            unknown_references: next.unknown_references.or(self.unknown_references),
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

/// The one change of a final state: the provider proves that it gave the money back.
fn after_final(state: State, source: &Source, verdict: Verdict) -> Option<State> {
    match (state, verdict) {
        (_, _) if *source == Source::Operator => None,
        (State::Delivered, Verdict::Reversed) => Some(State::Reversed),
        _ => None,
    }
}

/// A proof is written from any open state, a wait for the provider only from a state that does not
/// wait for a person already.
fn from(state: State, source: &Source, to: Option<State>) -> Vec<State> {
    match (state.is_final(), source, to) {
        (true, _, _) => vec![state],
        (false, Source::Operator, _) => vec![State::NeedsReview],
        (false, _, Some(State::Pending)) => vec![State::Submitted, State::Pending],
        (false, _, _) => State::OPEN.to_vec(),
    }
}

fn alarms(state: State, outcome: &Outcome, to: Option<State>) -> Vec<Alarm> {
    let review = (to == Some(State::NeedsReview)).then_some(Alarm::NeedsReview);
    let contradicts = outcome.verdict.proves().is_some_and(|proof| proof != state);
    let contradiction =
        (state.is_final() && to.is_none() && contradicts).then_some(Alarm::ContradictedFinalState);
    [outcome.alarm, review, contradiction].into_iter().flatten().collect()
}

/// Counts in a row the answers that the provider does not know the reference. An answer that comes
/// too early does not count, nor does a hint's, which may come at any moment. Any other answer of
/// the provider starts the count again.
fn unknown_references(purchase: &Purchase, evidence: &Evidence) -> Option<u32> {
    let early = evidence.at - purchase.created_at < evidence.patience.first();
    match (&evidence.source, evidence.outcome.unknown_reference) {
        (Source::Requery, true) if !early => Some(purchase.unknown_references.saturating_add(1)),
        (Source::Pay | Source::Requery | Source::Hint, true) => Some(purchase.unknown_references),
        (Source::Pay | Source::Requery | Source::Hint, false) => Some(0),
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
        && !purchase.acknowledged
        && evidence.at - purchase.created_at >= evidence.patience.whole()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::IntoEnumIterator;
    use time::Duration;

    use super::*;
    use crate::domain::purchase::Settled;
    use crate::domain::time::to_ms;
    use crate::platform::config::Vars;

    const START: OffsetDateTime = time::macros::datetime!(2026-11-22 10:00 UTC);
    const SOURCES: [Source; 3] = [Source::Pay, Source::Requery, Source::Hint];

    fn purchase(state: State) -> Purchase {
        let id = "0123456789abcdef0123456789abcdef";
        let stored = serde_json::json!({
            "purchase_id": id, "tenant": "t", "request_id": format!("202611221100{id}"),
            "state": state, "service_id": "mtn", "phone": "08031234567", "amount_kobo": 10_000,
            "created_ms": to_ms(START), "updated_ms": to_ms(START), "listed": "",
        });
        serde_json::from_value(stored).unwrap()
    }

    fn outcome(verdict: Verdict) -> Outcome {
        Outcome { acknowledged: true, ..Outcome::new(verdict, "000", "") }
    }

    fn unknown() -> Outcome {
        Outcome { unknown_reference: true, ..Outcome::unclear("015", "") }
    }

    fn at(source: &Source, outcome: Outcome, at: OffsetDateTime) -> Evidence {
        let patience = Patience::from_vars(&Vars::default()).unwrap();
        Evidence { source: source.clone(), outcome, at, patience }
    }

    fn to(state: State, source: &Source, verdict: Verdict) -> Option<State> {
        transition(&purchase(state), &at(source, outcome(verdict), START)).to
    }

    #[test]
    fn an_open_purchase_goes_to_the_state_that_is_proven() {
        for state in State::OPEN {
            for source in &SOURCES {
                assert_eq!(to(state, source, Verdict::Delivered), Some(State::Delivered));
                assert_eq!(to(state, source, Verdict::Failed), Some(State::Failed));
                assert_eq!(to(state, source, Verdict::Reversed), Some(State::Reversed));
            }
        }
        assert_eq!(to(State::Submitted, &Source::Pay, Verdict::Unclear), Some(State::Pending));
        assert_eq!(to(State::Submitted, &Source::Requery, Verdict::Unclear), None);
        assert_eq!(to(State::Submitted, &Source::Requery, Verdict::Pending), Some(State::Pending));
        assert_eq!(to(State::Pending, &Source::Requery, Verdict::Pending), None);
        let review = to(State::Pending, &Source::Requery, Verdict::NeedsReview);
        assert_eq!(review, Some(State::NeedsReview));
        assert_eq!(to(State::NeedsReview, &Source::Requery, Verdict::Pending), None);
    }

    #[test]
    fn a_final_state_changes_only_from_delivered_to_reversed() {
        for state in State::iter().filter(|state| state.is_final()) {
            for (source, verdict) in
                SOURCES.iter().flat_map(|s| Verdict::iter().map(move |v| (s, v)))
            {
                let change = transition(&purchase(state), &at(source, outcome(verdict), START));
                let reversal = (state, verdict) == (State::Delivered, Verdict::Reversed);
                assert_eq!(change.to, reversal.then_some(State::Reversed));
                let contradicts = verdict.proves().is_some_and(|it| it != state) && !reversal;
                assert_eq!(change.is_contradiction(), contradicts, "{state:?} {verdict:?}");
                assert_eq!(change.from, [state]);
            }
        }
    }

    /// Takes answers, each at its age in seconds, and gives the state at the end.
    fn live(mut purchase: Purchase, answers: &[(i64, Source, Outcome)]) -> State {
        for (age, source, outcome) in answers {
            let evidence = at(source, outcome.clone(), START + Duration::seconds(*age));
            let change = transition(&purchase, &evidence);
            purchase.state = change.to.unwrap_or(purchase.state);
            purchase.unknown_references = change.unknown_references.unwrap_or_default();
            purchase.acknowledged |= change.acknowledged;
        }
        purchase.state
    }

    fn asked(ages: &[i64]) -> Vec<(i64, Source, Outcome)> {
        ages.iter().map(|age| (*age, Source::Requery, unknown())).collect()
    }

    #[test]
    fn three_unknown_references_and_six_minutes_prove_that_it_was_never_accepted() {
        let submitted = || purchase(State::Submitted);
        assert_eq!(live(submitted(), &asked(&[60, 120, 360])), State::Failed);
        assert_eq!(live(submitted(), &asked(&[60, 120, 359])), State::Submitted);
        assert_eq!(live(submitted(), &asked(&[60, 120, 180, 360])), State::Failed);
        assert_eq!(live(submitted(), &asked(&[45, 59, 360, 400])), State::Submitted);
        assert_eq!(live(submitted(), &asked(&[400, 800])), State::Submitted);
        let known = Purchase { acknowledged: true, ..submitted() };
        assert_eq!(live(known, &asked(&[400, 500, 600, 700, 80_000])), State::Submitted);
    }

    #[test]
    fn another_answer_starts_the_count_again_and_hints_do_not_count() {
        let mut answers = asked(&[60, 120]);
        answers.push((130, Source::Requery, outcome(Verdict::Unclear)));
        // That answer acknowledged it besides.
        answers.extend(asked(&[400, 800, 1200, 1600]));
        assert_eq!(live(purchase(State::Submitted), &answers), State::Submitted);

        let unclear = Outcome { unknown_reference: false, ..unknown() };
        let mut answers = asked(&[60, 120]);
        answers.push((130, Source::Requery, unclear));
        answers.extend(asked(&[400, 800]));
        assert_eq!(live(purchase(State::Submitted), &answers), State::Submitted);
        answers.extend(asked(&[900]));
        assert_eq!(live(purchase(State::Submitted), &answers), State::Failed);

        let hints: Vec<_> = [400, 500, 600].map(|age| (age, Source::Hint, unknown())).into();
        assert_eq!(live(purchase(State::Submitted), &hints), State::Submitted);
    }

    #[test]
    fn a_refill_without_a_proof_waits_for_a_person() {
        for verdict in [Verdict::Pending, Verdict::Unclear, Verdict::NeedsReview] {
            assert_eq!(to(State::Submitted, &Source::Refill, verdict), Some(State::NeedsReview));
        }
        let unrecorded = at(&Source::Requery, Outcome::refill_not_recorded(), START);
        let change = transition(&purchase(State::Submitted), &unrecorded);
        assert_eq!(change.to, Some(State::NeedsReview));
        assert_eq!(change.alarms, [Alarm::NeedsReview]);
    }

    #[test]
    fn the_deadline_hands_an_open_purchase_to_a_person_after_its_last_answer() {
        for state in [State::Submitted, State::Pending] {
            let answer = at(&Source::Requery, outcome(Verdict::Pending), START);
            let deadline = at(&Source::Deadline, Outcome::deadline_passed(), START);
            let purchase = purchase(state);
            let change = transition(&purchase, &answer).then(transition(&purchase, &deadline));
            assert_eq!(change.to, Some(State::NeedsReview));
            assert_eq!(change.alarms, [Alarm::NeedsReview]);
            assert!(change.acknowledged && change.unknown_references == Some(0));
            let sources: Vec<_> = change.attempts.iter().map(|it| it.source.clone()).collect();
            assert_eq!(sources, [Source::Requery, Source::Deadline]);
        }
    }

    #[test]
    fn an_operator_settles_only_what_waits_for_a_person() {
        let settled = Outcome::settled(Settled::Failed, "ada", "ticket 1");
        for state in State::iter() {
            let change =
                transition(&purchase(state), &at(&Source::Operator, settled.clone(), START));
            let expected = (state == State::NeedsReview).then_some(State::Failed);
            assert_eq!(change.to, expected, "{state:?}");
            assert_eq!(change.attempts[0].note, "by ada: ticket 1");
        }
    }

    proptest! {
        /// Whatever comes in whatever order: money is called safe only on proof.
        #[test]
        fn safe_to_refund_needs_a_proof(
            answers in proptest::collection::vec((0_i64..90_000, 0..3_usize, 0..7_usize), 1..30),
        ) {
            let answers: Vec<_> = answers
                .into_iter()
                .map(|(age, source, kind)| {
                    (age, SOURCES[source].clone(), Verdict::iter().nth(kind).map_or_else(unknown, outcome))
                })
                .collect();
            let end = live(purchase(State::Submitted), &answers);
            let proven = answers.iter().any(|(.., it)| {
                matches!(it.verdict, Verdict::Failed | Verdict::Reversed)
            });
            let forgotten = answers.iter().filter(|(.., it)| it.unknown_reference).count() >= 3
                && answers.iter().any(|(age, ..)| *age >= 360);
            prop_assert!(!end.safe_to_refund() || proven || forgotten);
        }
    }
}
