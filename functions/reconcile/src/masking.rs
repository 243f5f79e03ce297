//! Masks the numbers of old purchases: one pass over the table a week, as much of it in each run as
//! there is time for. Where a pass stopped stands in the store.

use shared::store::{MaskingPass, StoreError};
use time::Duration;
use tokio::time::Instant;

use crate::Reconcile;

/// The time from the end of a pass to the next one. Each pass reads the whole table.
const PAUSE: Duration = Duration::days(7);

impl Reconcile {
    /// Gives how many numbers were masked. A pass that two runs work on at once masks the same.
    pub(crate) async fn mask(&self, until: Instant) -> Result<usize, StoreError> {
        let now = self.environment.clock.now();
        let MaskingPass { mut after, ended_at } = self.purchases.masking_pass().await?;
        if after.is_none() && ended_at.is_some_and(|ended_at| now - ended_at < PAUSE) {
            return Ok(0);
        }
        let before = self.retention.before(now);
        let mut masked = 0;
        while Instant::now() < until {
            let part = self.purchases.mask_numbers(before, after.take()).await?;
            masked += part.count;
            after = part.next;
            let ended_at = after.is_none().then_some(now);
            self.purchases
                .save_masking_pass(&MaskingPass { after: after.clone(), ended_at })
                .await?;
            if after.is_none() {
                break;
            }
        }
        Ok(masked)
    }
}
