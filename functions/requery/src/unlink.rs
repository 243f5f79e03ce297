//! A consent was withdrawn: Mono is told until it confirms.

use std::time::Duration;

use shared::queue_function::Retry;
use shared::requery::{Message, UnlinkStep};
use shared::store::{AccountState, StoreError};

use crate::Requery;

/// About a day of steps: a person should find out why Mono does not confirm.
const OVERDUE_STEP: u32 = 100;

/// How far a step came.
enum Progress {
    /// Nothing is left to do.
    Done,
    /// To be tried again, and why.
    Later(String),
}

impl Requery {
    /// Whatever fails on the way, the next step tries again: an erasure has no deadline after which
    /// it may be given up.
    pub(crate) async fn unlink(&self, step: UnlinkStep) -> Result<(), Retry> {
        let Progress::Later(reason) = self.tell_mono(&step).await else { return Ok(()) };
        let (tenant, account_id) = (step.tenant.as_str(), step.account_id.as_str());
        tracing::warn!(tenant, account_id, reason, step = step.step, "not unlinked at Mono yet");
        if step.step >= OVERDUE_STEP {
            tracing::error!(alarm = "unlink_overdue", tenant, account_id, "Mono does not confirm");
        }
        let next = step.next();
        let wait = self.schedule.wait(next.step, Duration::MAX, &self.world.random);
        let sent = self.requeries.send(&Message::Unlink(next), wait).await;
        sent.map_err(|error| Retry(error.to_string()))
    }

    async fn tell_mono(&self, step: &UnlinkStep) -> Progress {
        match self.try_to_tell(step).await {
            Ok(progress) => progress,
            Err(error) => Progress::Later(error.to_string()),
        }
    }

    /// Linked again, or unlinked already: the message has no object any more. Mono is told only
    /// when no other caller still holds the account.
    async fn try_to_tell(&self, step: &UnlinkStep) -> Result<Progress, StoreError> {
        let (tenant, id) = (&step.tenant, step.account_id.as_str());
        let account = self.accounts.get(tenant, id).await?;
        if account.is_none_or(|account| account.state != AccountState::Unlinking) {
            return Ok(Progress::Done);
        }
        self.requests.forget_account(tenant, id).await?;
        if !self.accounts.is_held(id).await? {
            let Some(mono) = &self.mono else {
                return Ok(Progress::Later("Mono is switched off".to_owned()));
            };
            if let Err(error) = mono.unlink(id).await {
                return Ok(Progress::Later(error.to_string()));
            }
        }
        self.accounts.finish_unlink(tenant, id, self.world.clock.now()).await?;
        Ok(Progress::Done)
    }
}
