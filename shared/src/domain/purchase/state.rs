//! The states of a purchase.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoStaticStr};

/// The state of a purchase.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    /// Recorded; the answer is not known yet.
    Submitted,
    /// The provider is working on it, or its answer was unclear.
    Pending,
    /// The customer has the value.
    Delivered,
    /// Proven not delivered and not charged.
    Failed,
    /// Was charged, and the provider gave the money back.
    Reversed,
    /// A person must find out what happened and settle it.
    NeedsReview,
}

impl State {
    /// The states that still change.
    pub const OPEN: [Self; 3] = [Self::Submitted, Self::Pending, Self::NeedsReview];

    /// Whether the state is final. The one change of a final state is a reversal of a delivery.
    pub fn is_final(self) -> bool {
        match self {
            Self::Delivered | Self::Failed | Self::Reversed => true,
            Self::Submitted | Self::Pending | Self::NeedsReview => false,
        }
    }

    /// Whether the tenant may give its customer the money back.
    pub fn safe_to_refund(self) -> bool {
        match self {
            Self::Failed | Self::Reversed => true,
            Self::Submitted | Self::Pending | Self::Delivered | Self::NeedsReview => false,
        }
    }

    /// The name in answers and in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn only_failed_and_reversed_are_safe_to_refund() {
        let safe: Vec<State> = State::iter().filter(|state| state.safe_to_refund()).collect();
        assert_eq!(safe, [State::Failed, State::Reversed]);
        assert!(safe.iter().all(|state| state.is_final()));
        let open: Vec<State> = State::iter().filter(|state| !state.is_final()).collect();
        assert_eq!(open, State::OPEN);
    }

    #[test]
    fn a_state_reads_as_it_is_written() {
        for state in State::iter() {
            assert_eq!(state.name().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
