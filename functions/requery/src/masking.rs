//! The numbers of old purchases, when nobody needs them any more.

use std::time::Duration;

use shared::queue_function::Retry;
use shared::requery::Message;

use crate::Requery;

impl Requery {
    /// A part of the table at a time, so that a table of any size is done by short invocations.
    /// What fails is repeated by the queue, and the schedule begins anew whatever became of it.
    pub(crate) async fn masking(&self, after: Option<String>) -> Result<(), Retry> {
        let before = self.number_retention.before(self.world.clock.now());
        let part = self.purchases.mask_numbers(before, after).await;
        let part = part.map_err(|error| Retry(error.to_string()))?;
        tracing::info!(masked = part.count, last = part.next.is_none(), "numbers are masked");
        let Some(next) = part.next else { return Ok(()) };
        let next = Message::Masking { after: Some(next) };
        let sent = self.requeries.send(&next, Duration::ZERO).await;
        sent.map_err(|error| Retry(error.to_string()))
    }
}
