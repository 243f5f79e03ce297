//! Mono reports that a customer withdrew from it. If Mono, asked, no longer knows the account, the
//! consent is withdrawn here, too, for every caller that holds it.

use std::time::Duration;

use shared::mono::{MonoError, Resource};
use shared::queue_function::Retry;
use shared::requery::{Message, WithdrawalStep};
use shared::store::StoreError;

use crate::Requery;

/// About a day of steps: a person should find out why Mono does not answer.
const OVERDUE_STEP: u32 = 100;

/// What Mono says of the account.
enum Word {
    /// It knows it: the report was wrong, or the customer came back.
    Linked,
    /// It does not.
    Unlinked,
    /// It says nothing now, and why.
    None(String),
}

impl Requery {
    /// Whatever fails on the way, the next step tries again.
    pub(crate) async fn withdrawal(&self, step: WithdrawalStep) -> Result<(), Retry> {
        let account_id = step.account_id.as_str();
        let reason = match self.word_of(account_id).await {
            Word::Linked => return Ok(()),
            Word::None(reason) => reason,
            Word::Unlinked => match self.withdraw(account_id).await {
                Ok(()) => return Ok(()),
                Err(error) => error.to_string(),
            },
        };
        tracing::warn!(account_id, reason, step = step.step, "a withdrawal is not confirmed yet");
        if step.step >= OVERDUE_STEP {
            tracing::error!(alarm = "unlink_overdue", account_id, "Mono does not confirm");
        }
        let next = step.next();
        let wait = self.schedule.wait(next.step, Duration::MAX, &self.world.random);
        let sent = self.requeries.send(&Message::Withdrawal(next), wait).await;
        sent.map_err(|error| Retry(error.to_string()))
    }

    async fn word_of(&self, account_id: &str) -> Word {
        let Some(mono) = &self.mono else { return Word::None("Mono is switched off".to_owned()) };
        let headers = http::HeaderMap::new();
        match mono.read(Resource::Account, account_id, "", &headers).await {
            Ok(_) => Word::Linked,
            Err(MonoError::Rejected(http::StatusCode::NOT_FOUND | http::StatusCode::GONE)) => {
                Word::Unlinked
            }
            Err(error) => Word::None(error.to_string()),
        }
    }

    /// Erases what is personal for each holder, and leaves the tombstones. A repeat is harmless.
    async fn withdraw(&self, account_id: &str) -> Result<(), StoreError> {
        for tenant in self.accounts.holders(account_id).await? {
            let now = self.world.clock.now();
            self.accounts.begin_unlink(&tenant, account_id, now).await?;
            self.requests.forget_account(&tenant, account_id).await?;
            self.accounts.finish_unlink(&tenant, account_id, now).await?;
            tracing::info!(tenant = tenant.as_str(), account_id, "withdrawn at Mono");
        }
        Ok(())
    }
}
