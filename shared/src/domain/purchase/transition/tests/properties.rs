//! Properties of the transition over any purchase and any evidence.
//!
//! `written` stands for the store: it takes a change only under the change's condition, and judges
//! evidence again that meets a final state.

use super::*;

/// The states by how much is known. No change leads to a lower rank.
fn rank(state: State) -> u8 {
    match state {
        State::Submitted => 0,
        State::Pending => 1,
        State::NeedsReview => 2,
        State::Delivered | State::Failed => 3,
        State::Reversed => 4,
    }
}

fn any_source() -> impl Strategy<Value = Source> {
    use Source::{Deadline, Hint, LookBack, Operator, Other, Pay, Refill, Requery};
    let other = Other("of_tomorrow".to_owned());
    proptest::sample::select(vec![Pay, Refill, Requery, Hint, LookBack, Deadline, Operator, other])
}

fn any_state() -> impl Strategy<Value = State> {
    proptest::sample::select(State::iter().collect::<Vec<_>>())
}

prop_compose! {
    /// Evidence with any verdict, any flags and any age, also flags that contradict the verdict.
    fn any_evidence()(
        source in any_source(),
        verdict in proptest::sample::select(Verdict::iter().collect::<Vec<_>>()),
        code in proptest::sample::select(vec!["000", "015", "099", "timeout"]),
        (acknowledged, unknown_reference, alarmed) in any::<(bool, bool, bool)>(),
        amount in proptest::option::of(1_u64..3),
        age in prop_oneof![0_i64..400, 0_i64..90_000],
    ) -> Evidence {
        let outcome = Outcome {
            acknowledged,
            unknown_reference,
            amount: amount.map(|naira| Kobo::new(naira * 100).unwrap()),
            alarm: alarmed.then_some(Alarm::VtpassMismatch),
            ..Outcome::new(verdict, code, "")
        };
        at(&source, outcome, START + Duration::seconds(age))
    }
}

prop_compose! {
    fn any_purchase()(
        state in any_state(),
        acknowledged in any::<bool>(),
        unknown_references in prop_oneof![0_u32..5, Just(u32::MAX)],
        priced in any::<bool>(),
    ) -> Purchase {
        let mut purchase = purchase(state);
        if !priced {
            purchase.amount = None;
        }
        Purchase { acknowledged, unknown_references, ..purchase }
    }
}

fn evidence_list() -> impl Strategy<Value = Vec<Evidence>> {
    proptest::collection::vec(any_evidence(), 0..25)
}

/// Writes a change if its condition holds. Gives whether it does.
fn written(purchase: &mut Purchase, change: &Transition) -> bool {
    let refused = change.unless_acknowledged && purchase.acknowledged;
    if refused || !change.from.contains(&purchase.state) {
        purchase.acknowledged |= change.acknowledged;
        return false;
    }
    purchase.state = change.to.unwrap_or(purchase.state);
    purchase.acknowledged |= change.acknowledged;
    purchase.unknown_references = change.unknown_references.unwrap_or(purchase.unknown_references);
    purchase.amount = change.amount.or(purchase.amount);
    purchase.history.extend(change.attempts.clone());
    true
}

/// Takes evidence that was judged by `seen`, which may be older than `purchase`.
fn take(purchase: &mut Purchase, seen: &Purchase, evidence: &Evidence) {
    let change = transition(seen, evidence);
    if !written(purchase, &change) && purchase.state.is_final() {
        let late = transition(purchase, evidence);
        written(purchase, &late);
    }
}

fn lived(mut purchase: Purchase, all: &[Evidence]) -> Purchase {
    for evidence in all {
        let seen = purchase.clone();
        take(&mut purchase, &seen, evidence);
    }
    purchase
}

/// Whether what was there before is still there.
fn is_kept(before: &Purchase, after: &Purchase) -> bool {
    after.history.starts_with(&before.history)
        && (after.acknowledged || !before.acknowledged)
        && (before.amount.is_none() || after.amount == before.amount)
}

