//! From an answer to a state: the one place where it is decided.

use time::OffsetDateTime;

use super::{Attempt, Purchase, State};
use crate::requery::Patience;
use crate::vtpass::{Outcome, Verdict};
use crate::world::iso;

/// The call that an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// The order itself.
    Pay,
    /// A step of the chain.
    Requery,
    /// A requery because somebody said so.
    Hint,
}

/// What an answer means for a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// The state to go to; `None` leaves it.
    pub to: Option<State>,
    /// The new count of answers in a row that the provider knows no such request.
    pub unknown_ids: u32,
    /// Whether the answer contradicts a final state: it changes nothing and a person must know.
    pub contradiction: bool,
    /// The line for the history.
    pub attempt: Attempt,
}

/// How often in a row the provider must say that it knows no such request.
const UNKNOWN_IDS: u32 = 3;

/// Decides what `outcome` means for `purchase` as it is stored.
pub fn conclude(
    purchase: &Purchase,
    call: Call,
    outcome: &Outcome,
    now: OffsetDateTime,
    patience: Patience,
) -> Conclusion {
    let unknown_ids = unknown_ids(purchase, call, outcome, now, patience);
    let to = match purchase.state.is_final() {
        true => after_final(purchase.state, outcome.verdict),
        false if never_accepted(purchase, outcome, unknown_ids, now, patience) => {
            Some(State::Failed)
        }
        false => while_open(purchase.state, call, outcome.verdict),
    };
    let settled = settled(outcome.verdict);
    let contradiction =
        purchase.state.is_final() && to.is_none() && settled.is_some_and(|it| it != purchase.state);
    let attempt = Attempt {
        at: iso(now),
        call: call.as_str().to_owned(),
        code: outcome.code.clone(),
        concluded: to.map_or("nothing", State::as_str).to_owned(),
        note: outcome.note.to_owned(),
    };
    Conclusion { to, unknown_ids, contradiction, attempt }
}

/// The state that a verdict alone proves.
fn settled(verdict: Verdict) -> Option<State> {
    match verdict {
        Verdict::Delivered => Some(State::Delivered),
        Verdict::Failed => Some(State::Failed),
        Verdict::Reversed => Some(State::Reversed),
        Verdict::NeedsReview | Verdict::Pending | Verdict::Unclear => None,
    }
}

fn while_open(state: State, call: Call, verdict: Verdict) -> Option<State> {
    let to = match (verdict, call) {
        (Verdict::Delivered | Verdict::Failed | Verdict::Reversed, _) => settled(verdict),
        (Verdict::NeedsReview, _) => Some(State::NeedsReview),
        (Verdict::Pending, _) | (Verdict::Unclear, Call::Pay) => Some(State::Pending),
        // An unclear answer to a requery speaks of the requery.
        (Verdict::Unclear, Call::Requery | Call::Hint) => None,
    };
    // What waits for a person does not go back to waiting for the provider.
    to.filter(|to| *to != state && !(state == State::NeedsReview && *to == State::Pending))
}

/// The one change of a final state: the provider proves that it gave the money back.
fn after_final(state: State, verdict: Verdict) -> Option<State> {
    match (state, verdict) {
        (State::Delivered, Verdict::Reversed) => Some(State::Reversed),
        _ => None,
    }
}

/// Counts "no such request" in a row. Too early an answer does not count, nor does a hint's, which
/// may come at any moment; any other answer begins the row anew.
fn unknown_ids(
    purchase: &Purchase,
    call: Call,
    outcome: &Outcome,
    now: OffsetDateTime,
    patience: Patience,
) -> u32 {
    let early = now - purchase.created() < patience.first();
    match (outcome.unknown_id, call) {
        (true, Call::Requery) if early => purchase.unknown_ids,
        (true, Call::Requery) => purchase.unknown_ids.saturating_add(1),
        (true, Call::Pay | Call::Hint) => purchase.unknown_ids,
        (false, _) => 0,
    }
}

