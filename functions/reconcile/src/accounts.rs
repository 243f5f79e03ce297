//! One pass over the accounts a week: ends the consents whose data nobody reads, and erases the free text
//! that older versions left behind an ended consent. Where a pass stopped stands in the store.

use futures_util::stream::{self, StreamExt};
use shared::domain::account::{Account, DORMANT};
use shared::domain::job::{AFTER_THE_WRITE, HeldAccount, Job, Step};
use shared::store::MaskingPass;
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use crate::{CONCURRENCY, NotDone, Reconcile};

/// The time from the end of a pass to the next one.
const PAUSE: Duration = Duration::days(7);

impl Reconcile {
    /// Gives how many consents were ended. An account that fails does not keep the pass from the others;
    /// the next pass comes to it again.
    pub(crate) async fn pass_over_accounts(
        &self,
        stood: MaskingPass,
        until: Instant,
    ) -> Result<usize, NotDone> {
        let now = self.environment.clock.now();
        let mut after = stood.accounts_after;
        let (mut ended, mut failure) = (0, None);
        if after.is_none() && stood.accounts_ended_at.is_some_and(|it| now - it < PAUSE) {
            return Ok(ended);
        }
        while Instant::now() < until {
            let part = self.accounts.part(after.as_ref()).await?;
            let done: Vec<_> = stream::iter(part.accounts)
                .map(|account| self.pass_by(account, now))
                .buffer_unordered(CONCURRENCY)
                .collect()
                .await;
            for done in done {
                match done {
                    Ok(is_ended) => ended += usize::from(is_ended),
                    Err(reason) => failure = Some(reason),
                }
            }
            after = part.next;
            self.purchases.save_accounts_pass(after.clone().ok_or(now)).await?;
            if after.is_none() {
                break;
            }
        }
        failure.map_or(Ok(ended), Err)
    }

    /// Gives whether the consent was ended now, and logs why an account could not be dealt with.
    async fn pass_by(&self, account: Account, now: OffsetDateTime) -> Result<bool, NotDone> {
        let outcome = self.look_at(&account, now).await;
        if let Err(reason) = &outcome {
            let (tenant, account_id) = (account.tenant.as_str(), account.account_id.as_str());
            tracing::warn!(tenant, account_id, %reason, "an account cannot be passed");
        }
        outcome
    }

    async fn look_at(&self, account: &Account, now: OffsetDateTime) -> Result<bool, NotDone> {
        let Account { tenant, account_id, .. } = account;
        if account.consent.is_none() && account.keeps_text() {
            self.accounts.erase_texts(tenant, account_id).await?;
        }
        let Some(since) = self.dormancy.read_since(account, now) else { return Ok(false) };
        if self.disclosures.is_shown_since(tenant, account_id, since).await? {
            return Ok(false);
        }
        self.end_dormant(account, now).await
    }

    /// The job is sent before the end is written, so that a written end always reaches Mono.
    async fn end_dormant(&self, account: &Account, now: OffsetDateTime) -> Result<bool, NotDone> {
        let (tenant, account_id) = (account.tenant.clone(), account.account_id.clone());
        let job = Job::Unlink(Step::first(HeldAccount { tenant, account_id }));
        self.follow_ups.send(&job, AFTER_THE_WRITE).await?;
        let ended = self.accounts.expire(&self.outbox, account, Some(DORMANT), now).await?;
        if ended {
            let (tenant, account_id) = (account.tenant.as_str(), account.account_id.as_str());
            tracing::info!(tenant, account_id, "a consent was ended: nobody reads the data");
        }
        Ok(ended)
    }
}
