//! Masks the numbers of old purchases, and brings what an older version wrote into the index by state:
//! one pass over the table a week, as much of it in each run as there is time for. Where a pass stopped
//! stands in the store. The first pass after an older version does not wait for a week.

use shared::store::{MaskingPass, StoreError};
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use crate::Reconcile;

/// The time from the end of a pass to the next one. Each pass reads the whole table.
const PAUSE: Duration = Duration::days(7);

impl Reconcile {
    /// Gives how many numbers were masked. A pass that two runs work on at once masks the same.
    pub(crate) async fn mask(
        &self,
        mut pass: MaskingPass,
        until: Instant,
    ) -> Result<usize, StoreError> {
        let now = self.environment.clock.now();
        let pauses = pass.placed_at.is_some()
            && pass.ended_at.is_some_and(|ended_at| now - ended_at < PAUSE);
        let masked = match pass.after.is_none() && pauses {
            true => 0,
            false => self.go_on(&mut pass, now, until).await?,
        };
        if pass.is_on_time(now) {
            tracing::info!(metric = "masking_on_time", "numbers are masked in time");
        }
        Ok(masked)
    }

    async fn go_on(
        &self,
        pass: &mut MaskingPass,
        now: OffsetDateTime,
        until: Instant,
    ) -> Result<usize, StoreError> {
        let before = self.retention.before(now);
        let mut masked = 0;
        while Instant::now() < until {
            let part = self.purchases.mask_numbers(before, pass.after.clone()).await?;
            masked += part.count;
            *pass = pass.moved(part.next, now);
            self.purchases.save_masking_pass(pass).await?;
            if pass.after.is_none() {
                break;
            }
        }
        Ok(masked)
    }
}
