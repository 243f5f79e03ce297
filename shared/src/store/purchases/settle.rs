//! A person settles a purchase that waits for one, from the provider's records.

use time::OffsetDateTime;

use super::{Changed, Purchases};
use crate::domain::purchase::{
    Evidence, Outcome, Purchase, ReconcileAfter, Settled, Source, transition,
};
use crate::domain::schedule::Patience;
use crate::store::{Outbox, StoreError};

/// The longest reason, in characters.
pub const MAX_REASON: usize = 500;
/// The longest name of an operator, in characters.
pub const MAX_NAME: usize = 64;

/// What a person found out about a purchase.
#[derive(Debug)]
pub struct Settlement<'a> {
    /// The outcome.
    pub outcome: Settled,
    /// The operator's name, for the history.
    pub by: &'a str,
    /// How the outcome is known, for the history.
    pub reason: &'a str,
    /// When it is settled.
    pub at: OffsetDateTime,
}

impl Purchases {
    /// Settles a purchase in `needs_review`, or records that one in `delivered` was reversed. Everything else is
    /// refused, and nothing is written.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be settled.
    pub async fn settle(
        &self,
        outbox: &Outbox,
        purchase: &Purchase,
        settlement: &Settlement<'_>,
    ) -> Result<Changed, StoreError> {
        if !purchase.may_be_settled_as(settlement.outcome) {
            return Ok(Changed::Refused(Box::new(purchase.clone())));
        }
        let Settlement { outcome, by, reason, at } = settlement;
        let outcome = Outcome::settled(*outcome, by, reason);
        let (patience, look_back) = (Patience::default(), ReconcileAfter::default());
        let evidence = Evidence { source: Source::Operator, outcome, at: *at, patience, look_back };
        self.change(outbox, purchase, &transition(purchase, &evidence), *at).await
    }
}
