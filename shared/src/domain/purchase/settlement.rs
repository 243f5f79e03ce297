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
