//! The hint job: an unsigned webhook says that a purchase has news, so VTpass is asked once.

use shared::domain::job::HintedPurchase;
use shared::domain::purchase::Source;
use shared::lambda::queue_function::Retry;

use crate::purchase::PurchaseJobs;

impl PurchaseJobs {
    /// Asks once, also about a final purchase, because a delivered one may have been reversed. Sends
    /// no job: the purchase's chain goes on by itself. While the store is out of reach the hint goes
    /// back to the queue, because nothing else announces a reversal.
    pub(crate) async fn hint(&self, hint: &HintedPurchase) -> Result<(), Retry> {
        let HintedPurchase { tenant, purchase_id } = hint;
        let Some(purchase) = self.purchases.get(tenant, purchase_id).await? else {
            return Ok(());
        };
        let Some((evidence, change)) = self.ask(&purchase, Source::Hint).await else {
            return Ok(());
        };
        // There may be many hints, so an answer without news is not written. News is a new state, a
        // contradiction, a first acknowledgement, or an end of the row of unknown references.
        let acknowledged = change.acknowledged && !purchase.acknowledged;
        let row_ended = change.unknown_references != Some(purchase.unknown_references);
        if change.to.is_some() || change.is_contradiction() || acknowledged || row_ended {
            self.purchases.apply(purchase_id, &change, &evidence).await?;
        }
        Ok(())
    }
}
