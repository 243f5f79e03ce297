//! An outcome: what a provider's answer, a deadline or an operator proves about a purchase.
//!
//! Each provider turns its answers into this type; [`transition`](super::transition()) decides what
//! it means for the purchase.

use std::borrow::Cow;

use serde::Deserialize;
use strum::EnumIter;

use super::{Answer, Charge, State};
use crate::domain::money::Kobo;
use crate::platform::telemetry::alarm::Alarm;

/// What is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter)]
pub enum Verdict {
    /// The customer has the value.
    Delivered,
    /// Not delivered and not charged.
    Failed,
    /// Charged, and the money is back in our wallet.
    Reversed,
    /// A person must look: the provider asks for one, the answer is about something else than what
    /// was bought, or nobody can be asked any more.
    NeedsReview,
    /// The provider says that it is working on it.
    Pending,
    /// Nothing may be concluded; ask again.
    Unclear,
}

/// An outcome and what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What is proven.
    pub verdict: Verdict,
    /// The provider's code, or a word of ours where its code is missing or cannot be relied upon,
    /// such as `no_connection`, `timeout`, `broken`, `too_large`, `not_sent`, `unreadable`, `http_502`.
    pub code: String,
    /// Whether the answer proves that the provider knows this purchase.
    pub acknowledged: bool,
    /// Whether the provider answered a requery that it does not know the reference. This alone
    /// proves nothing.
    pub unknown_reference: bool,
    /// What the answer would prove if its price were that of the order; nothing where more than the price is
    /// another.
    pub mismatched: Option<Verdict>,
    /// What MTN says a refill was worth, in kobo.
    pub amount: Option<Kobo>,
    /// What the provider says that the order cost.
    pub charge: Charge,
    /// What an operator must be told.
    pub alarm: Option<Alarm>,
    /// Whether it is the customer's, the tenant's or our own fault that there is no value, so that it says
    /// nothing about the provider.
    pub is_our_fault: bool,
    /// What happened, for the purchase's history. Holds no personal data.
    pub note: Cow<'static, str>,
}

impl Outcome {
    /// An outcome with a verdict, a code and a note, and nothing else.
    pub fn new(
        verdict: Verdict,
        code: impl Into<String>,
        note: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            verdict,
            code: code.into(),
            acknowledged: false,
            unknown_reference: false,
            mismatched: None,
            amount: None,
            charge: Charge::default(),
            alarm: None,
            is_our_fault: false,
            note: note.into(),
        }
    }

    /// An answer that proves nothing.
    pub fn unclear(code: impl Into<String>, note: &'static str) -> Self {
        Self::new(Verdict::Unclear, code, note)
    }

    /// What it means by itself, for the history. `verdict` is what it says of the purchase.
    pub fn answer(&self, verdict: Verdict) -> Answer {
        match verdict {
            _ if self.unknown_reference => Answer::UnknownReference,
            Verdict::Delivered => Answer::Delivered,
            Verdict::Failed => Answer::Failed,
            Verdict::Reversed => Answer::Reversed,
            Verdict::NeedsReview => Answer::NeedsReview,
            Verdict::Pending => Answer::Pending,
            Verdict::Unclear => Answer::Unclear,
        }
    }

    /// The deadline has passed without a proof.
    pub fn deadline_passed() -> Self {
        Self::new(Verdict::NeedsReview, "deadline", "not resolved in time")
    }

    /// A refill whose answer was not recorded: MTN may have made it, and cannot be asked.
    pub fn refill_not_recorded() -> Self {
        const NOTE: &str = "MTN may have made the refill; its answer was not recorded";
        Self::new(Verdict::NeedsReview, "no_record", NOTE)
    }

    /// An operator settled the purchase, with a reason.
    pub fn settled(to: Settled, operator: &str, reason: &str) -> Self {
        let verdict = match to {
            Settled::Delivered => Verdict::Delivered,
            Settled::Failed => Verdict::Failed,
            Settled::Reversed => Verdict::Reversed,
        };
        Self::new(verdict, "settled", format!("by {operator}: {reason}"))
    }
}

/// The states for which an operator may settle a purchase: the final ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// The customer has the value.
    Delivered,
    /// Not delivered and not charged.
    Failed,
    /// Charged and given back.
    Reversed,
}

impl From<Settled> for State {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Delivered => Self::Delivered,
            Settled::Failed => Self::Failed,
            Settled::Reversed => Self::Reversed,
        }
    }
}

impl Verdict {
    /// The final state that the verdict proves, if it proves one.
    pub fn proves(self) -> Option<State> {
        match self {
            Self::Delivered => Some(State::Delivered),
            Self::Failed => Some(State::Failed),
            Self::Reversed => Some(State::Reversed),
            Self::NeedsReview | Self::Pending | Self::Unclear => None,
        }
    }
}
