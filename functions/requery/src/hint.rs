//! The hint job: an unsigned webhook says that a purchase has news, so VTpass is asked.

use shared::domain::job::{HintedPurchase, Step};
use shared::domain::purchase::{Evidence, Outcome, Purchase, Source, State, Transition, Verdict};
use shared::lambda::queue_function::Retry;
use shared::platform::telemetry::alarm::Alarm;
use shared::store::StoreError;

use crate::purchase::{Asked, PurchaseJobs};

/// After about a day of steps a person must ask VTpass.
const LAST_STEP: u32 = 100;

impl PurchaseJobs {
    /// Asks also about a final purchase, because a delivered one may have been reversed. While the
    /// store is out of reach the hint goes back to the queue, because nothing else announces a
    /// reversal. A copy of a step, which SQS may deliver or have kept although its answer was lost,
    /// does not ask once a later step was sent.
    pub(crate) async fn hint(&self, step: Step<HintedPurchase>) -> Result<(), Retry> {
        let HintedPurchase { tenant, purchase_id } = &step.about;
        let Some(purchase) = self.purchases.get(tenant, purchase_id).await? else {
            return Ok(());
        };
        if step.step > 0 && purchase.hint_comes_later(self.now()) {
            return Ok(());
        }
        let (evidence, change) = match self.ask(&purchase, Source::Hint).await {
            Asked::Answered(evidence, change) => (evidence, change),
            Asked::Down => return self.hint_again(&step, &purchase).await,
            Asked::Nobody => return Ok(()),
        };
        self.record_news(&purchase, &evidence, &change).await?;
        self.learn_from_hint(&purchase, &evidence.outcome).await;
        if proves_nothing(&evidence.outcome, &purchase) {
            self.hint_again(&step, &purchase).await
        } else {
            Ok(())
        }
    }

    /// Writes an answer that came outside the chain, if it holds news: a new state, a new contradiction, a
    /// first acknowledgement, the cost where none was known, or an end of the row of unknown references.
    /// There may be many hints, so an answer without news is not written. Gives the purchase as it is then.
    pub(crate) async fn record_news(
        &self,
        purchase: &Purchase,
        evidence: &Evidence,
        change: &Transition,
    ) -> Result<Purchase, StoreError> {
        let acknowledged = change.acknowledged && !purchase.acknowledged;
        let cost_known = change.charge.cost.is_some() && purchase.cost.is_none();
        let row_ended = change.unknown_references != Some(purchase.unknown_references);
        let repeats = change.attempts.iter().all(|it| it.repeats_any(&purchase.history));
        let contradicts = change.is_contradiction() && !repeats;
        if change.to.is_some() || contradicts || acknowledged || cost_known || row_ended {
            return self.purchases.apply(&self.outbox, purchase, change, evidence).await;
        }
        Ok(purchase.clone())
    }

    /// Asks again on the schedule of the requery, unless a step of an earlier hint will. After a day it
    /// raises an alarm. The step is sent before it is marked: a crash between the two sends one more and
    /// loses nothing.
    async fn hint_again(
        &self,
        step: &Step<HintedPurchase>,
        purchase: &Purchase,
    ) -> Result<(), Retry> {
        if purchase.hint_comes_later(self.now()) {
            return Ok(());
        }
        let next = step.next();
        if next.step > LAST_STEP {
            let alarm = Alarm::HintUnanswered.name();
            let purchase_id = step.about.purchase_id.as_str();
            tracing::error!(alarm, purchase_id, "VTpass gave no clear answer to a hint for a day");
            return Ok(());
        }
        let due = self.now() + self.hint_later(next).await?;
        let purchase_id = &purchase.purchase_id;
        if let Err(error) = self.purchases.mark_hint_again(purchase_id, due).await {
            let purchase_id = purchase_id.as_str();
            tracing::warn!(purchase_id, reason = %error, "the next step of a hint cannot be marked");
        }
        Ok(())
    }
}

/// Whether VTpass must be asked again. That it does not know the reference is an answer, unless it shows
/// the order's transaction beside it, or knew it before and may have given value. That it is pending is an
/// answer while the chain asks again. That a person must look is no answer about a settled purchase.
pub(crate) fn proves_nothing(outcome: &Outcome, purchase: &Purchase) -> bool {
    match purchase.verdict_of(outcome) {
        Verdict::Delivered | Verdict::Failed | Verdict::Reversed => false,
        Verdict::NeedsReview => purchase.state.is_final(),
        // One in needs_review has no chain that asks again.
        Verdict::Pending => !matches!(purchase.state, State::Submitted | State::Pending),
        Verdict::Unclear if outcome.unknown_reference && !outcome.acknowledged => {
            purchase.acknowledged && !purchase.state.safe_to_refund()
        }
        Verdict::Unclear => true,
    }
}
