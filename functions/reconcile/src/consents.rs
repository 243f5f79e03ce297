//! Ends the consents that are past their end: erases the personal data here, and sends the job that tells
//! Mono. Whoever reads an account compares its end with the clock, and does not wait for this.

use futures_util::stream::{self, StreamExt};
use shared::domain::job::{AFTER_THE_WRITE, HeldAccount, Job, Step};
use shared::store::EndedConsent;
use tokio::time::Instant;

use crate::{CONCURRENCY, NotDone, Reconcile};

impl Reconcile {
    /// Gives how many consents were ended. One that cannot be ended does not keep the others from it.
    pub(crate) async fn end_consents(&self, until: Instant) -> Result<usize, NotDone> {
        let (mut count, mut failure, mut after) = (0, None, None);
        while Instant::now() < until {
            let now = self.environment.clock.now();
            let page = self.accounts.ended_consents(now, after.as_ref()).await?;
            after = page.last().cloned();
            let done: Vec<_> = stream::iter(page)
                .map(|ended| self.end_consent(ended))
                .buffer_unordered(CONCURRENCY)
                .collect()
                .await;
            for done in done {
                match done {
                    Ok(ended) => count += usize::from(ended),
                    Err(reason) => failure = Some(reason),
                }
            }
            if after.is_none() {
                break;
            }
        }
        failure.map_or(Ok(count), Err)
    }

    /// Gives whether the consent was ended now, and logs why it cannot be.
    async fn end_consent(&self, ended: EndedConsent) -> Result<bool, NotDone> {
        let outcome = self.expire(&ended).await;
        let (tenant, account_id) = (ended.tenant.as_str(), ended.account_id.as_str());
        match &outcome {
            Ok(true) => tracing::info!(tenant, account_id, "a consent came to its end"),
            Ok(false) => {}
            Err(reason) => {
                tracing::warn!(tenant, account_id, %reason, "a consent cannot be ended");
            }
        }
        outcome
    }

    /// The job is sent before the end is written, so that a written end always reaches Mono.
    async fn expire(&self, ended: &EndedConsent) -> Result<bool, NotDone> {
        let now = self.environment.clock.now();
        let account = self.accounts.get(&ended.tenant, &ended.account_id).await?;
        let Some(account) = account.filter(|account| account.has_expired(now)) else {
            self.accounts.leave_ended(ended).await?;
            return Ok(false);
        };
        let (tenant, account_id) = (account.tenant.clone(), account.account_id.clone());
        let job = Job::Unlink(Step::first(HeldAccount { tenant, account_id }));
        self.follow_ups.send(&job, AFTER_THE_WRITE).await?;
        Ok(self.accounts.expire(&self.outbox, &account, None, now).await?)
    }
}
