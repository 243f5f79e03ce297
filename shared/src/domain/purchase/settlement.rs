//! A purchase that an operator settles, from the provider's records.

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

    /// What an outcome says of this purchase. An operator who settled it has seen that the provider's record
    /// has another price, so from then on the record counts for what it says.
    pub fn verdict_of(&self, outcome: &Outcome) -> Verdict {
        let seen = outcome.mismatched.filter(|_| self.was_settled_by_operator());
        seen.unwrap_or(outcome.verdict)
    }

    /// Whether an operator settled it, though the provider may have reversed it since.
    fn was_settled_by_operator(&self) -> bool {
        let mut settled = self.history.iter().filter(|line| line.source == Source::Operator);
        self.state.is_final() && settled.any(|line| line.concluded.is_some())
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
    fn a_record_at_another_price_counts_once_an_operator_settled_the_purchase() {
        let mismatched = Some(Verdict::Reversed);
        let outcome = Outcome { mismatched, ..Outcome::new(Verdict::NeedsReview, "040", "") };
        let delivered = Some(State::Delivered);
        let verdict =
            |source, concluded, state| settled_by(source, concluded, state).verdict_of(&outcome);
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
}
