//! The changes of a purchase's state, from its history.

use time::OffsetDateTime;

use crate::domain::purchase::{Purchase, State};

/// One change of a purchase's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) to: State,
    pub(super) at: OffsetDateTime,
}

/// The changes of a purchase to a state that ends the wait for the provider, oldest first, each once.
pub(super) fn changes(purchase: &Purchase) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for line in &purchase.history {
        let to = line.concluded.filter(|to| to.is_final() || *to == State::NeedsReview);
        if let Some(to) = to.filter(|to| changes.iter().all(|before| before.to != *to)) {
            changes.push(Change { to, at: line.at });
        }
    }
    changes
}
