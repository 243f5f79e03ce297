//! The selling guard: the first requery says what became of an order that `pay` left open.

use std::time::Duration;

use shared::domain::guard::{Sign, waits_for_requery};
use shared::domain::job::{Chain, Step};
use shared::domain::purchase::{Outcome, Purchase, Verdict};
use shared::store::StoreError;

use crate::purchase::{Asked, PurchaseJobs};

/// The longest time that noting an outcome may take.
const NOTE_WITHIN: Duration = Duration::from_secs(5);
/// The step of the last requery that decides about a probe.
const LAST_FOR_PROBE: u32 = 1;

impl PurchaseJobs {
    /// Notes what the answer says about the service. What cannot be noted is not: the guard is no ledger.
    pub(crate) async fn learn(&self, step: &Step<Chain>, purchase: &Purchase, asked: &Asked) {
        let Asked::Answered(evidence, _) = asked else { return };
        if step.step > LAST_FOR_PROBE || !waits_for_requery(purchase) {
            return;
        }
        let note = self.note(step.step, purchase, &evidence.outcome);
        let reason = match tokio::time::timeout(NOTE_WITHIN, note).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        let service_id = purchase.service_id.as_str();
        tracing::warn!(service_id, reason, "an outcome cannot be noted at the guard");
    }

    /// The first requery decides about an order. About a probe that is still pending then the second one
    /// does: a service that delivers slowly works, and nothing else would open it.
    async fn note(
        &self,
        step: u32,
        purchase: &Purchase,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let Some(seen) = self.guards.look(&purchase.service_id).await? else { return Ok(()) };
        let id = &purchase.purchase_id;
        let is_probe = seen.is_probed_by(id);
        let decides = match step {
            0 => !(is_probe && outcome.verdict == Verdict::Pending),
            _ => is_probe,
        };
        if !decides {
            return Ok(());
        }
        match Sign::of_first_requery(outcome) {
            Some(sign) => self.guards.learn(&self.outbox, seen, id, sign).await,
            None => self.guards.release(&self.outbox, seen, id).await,
        }
    }
}
