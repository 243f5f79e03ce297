//! The selling guard: a requery says what became of an order that `pay` left open.

use std::time::Duration;

use shared::domain::guard::{Sign, waits_for_requery};
use shared::domain::job::{Chain, Step};
use shared::domain::purchase::{Answer, Attempt, Outcome, Purchase, Source, Verdict};
use shared::store::StoreError;

use crate::purchase::{Asked, PurchaseJobs};

/// The longest time that noting an outcome may take.
const NOTE_WITHIN: Duration = Duration::from_secs(5);
/// The last step of a chain that says anything about a service.
const LAST_STEP: u32 = 1;

impl PurchaseJobs {
    /// Notes what the answer to a step says about the service.
    pub(crate) async fn learn(&self, step: &Step<Chain>, purchase: &Purchase, asked: &Asked) {
        if let Asked::Answered(evidence, _) = asked {
            self.learn_of(step.step, purchase, &evidence.outcome).await;
        }
    }

    /// The same for a hint that settles an order, because its chain asks no more.
    pub(crate) async fn learn_from_hint(&self, purchase: &Purchase, outcome: &Outcome) {
        if outcome.verdict.proves().is_some() {
            self.learn_of(purchase.step, purchase, outcome).await;
        }
    }

    /// What cannot be noted is not: the guard is no ledger.
    async fn learn_of(&self, step: u32, purchase: &Purchase, outcome: &Outcome) {
        if step > LAST_STEP || !waits_for_requery(purchase) {
            return;
        }
        let note = self.note(step, purchase, outcome);
        let reason = match tokio::time::timeout(NOTE_WITHIN, note).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        let service_id = purchase.service_id.as_str();
        tracing::warn!(service_id, reason, "an outcome cannot be noted at the guard");
    }

    /// The first requery decides about an order, unless VTpass still works on it or was not asked: then
    /// the second one does. A service that delivers slowly works.
    async fn note(
        &self,
        step: u32,
        purchase: &Purchase,
        outcome: &Outcome,
    ) -> Result<(), StoreError> {
        let decides = match step {
            0 => outcome.verdict != Verdict::Pending,
            _ => !was_decided(purchase),
        };
        if !decides {
            return Ok(());
        }
        let Some(seen) = self.guards.look(&purchase.service_id).await? else { return Ok(()) };
        let id = &purchase.purchase_id;
        match Sign::of_requery(outcome) {
            Some(sign) => self.guards.learn(&self.outbox, seen, id, sign).await,
            None => self.guards.release(&self.outbox, seen, id).await,
        }
    }
}

/// Whether the first requery decided.
fn was_decided(purchase: &Purchase) -> bool {
    let decided =
        |line: &Attempt| line.source == Source::Requery && line.answer != Some(Answer::Pending);
    purchase.history.iter().any(decided)
}
