//! The selling guard: the first requery says what became of an order that `pay` left open.

use std::time::Duration;

use shared::domain::guard::{Sign, waits_for_requery};
use shared::domain::job::{Chain, Step};
use shared::domain::purchase::{Outcome, Purchase};
use shared::store::StoreError;

use crate::purchase::{Asked, PurchaseJobs};

/// The longest time that noting an outcome may take.
const NOTE_WITHIN: Duration = Duration::from_secs(5);

impl PurchaseJobs {
    /// Notes what the answer says about the service. What cannot be noted is not: the guard is no ledger.
    pub(crate) async fn learn(&self, step: &Step<Chain>, purchase: &Purchase, asked: &Asked) {
        let Asked::Answered(evidence, _) = asked else { return };
        if step.step > 0 || !waits_for_requery(purchase) {
            return;
        }
        let note = self.note(purchase, &evidence.outcome);
        let reason = match tokio::time::timeout(NOTE_WITHIN, note).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        let service_id = purchase.service_id.as_str();
        tracing::warn!(service_id, reason, "an outcome cannot be noted at the guard");
    }

    async fn note(&self, purchase: &Purchase, outcome: &Outcome) -> Result<(), StoreError> {
        let Some(seen) = self.guards.look(&purchase.service_id).await? else { return Ok(()) };
        let id = &purchase.purchase_id;
        match Sign::of_first_requery(outcome) {
            Some(sign) => self.guards.learn(&self.outbox, seen, id, sign).await,
            None => self.guards.release(&self.outbox, seen, id).await,
        }
    }
}