/// Whether the provider has proven, by never having heard of it, that nothing was charged.
fn never_accepted(
    purchase: &Purchase,
    outcome: &Outcome,
    unknown_ids: u32,
    now: OffsetDateTime,
    patience: Patience,
) -> bool {
    outcome.unknown_id
        && unknown_ids >= UNKNOWN_IDS
        && unknown_ids > purchase.unknown_ids
        && !purchase.acknowledged
        && now - purchase.created() >= patience.whole()
}

impl Call {
    /// The name in the history.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pay => "pay",
            Self::Requery => "requery",
            Self::Hint => "hint",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::Duration;

    use super::*;
    use crate::config::Vars;
    use crate::money::Kobo;
    use crate::purchase::to_ms;
    use crate::store::Tenant;

    const START: OffsetDateTime = time::macros::datetime!(2026-11-22 10:00 UTC);
    const VERDICTS: [Verdict; 6] = [
        Verdict::Delivered,
        Verdict::Failed,
        Verdict::Reversed,
        Verdict::NeedsReview,
        Verdict::Pending,
        Verdict::Unclear,
    ];
    const CALLS: [Call; 3] = [Call::Pay, Call::Requery, Call::Hint];

    fn purchase(state: State) -> Purchase {
        Purchase {
            purchase_id: "p".to_owned(),
            tenant: Tenant::new("t").unwrap(),
            request_id: "202611221100p".to_owned(),
            state,
            service_id: "mtn".to_owned(),
            variation_code: None,
            phone: "08031234567".to_owned(),
            amount_kobo: Kobo::new(10_000).unwrap(),
            refill: None,
            fingerprint: String::new(),
            chain: "c".to_owned(),
            step: 0,
            created_ms: to_ms(START),
            updated_ms: to_ms(START),
            acknowledged: false,
            unknown_ids: 0,
            hinted_ms: 0,
            history: Vec::new(),
            listed: String::new(),
        }
    }

    fn outcome(verdict: Verdict) -> Outcome {
        let code = "000".to_owned();
        Outcome { verdict, code, acknowledged: true, alarm: None, unknown_id: false, note: "" }
    }

    fn unknown() -> Outcome {
        let verdict = Verdict::Unclear;
        let code = "015".to_owned();
        Outcome { verdict, code, acknowledged: false, alarm: None, unknown_id: true, note: "" }
    }

    fn patience() -> Patience {
        Patience::from_vars(&Vars::default()).unwrap()
    }

    fn to(state: State, call: Call, verdict: Verdict) -> Option<State> {
        conclude(&purchase(state), call, &outcome(verdict), START, patience()).to
    }

    #[test]
    fn an_open_purchase_goes_where_the_proof_points() {
        for state in State::OPEN {
            for call in CALLS {
                assert_eq!(to(state, call, Verdict::Delivered), Some(State::Delivered));
                assert_eq!(to(state, call, Verdict::Failed), Some(State::Failed));
                assert_eq!(to(state, call, Verdict::Reversed), Some(State::Reversed));
            }
        }
        assert_eq!(to(State::Submitted, Call::Pay, Verdict::Unclear), Some(State::Pending));
        assert_eq!(to(State::Submitted, Call::Requery, Verdict::Unclear), None);
        assert_eq!(to(State::Submitted, Call::Requery, Verdict::Pending), Some(State::Pending));
        assert_eq!(to(State::Pending, Call::Requery, Verdict::Pending), None);
        assert_eq!(
            to(State::Pending, Call::Requery, Verdict::NeedsReview),
            Some(State::NeedsReview)
        );
        assert_eq!(to(State::NeedsReview, Call::Requery, Verdict::Pending), None);
    }

    #[test]
    fn a_final_state_changes_only_from_delivered_to_reversed() {
        for state in State::ALL.into_iter().filter(|state| state.is_final()) {
            for (call, verdict) in CALLS.into_iter().flat_map(|c| VERDICTS.map(|v| (c, v))) {
                let conclusion =
                    conclude(&purchase(state), call, &outcome(verdict), START, patience());
                let reversal = (state, verdict) == (State::Delivered, Verdict::Reversed);
                assert_eq!(conclusion.to, reversal.then_some(State::Reversed));
                let contradicts = settled(verdict).is_some_and(|it| it != state) && !reversal;
                assert_eq!(conclusion.contradiction, contradicts, "{state:?} {verdict:?}");
            }
        }
    }

