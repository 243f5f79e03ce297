//! A sign: what the outcome of an order says about its service.

use crate::domain::purchase::{Outcome, Purchase, Source, State, Verdict};

/// What an outcome says about a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The service works.
    Good,
    /// The provider could not deliver, and said so.
    Failed,
    /// Nobody knows what became of the order.
    Unclear,
}

impl Sign {
    /// What the answer to `pay` or to a refill says. `None` where it says nothing about the service: the
    /// fault is the customer's, the tenant's or ours, or VTpass has the order and is not done with it.
    pub fn of_sale(source: &Source, outcome: &Outcome) -> Option<Self> {
        if outcome.is_our_fault {
            return None;
        }
        match outcome.verdict {
            Verdict::Delivered => Some(Self::Good),
            Verdict::Failed | Verdict::Reversed => Some(Self::Failed),
            // Nobody can be asked about a refill later.
            Verdict::NeedsReview if *source == Source::Refill => Some(Self::Unclear),
            Verdict::NeedsReview => Some(Self::Failed),
            Verdict::Pending => None,
            Verdict::Unclear if outcome.acknowledged => None,
            Verdict::Unclear => Some(Self::Unclear),
        }
    }

    /// What the answer to the requery that decides says of an order that `pay` left open, see
    /// [`waits_for_requery`].
    pub fn of_requery(outcome: &Outcome) -> Option<Self> {
        if outcome.is_our_fault {
            return None;
        }
        Some(match outcome.verdict {
            Verdict::Delivered => Self::Good,
            Verdict::Failed | Verdict::Reversed | Verdict::NeedsReview | Verdict::Pending => {
                Self::Failed
            }
            Verdict::Unclear => Self::Unclear,
        })
    }

    /// Whether it counts against the service.
    pub fn is_bad(self) -> bool {
        match self {
            Self::Good => false,
            Self::Failed | Self::Unclear => true,
        }
    }
}

/// Whether `pay` was answered with a sign that VTpass has the order, and with no more.
pub fn waits_for_requery(purchase: &Purchase) -> bool {
    let paid = purchase.history.first().is_some_and(|line| line.source == Source::Pay);
    paid && purchase.state == State::Pending && purchase.acknowledged
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;
    use time::OffsetDateTime;
    use time::macros::datetime;

    use super::*;
    use crate::domain::purchase::{Attempt, samples};

    const MADE: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    fn outcome(verdict: Verdict) -> Outcome {
        Outcome::new(verdict, "000", "n")
    }

    #[test]
    fn what_vtpass_acknowledged_is_decided_by_a_requery() {
        let sale = |outcome: &Outcome| Sign::of_sale(&Source::Pay, outcome);
        let acknowledged = Outcome { acknowledged: true, ..outcome(Verdict::Unclear) };
        assert_eq!(sale(&acknowledged), None);
        assert_eq!(sale(&outcome(Verdict::Pending)), None);
        assert_eq!(sale(&outcome(Verdict::Unclear)), Some(Sign::Unclear));
        let requery = |verdict| Sign::of_requery(&outcome(verdict));
        assert_eq!(requery(Verdict::Pending), Some(Sign::Failed));
        assert_eq!(requery(Verdict::Unclear), Some(Sign::Unclear));
        assert_eq!(requery(Verdict::Delivered), Some(Sign::Good));
    }

    #[test]
    fn what_failed_or_is_unclear_counts_against_the_service() {
        let bad = [Sign::Good, Sign::Failed, Sign::Unclear].map(Sign::is_bad);
        assert_eq!(bad, [false, true, true]);
    }

    #[test]
    fn only_an_order_that_vtpass_acknowledged_and_left_open_waits_for_the_requery() {
        let order = |state, acknowledged, source| {
            let line = Attempt {
                at: MADE,
                source,
                code: "099".to_owned(),
                concluded: None,
                note: String::new(),
                answer: None,
            };
            let history = vec![line];
            Purchase { acknowledged, history, ..samples::purchase(state, MADE) }
        };
        assert!(waits_for_requery(&order(State::Pending, true, Source::Pay)));
        assert!(!waits_for_requery(&order(State::Pending, false, Source::Pay)));
        assert!(!waits_for_requery(&order(State::Delivered, true, Source::Pay)));
        assert!(!waits_for_requery(&order(State::Pending, true, Source::Requery)));
        let unpaid = Purchase { acknowledged: true, ..samples::purchase(State::Pending, MADE) };
        assert!(!waits_for_requery(&unpaid));
    }

    #[test]
    fn a_fault_that_is_not_the_providers_says_nothing() {
        for verdict in Verdict::iter() {
            let ours = Outcome { is_our_fault: true, ..outcome(verdict) };
            assert_eq!(Sign::of_sale(&Source::Pay, &ours), None, "{verdict:?}");
            assert_eq!(Sign::of_requery(&ours), None, "{verdict:?}");
        }
    }

    #[test]
    fn only_a_delivery_is_good() {
        for verdict in Verdict::iter() {
            let signs = [Source::Pay, Source::Refill]
                .map(|source| Sign::of_sale(&source, &outcome(verdict)));
            let is_good = signs.map(|sign| sign == Some(Sign::Good));
            assert_eq!(is_good, [verdict == Verdict::Delivered; 2], "{verdict:?}");
        }
        let review = |source| Sign::of_sale(&source, &outcome(Verdict::NeedsReview));
        assert_eq!(review(Source::Refill), Some(Sign::Unclear));
        assert_eq!(review(Source::Pay), Some(Sign::Failed));
    }
}