fn is_allowed(from: State, to: State) -> bool {
    from == to
        || match (from, to) {
            (State::Delivered, to) => to == State::Reversed,
            (State::Failed | State::Reversed, _) => false,
            (State::Submitted | State::Pending | State::NeedsReview, to) => rank(to) > rank(from),
        }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// The only way out of a final state is from delivered to reversed, and nobody who may be given
    /// the money back loses that again.
    #[test]
    fn no_evidence_moves_a_purchase_back(purchase in any_purchase(), all in evidence_list()) {
        let mut purchase = purchase;
        for evidence in &all {
            let before = purchase.clone();
            take(&mut purchase, &before, evidence);
            let (from, to) = (before.state, purchase.state);
            prop_assert!(is_allowed(from, to), "{from:?} to {to:?} by {evidence:?}");
            prop_assert!(purchase.state.safe_to_refund() || !before.state.safe_to_refund());
            prop_assert!(is_kept(&before, &purchase), "{evidence:?}");
        }
    }

    /// Two instances judge by what they read, and one writes after the other. Evidence without an
    /// amount: only the one answer to a refill names one.
    #[test]
    fn evidence_that_was_judged_by_an_old_state_moves_nothing_back(
        purchase in any_purchase(),
        all in proptest::collection::vec((any_evidence(), any::<bool>()), 0..25),
    ) {
        let (mut purchase, mut seen) = (purchase.clone(), purchase);
        for (mut evidence, reads) in all {
            evidence.outcome.amount = None;
            if reads {
                seen = purchase.clone();
            }
            let before = purchase.clone();
            take(&mut purchase, &seen, &evidence);
            prop_assert!(is_allowed(before.state, purchase.state), "{evidence:?}");
            prop_assert!(is_kept(&before, &purchase), "{evidence:?}");
        }
    }

    /// The count of unknown references is left out: three equal answers are more than one.
    #[test]
    fn evidence_that_comes_twice_in_a_row_leads_to_the_same_state(
        purchase in any_purchase(),
        evidence in any_evidence(),
    ) {
        let once = lived(purchase.clone(), std::slice::from_ref(&evidence));
        let twice = lived(purchase, &[evidence.clone(), evidence.clone()]);
        let counts = evidence.source == Source::Requery && evidence.outcome.unknown_reference;
        prop_assert!(once.state == twice.state || counts, "{:?} {:?}", once.state, twice.state);
        prop_assert_eq!(once.acknowledged, twice.acknowledged);
        prop_assert_eq!(once.amount, twice.amount);
    }

    /// A provider proves one end of a purchase, or first a delivery and then its reversal. The end
    /// is the same in whatever order the proofs come, with whatever else, however often.
    #[test]
    fn the_end_that_a_provider_proves_does_not_depend_on_order_and_repeats(
        end in proptest::sample::select(vec![Verdict::Delivered, Verdict::Failed, Verdict::Reversed]),
        state in proptest::sample::select(State::OPEN.to_vec()),
        all in evidence_list().prop_shuffle(),
        (first, second) in any::<(proptest::sample::Index, proptest::sample::Index)>(),
    ) {
        let mut all = all;
        for evidence in &mut all {
            let verdict = evidence.outcome.verdict;
            // A person may settle otherwise, and what is unknown to the provider is not proven.
            if evidence.source == Source::Operator {
                evidence.source = Source::Hint;
            }
            evidence.outcome.unknown_reference = false;
            let before_the_end = end == Verdict::Reversed && verdict == Verdict::Delivered;
            if verdict.proves().is_some() && !before_the_end {
                evidence.outcome.verdict = end;
            }
        }
        let proof = at(&Source::LookBack, outcome(end), START);
        all.insert(first.index(all.len() + 1), proof.clone());
        let once = lived(purchase(state), &all);
        prop_assert_eq!(Some(once.state), end.proves());
        all.insert(second.index(all.len() + 1), proof);
        all.reverse();
        prop_assert_eq!(lived(purchase(state), &all).state, once.state);
    }

    /// That VTpass does not know the reference, however often it says so, fails no purchase that any
    /// answer acknowledged, also where the instance that was told so read the purchase before.
    #[test]
    fn an_acknowledged_purchase_fails_only_by_a_proof(
        state in proptest::sample::select(State::OPEN.to_vec()),
        unknown_references in 0_u32..5,
        seen_acknowledged in any::<bool>(),
        all in evidence_list(),
    ) {
        let seen = Purchase { acknowledged: seen_acknowledged, unknown_references, ..purchase(state) };
        let mut purchase = Purchase { acknowledged: true, ..seen.clone() };
        for mut evidence in all {
            evidence.source = Source::Requery;
            evidence.outcome.unknown_reference = true;
            evidence.at += Duration::seconds(360);
            let before = purchase.state;
            take(&mut purchase, &Purchase { state: before, ..seen.clone() }, &evidence);
            let failed = purchase.state == State::Failed && before != State::Failed;
            prop_assert!(!failed || evidence.outcome.verdict == Verdict::Failed, "{evidence:?}");
        }
    }

    #[test]
    fn each_move_has_a_line_in_the_history_that_concludes_it(
        purchase in any_purchase(),
        all in evidence_list(),
    ) {
        let mut purchase = purchase;
        for evidence in &all {
            let before = purchase.clone();
            take(&mut purchase, &before, evidence);
            let added = &purchase.history[before.history.len()..];
            if purchase.state != before.state {
                let concluded: Vec<_> = added.iter().map(|it| it.concluded).collect();
                prop_assert_eq!(concluded, [Some(purchase.state)]);
                prop_assert_eq!(&added[0].source, &evidence.source);
                prop_assert_eq!(&added[0].code, &evidence.outcome.code);
            }
            if purchase.state == State::NeedsReview && before.state != State::NeedsReview {
                let change = transition(&before, evidence);
                prop_assert!(change.alarms.contains(&Alarm::NeedsReview), "a person is told");
            }
        }
    }

    /// A proof that a final state does not take changes nothing but the history, and tells a person.
    /// Two exceptions: an acknowledgement is kept, and so is an amount that was not known.
    #[test]
    fn a_proof_against_a_final_state_is_recorded_and_changes_nothing(
        purchase in any_purchase(),
        evidence in any_evidence(),
    ) {
        prop_assume!(purchase.state.is_final());
        let change = transition(&purchase, &evidence);
        let proof = evidence.outcome.verdict.proves();
        let is_refused = change.to.is_none() && proof.is_some_and(|proof| proof != purchase.state);
        prop_assert_eq!(change.is_contradiction(), is_refused);
        prop_assert_eq!(change.attempts.len(), 1);
        prop_assert_eq!(change.attempts[0].concluded, change.to);
        let mut after = purchase.clone();
        prop_assert!(written(&mut after, &change));
        if is_refused {
            prop_assert_eq!(after.state, purchase.state);
            prop_assert_eq!(after.history.last(), change.attempts.last());
        }
        prop_assert!(change.to.is_none() || (purchase.state, after.state)
            == (State::Delivered, State::Reversed));
    }

    /// Two changes that are written together are the two, one after the other.
    #[test]
    fn joined_changes_conclude_what_the_second_does(
        state in proptest::sample::select(vec![State::Submitted, State::Pending]),
        evidence in any_evidence(),
    ) {
        let purchase = purchase(state);
        let answer = transition(&purchase, &evidence);
        let deadline = transition(&purchase, &at(&Source::Deadline, Outcome::deadline_passed(), START));
        let joined = answer.clone().then(deadline.clone());
        prop_assert_eq!(joined.to, Some(State::NeedsReview));
        prop_assert_eq!(joined.attempts.len(), 2);
        let both = |state: &State| answer.from.contains(state) && deadline.from.contains(state);
        prop_assert!(State::iter().all(|state| joined.from.contains(&state) == both(&state)));
        let mut after = purchase;
        if written(&mut after, &joined) {
            prop_assert!(after.acknowledged == joined.acknowledged);
            prop_assert_eq!(after.state, State::NeedsReview);
        }
    }
}