    /// Takes answers, each at its age in seconds, and gives the state at the end.
    fn live(mut purchase: Purchase, answers: &[(i64, Call, Outcome)]) -> State {
        for (age, call, outcome) in answers {
            let now = START + Duration::seconds(*age);
            let conclusion = conclude(&purchase, *call, outcome, now, patience());
            purchase.state = conclusion.to.unwrap_or(purchase.state);
            purchase.unknown_ids = conclusion.unknown_ids;
            purchase.acknowledged |= outcome.acknowledged;
        }
        purchase.state
    }

    fn asked(ages: &[i64]) -> Vec<(i64, Call, Outcome)> {
        ages.iter().map(|age| (*age, Call::Requery, unknown())).collect()
    }

    #[test]
    fn three_times_unknown_and_six_minutes_prove_that_it_was_never_accepted() {
        let submitted = || purchase(State::Submitted);
        assert_eq!(live(submitted(), &asked(&[60, 120, 360])), State::Failed);
        assert_eq!(live(submitted(), &asked(&[60, 120, 359])), State::Submitted);
        assert_eq!(live(submitted(), &asked(&[60, 120, 180, 360])), State::Failed);
        assert_eq!(live(submitted(), &asked(&[45, 59, 360, 400])), State::Submitted);
        assert_eq!(live(submitted(), &asked(&[400, 800])), State::Submitted);
    }

    #[test]
    fn another_answer_begins_the_row_anew_and_hints_do_not_count() {
        let mut answers = asked(&[60, 120]);
        answers.push((130, Call::Requery, outcome(Verdict::Unclear)));
        // That answer acknowledged it besides.
        answers.extend(asked(&[400, 800, 1200, 1600]));
        assert_eq!(live(purchase(State::Submitted), &answers), State::Submitted);

        let unclear = Outcome { unknown_id: false, ..unknown() };
        let mut answers = asked(&[60, 120]);
        answers.push((130, Call::Requery, unclear));
        answers.extend(asked(&[400, 800]));
        assert_eq!(live(purchase(State::Submitted), &answers), State::Submitted);
        answers.extend(asked(&[900]));
        assert_eq!(live(purchase(State::Submitted), &answers), State::Failed);

        let hints: Vec<_> = [400, 500, 600].map(|age| (age, Call::Hint, unknown())).into();
        assert_eq!(live(purchase(State::Submitted), &hints), State::Submitted);
    }

    #[test]
    fn what_was_acknowledged_once_is_never_forgotten() {
        let mut known = purchase(State::Pending);
        known.acknowledged = true;
        assert_eq!(live(known, &asked(&[400, 500, 600, 700, 80_000])), State::Pending);
    }

    proptest! {
        /// Whatever comes in whatever order: money is called safe only on proof.
        #[test]
        fn safe_to_refund_needs_a_proof(
            answers in proptest::collection::vec((0_i64..90_000, 0..3_usize, 0..7_usize), 1..30),
        ) {
            let answers: Vec<_> = answers
                .into_iter()
                .map(|(age, call, kind)| {
                    (age, CALLS[call], VERDICTS.get(kind).map_or_else(unknown, |v| outcome(*v)))
                })
                .collect();
            let end = live(purchase(State::Submitted), &answers);
            let proven = answers.iter().any(|(.., it)| {
                matches!(it.verdict, Verdict::Failed | Verdict::Reversed)
            });
            let forgotten = answers.iter().filter(|(.., it)| it.unknown_id).count() >= 3
                && answers.iter().any(|(age, ..)| *age >= 360);
            prop_assert!(!end.safe_to_refund() || proven || forgotten);
        }
    }
}
