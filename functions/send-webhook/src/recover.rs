//! All events since a time, once more to one endpoint: page by page, a job for each event.

use std::time::Duration;

use shared::domain::webhook::{Dispatch, Reason, Recovery, WebhookJob};
use shared::lambda::queue_function::Retry;
use shared::store::Wanted;

use crate::SendWebhook;

/// How many events one step of a recovery sends.
const PAGE: usize = 50;

impl SendWebhook {
    /// Sends a page of a recovery, and then the job for the next page.
    pub(crate) async fn recover(&self, job: Recovery) -> Result<(), Retry> {
        let now = self.environment.clock.now();
        let Some(endpoint) = self.endpoints.get(&job.tenant, &job.endpoint_id).await? else {
            return Ok(());
        };
        let wanted = Wanted { kind: None, since: Some(job.since) };
        let page = self.events.list(&job.tenant, &wanted, PAGE, job.after.as_deref(), now).await?;
        for event in page.events.iter().filter(|event| endpoint.wants(&event.kind)) {
            let (id, reason) = (&event.event_id, Reason::Recovered);
            let dispatch =
                Dispatch::first(&job.tenant, &job.endpoint_id, id, reason, &job.series, now);
            self.jobs.send(&WebhookJob::Deliver(dispatch), Duration::ZERO).await?;
        }
        if page.next.is_some() {
            let next = Recovery { after: page.next, ..job };
            self.jobs.send(&WebhookJob::Recover(next), Duration::ZERO).await?;
        }
        Ok(())
    }
}
