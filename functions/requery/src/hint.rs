//! Somebody says that a purchase has news: believed only as far as asking once.

use shared::purchase::Call;
use shared::queue_function::Retry;
use shared::store::{Change, Tenant};

use crate::Requery;

impl Requery {
    /// Asks once, of a final purchase too: a delivered one may have been reversed. Sends nothing:
    /// the chain, if there is one, goes its own way. With the store out of reach the hint goes back
    /// to the queue; a reversal is announced by nothing else.
    pub(crate) async fn hint(&self, tenant: &Tenant, id: &str) -> Result<(), Retry> {
        let retry = |error: shared::store::StoreError| Retry(error.to_string());
        let Some(purchase) = self.purchases.get(tenant, id).await.map_err(retry)? else {
            return Ok(());
        };
        let Some((outcome, conclusion)) = self.ask(&purchase, Call::Hint).await else {
            return Ok(());
        };
        // An answer that says nothing new leaves no line: hints may be many. That VTpass knows the
        // order is news, and so is what breaks a row of answers that it does not.
        let acknowledged = outcome.acknowledged && !purchase.acknowledged;
        let row_broken = conclusion.unknown_ids != purchase.unknown_ids;
        if conclusion.to.is_none() && !conclusion.contradiction && !acknowledged && !row_broken {
            return Ok(());
        }
        let change = Change::of(&purchase, &outcome, conclusion);
        self.purchases.apply(id, &change, self.world.clock.now()).await.map_err(retry)?;
        Ok(())
    }
}
