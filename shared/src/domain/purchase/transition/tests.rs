//! The transition, state by state, and as a property over any order of answers.

mod properties;

use std::sync::Mutex;

use proptest::prelude::*;
use serde_json::Value;
use strum::IntoEnumIterator;
use time::Duration;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::domain::purchase::{Answer, Charge, Settled, samples};
use crate::domain::service::MTN_REFILL;
use crate::platform::config::Vars;

const START: OffsetDateTime = time::macros::datetime!(2026-11-22 10:00 UTC);
const SOURCES: [Source; 3] = [Source::Pay, Source::Requery, Source::Hint];

fn purchase(state: State) -> Purchase {
    samples::purchase(state, START)
}

fn outcome(verdict: Verdict) -> Outcome {
    Outcome { acknowledged: true, ..Outcome::new(verdict, "000", "") }
}

fn unknown() -> Outcome {
    Outcome { unknown_reference: true, ..Outcome::unclear("015", "") }
}

fn at(source: &Source, outcome: Outcome, at: OffsetDateTime) -> Evidence {
    let patience = Patience::from_vars(&Vars::default()).unwrap();
    let look_back = ReconcileAfter::default();
    Evidence { source: source.clone(), outcome, at, patience, look_back }
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
fn two_steps_at_once_hand_a_purchase_to_a_person_once() {
    for source in &SOURCES {
        let change = transition(
            &purchase(State::Pending),
            &at(source, outcome(Verdict::NeedsReview), START),
        );
        assert_eq!(change.to, Some(State::NeedsReview));
        assert!(!change.from.contains(&State::NeedsReview), "{source}");
    }
}

#[test]
fn a_final_state_changes_only_from_delivered_to_reversed() {
    for state in State::iter().filter(|state| state.is_final()) {
        for (source, verdict) in SOURCES.iter().flat_map(|s| Verdict::iter().map(move |v| (s, v))) {
            let change = transition(&purchase(state), &at(source, outcome(verdict), START));
            let reversal = (state, verdict) == (State::Delivered, Verdict::Reversed);
            assert_eq!(change.to, reversal.then_some(State::Reversed));
            let contradicts = verdict.proves().is_some_and(|it| it != state) && !reversal;
            assert_eq!(change.is_contradiction(), contradicts, "{state:?} {verdict:?}");
            assert_eq!(change.from, [state]);
        }
    }
}

#[test]
fn what_settles_a_purchase_says_when_reconcile_looks_back_on_it() {
    let after = |seconds: &str| {
        let vars = [("RECONCILE_AFTER_SECONDS".to_owned(), seconds.to_owned())];
        ReconcileAfter::from_vars(&vars.into_iter().collect()).unwrap()
    };
    let comes_back = |purchase: &Purchase, verdict, age, look_back| {
        let evidence = at(&Source::Requery, outcome(verdict), START + age);
        let change = transition(purchase, &Evidence { look_back, ..evidence });
        change.reconcile_at.map(|at| at - START)
    };
    let (day, hours) = (after(""), Duration::hours);
    let pending = purchase(State::Pending);
    for verdict in [Verdict::Delivered, Verdict::Failed, Verdict::Reversed] {
        assert_eq!(comes_back(&pending, verdict, hours(0), day), Some(hours(24)));
        assert_eq!(comes_back(&pending, verdict, hours(23), day), Some(hours(29)));
        assert_eq!(comes_back(&pending, verdict, hours(15 * 24 - 6), day), None, "it is too old");
        assert_eq!(comes_back(&pending, verdict, hours(1), after("3600")), Some(hours(1) * 5 / 4));
        assert_eq!(comes_back(&pending, verdict, hours(1), after("0")), None, "it is switched off");
        let refill = Purchase { service_id: MTN_REFILL.to_owned(), ..pending.clone() };
        assert_eq!(comes_back(&refill, verdict, hours(1), day), None, "MTN cannot be asked");
        let delivered = purchase(State::Delivered);
        assert_eq!(comes_back(&delivered, verdict, hours(1), day), None, "it is in the index");
    }
    for verdict in [Verdict::Pending, Verdict::Unclear, Verdict::NeedsReview] {
        assert_eq!(comes_back(&pending, verdict, hours(1), day), None, "it stays open");
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
    // An answer that does not know the reference and holds the transaction proves that it was accepted.
    let mut asked = asked(&[60, 120, 400]);
    asked[2].2.acknowledged = true;
    assert_eq!(live(submitted(), &asked), State::Submitted);
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

    let mut hints: Vec<_> = [400, 500, 600].map(|age| (age, Source::Hint, unknown())).into();
    assert_eq!(live(purchase(State::Submitted), &hints), State::Submitted);
    hints.splice(0..0, asked(&[60, 120, 180]));
    assert_eq!(live(purchase(State::Submitted), &hints), State::Submitted);
}

#[test]
fn only_a_failure_without_a_proof_gives_way_to_an_acknowledgement() {
    let third = at(&Source::Requery, unknown(), START + Duration::seconds(360));
    let refused = at(&Source::Requery, outcome(Verdict::Failed), START + Duration::seconds(360));
    for (state, evidence, to, gives_way) in [
        (State::Pending, &third, Some(State::Failed), true),
        (State::Delivered, &third, None, false),
        (State::Pending, &refused, Some(State::Failed), false),
    ] {
        let asked_twice = Purchase { unknown_references: 2, ..purchase(state) };
        let change = transition(&asked_twice, evidence);
        assert_eq!((change.to, change.unless_acknowledged), (to, gives_way), "{state:?}");
    }
}

#[test]
fn an_amount_is_taken_only_where_none_is_known() {
    let worth = Kobo::new(50_000).ok();
    let refilled = Outcome { amount: worth, ..outcome(Verdict::Delivered) };
    let evidence = at(&Source::Refill, refilled, START);
    let voucher = Purchase { amount: None, ..purchase(State::Submitted) };
    assert_eq!(transition(&voucher, &evidence).amount, worth);
    assert_eq!(transition(&purchase(State::Submitted), &evidence).amount, None);
}

#[test]
fn what_an_order_cost_is_taken_from_an_answer_that_says_it_otherwise() {
    let cost = Kobo::new(9_600).ok();
    let charge = Charge { cost, ..Charge::default() };
    let told = Outcome { charge: charge.clone(), ..outcome(Verdict::Delivered) };
    let evidence = at(&Source::Requery, told, START);
    assert_eq!(transition(&purchase(State::Pending), &evidence).charge, charge);
    let known = Purchase { cost, ..purchase(State::Pending) };
    assert_eq!(transition(&known, &evidence).charge, Charge::default());
}

#[test]
fn a_transition_keeps_what_it_changes_when_another_joins_it() {
    let deadline = at(&Source::Deadline, Outcome::deadline_passed(), START);
    let change = Transition {
        from: vec![State::Submitted, State::Pending],
        acknowledged: true,
        unless_acknowledged: true,
        unknown_references: Some(3),
        amount: Kobo::new(1).ok(),
        charge: Charge { cost: Kobo::new(1).ok(), ..Charge::default() },
        ..transition(&purchase(State::Pending), &deadline)
    };
    assert_eq!(Transition::from_open().from, State::OPEN);
    assert_eq!(Transition::from_open().then(change.clone()), change);
    assert_eq!(change.clone().then(Transition::from_open()), change);
    let moved = change.clone().moving(4, 5, START);
    assert_eq!((moved.at_step, moved.next_step), (Some(4), Some(5)));
    assert_eq!(moved.reconcile_at, Some(START));
    assert_eq!(Transition { at_step: None, next_step: None, reconcile_at: None, ..moved }, change);
}

#[test]
fn the_history_says_what_an_answer_means_by_itself() {
    let said = |outcome: Outcome| {
        let change = transition(&purchase(State::Pending), &at(&Source::Requery, outcome, START));
        change.attempts[0].answer
    };
    assert_eq!(said(unknown()), Some(Answer::UnknownReference));
    for (verdict, answer) in [
        (Verdict::Delivered, Answer::Delivered),
        (Verdict::Failed, Answer::Failed),
        (Verdict::Reversed, Answer::Reversed),
        (Verdict::NeedsReview, Answer::NeedsReview),
        (Verdict::Pending, Answer::Pending),
        (Verdict::Unclear, Answer::Unclear),
    ] {
        assert_eq!(said(outcome(verdict)), Some(answer));
    }
}

#[test]
fn a_report_has_a_line_for_each_attempt_and_each_alarm() {
    static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    let submitted = purchase(State::Submitted);
    let change = transition(&submitted, &at(&Source::Pay, outcome(Verdict::NeedsReview), START));
    let layer = telemetry::log::json_lines(|| LOG.make_writer(), ["shared"]);
    let lines = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(lines, || change.report(&submitted));
    let log = LOG.lock().unwrap();
    let lines = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let lines: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    let shown = |line: &Value, names: [&str; 4]| names.map(|name| line[name].clone());
    let attempt = ["pay", "000", "needs_review", "purchase_needs_review"];
    assert_eq!(shown(&lines[0], ["call", "code", "concluded", "metric"]), attempt);
    let alarm = ["needs_review", "submitted", "000", "ERROR"];
    assert_eq!(shown(&lines[1], ["alarm", "state", "code", "level"]), alarm);
    assert_eq!(lines.len(), 2);
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
fn an_operator_settles_what_waits_for_a_person_and_records_a_reversal() {
    for (settled, proven) in [
        (Settled::Delivered, State::Delivered),
        (Settled::Failed, State::Failed),
        (Settled::Reversed, State::Reversed),
    ] {
        let settled = Outcome::settled(settled, "ada", "ticket 1");
        for state in State::iter() {
            let evidence = at(&Source::Operator, settled.clone(), START);
            let change = transition(&purchase(state), &evidence);
            let is_reversal = (state, proven) == (State::Delivered, State::Reversed);
            let expected = (state == State::NeedsReview || is_reversal).then_some(proven);
            assert_eq!(change.to, expected, "{state:?}");
            assert_eq!(change.attempts[0].note, "by ada: ticket 1");
        }
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

#[test]
fn an_end_is_late_when_it_comes_on_another_day_than_the_order() {
    let ends = |after: Duration, verdict| {
        let evidence = at(&Source::Requery, outcome(verdict), START + after);
        transition(&purchase(State::Pending), &evidence).is_late
    };
    assert!(!ends(Duration::hours(1), Verdict::Delivered));
    assert!(ends(Duration::hours(20), Verdict::Delivered));
    assert!(!ends(Duration::hours(20), Verdict::Pending), "it has not ended");
}

#[test]
fn what_holds_for_one_of_two_joined_transitions_holds_for_both() {
    let of = |holds| Transition { acknowledged: holds, is_late: holds, ..Transition::from_open() };
    let joined = |first, next| {
        let joined = of(first).then(of(next));
        [joined.acknowledged, joined.is_late]
    };
    assert_eq!([joined(true, false), joined(false, true)], [[true; 2]; 2]);
    assert_eq!(joined(false, false), [false; 2]);
}
