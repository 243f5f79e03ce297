//! The look back job: asks VTpass once more about a purchase that is settled or waits for a person.

use shared::domain::job::HintedPurchase;
use shared::domain::purchase::Source;
use shared::lambda::queue_function::Retry;

use crate::hint::proves_nothing;
use crate::purchase::{Asked, PurchaseJobs};

impl PurchaseJobs {
    /// The tenant is told the state, should nobody have told it. A reversal is written, a contradiction
    /// raises an alarm. After an answer that proves nothing reconcile comes back: it has moved the
    /// purchase in its index already.
    pub(crate) async fn look_back(&self, about: HintedPurchase) -> Result<(), Retry> {
        let HintedPurchase { tenant, purchase_id } = &about;
        let Some(purchase) = self.purchases.get(tenant, purchase_id).await? else {
            return Ok(());
        };
        if purchase.reconciled_at.is_some() {
            return Ok(());
        }
        self.outbox.remind(&purchase).await?;
        let Asked::Answered(evidence, change) = self.ask(&purchase, Source::LookBack).await else {
            return Ok(());
        };
        let met = self.record_news(&purchase, &evidence, &change).await?;
        if purchase.state.is_final() && !proves_nothing(&evidence.outcome, &purchase) {
            self.purchases.looked_back(purchase_id, met.state, self.now()).await?;
        }
        Ok(())
    }
}
