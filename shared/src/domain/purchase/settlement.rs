//! What the provider's record of a settled purchase counts for, and what an operator may record of it.

use super::{Outcome, Purchase, Settled, Source, State, Verdict};

impl Purchase {
    /// Whether an operator may record this outcome: any while the purchase waits for a person, and a reversal
    /// once it is delivered.
    pub fn may_be_settled_as(&self, outcome: Settled) -> bool {
        match self.state {
            State::NeedsReview => true,
            State::Delivered => outcome == Settled::Reversed,
            State::Submitted | State::Pending | State::Failed | State::Reversed => false,
        }
    }

    /// What an outcome says of this purchase. Once it is settled, a record of the provider at another price
    /// counts for what it says. But it proves a reversal only where an operator settled the purchase, who has
    /// seen the record.
    pub fn verdict_of(&self, outcome: &Outcome) -> Verdict {
        let counts = |proof: &Verdict| match (self.state, *proof) {
            (State::Delivered, Verdict::Reversed) => self.was_settled_by_operator(),
            _ => self.state.is_final(),
        };
        outcome.mismatched.filter(counts).unwrap_or(outcome.verdict)
    }

    /// Whether an operator settled it, though the provider may have reversed it since.
    fn was_settled_by_operator(&self) -> bool {
        let mut settled = self.history.iter().filter(|line| line.source == Source::Operator);
        settled.any(|line| line.concluded.is_some())
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;
    use time::OffsetDateTime;
    use time::macros::datetime;

    use super::*;
    use crate::domain::purchase::{Attempt, samples};

    const MADE: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    fn settled_by(source: Source, concluded: Option<State>, state: State) -> Purchase {
        let line = Attempt {
            at: MADE,
            source,
            code: "operator".to_owned(),
            concluded,
            note: String::new(),
            answer: None,
        };
        Purchase { history: vec![line], ..samples::purchase(state, MADE) }
    }

    /// An answer that names our request and our number, and another price.
    fn at_another_price(proof: Verdict) -> Outcome {
        let mismatched = Some(proof);
        Outcome { mismatched, ..Outcome::new(Verdict::NeedsReview, "000", "") }
    }

    #[test]
    fn what_waits_is_settled_as_anything_and_what_is_delivered_as_reversed_only() {
        let all = [Settled::Delivered, Settled::Failed, Settled::Reversed];
        for state in State::iter() {
            let purchase = samples::purchase(state, MADE);
            let expected = match state {
                State::NeedsReview => [true; 3],
                State::Delivered => [false, false, true],
                _ => [false; 3],
            };
            assert_eq!(all.map(|it| purchase.may_be_settled_as(it)), expected, "{state:?}");
        }
    }

    #[test]
    fn a_record_at_another_price_proves_a_reversal_once_an_operator_settled_the_purchase() {
        let reversed = at_another_price(Verdict::Reversed);
        let delivered = Some(State::Delivered);
        let verdict =
            |source, concluded, state| settled_by(source, concluded, state).verdict_of(&reversed);
        let by_operator = verdict(Source::Operator, delivered, State::Delivered);
        assert_eq!(by_operator, Verdict::Reversed);
        for (source, concluded, state) in [
            (Source::Requery, delivered, State::Delivered),
            (Source::Operator, None, State::Delivered),
            (Source::Operator, delivered, State::Pending),
        ] {
            let verdict = verdict(source.clone(), concluded, state);
            assert_eq!(verdict, Verdict::NeedsReview, "{source} {concluded:?} {state:?}");
        }
    }

    #[test]
    fn a_record_at_another_price_confirms_or_contradicts_what_is_settled_and_settles_nothing() {
        for state in State::iter() {
            let purchase = settled_by(Source::Requery, Some(state), state);
            for proof in [Verdict::Delivered, Verdict::Failed, Verdict::Reversed] {
                let expected = match (state, proof) {
                    (State::Delivered, Verdict::Reversed) => Verdict::NeedsReview,
                    _ if state.is_final() => proof,
                    _ => Verdict::NeedsReview,
                };
                let verdict = purchase.verdict_of(&at_another_price(proof));
                assert_eq!(verdict, expected, "{state:?} {proof:?}");
            }
        }
    }
}
