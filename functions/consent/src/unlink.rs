//! `POST /accounts/{id}/unlink`: the tenant withdraws the consent.

use std::time::Duration;

use serde::Serialize;
use shared::domain::account::{Account, AccountState};
use shared::domain::ids::AccountId;
use shared::domain::job::{HeldAccount, Job, Step};
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;

use crate::ConsentFunction;

#[derive(Serialize)]
struct Unlinked<'a> {
    id: &'a AccountId,
    state: AccountState,
}

impl ConsentFunction {
    /// Erases here first, so that the withdrawal holds even while Mono is down. The requery then
    /// tells Mono until it confirms, and so does a repeat of this request. Unlinking an unlinked
    /// account is not an error.
    pub(crate) async fn unlink(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let account = self.account(request).await?;
        if account.state == AccountState::Linked {
            self.erase(&account).await?;
        }
        if account.state != AccountState::Unlinked {
            self.requests.forget_account(&account.tenant, &account.account_id).await?;
            self.tell_mono(&account).await?;
        }
        Reply::successful(Unlinked { id: &account.account_id, state: AccountState::Unlinked })
    }

    /// The job is sent before the withdrawal is written, so that a written withdrawal is always
    /// finished.
    async fn erase(&self, account: &Account) -> Result<(), ApiError> {
        let (tenant, account_id) = (account.tenant.clone(), account.account_id.clone());
        let step = Step::first(HeldAccount { tenant, account_id });
        let wait = self.schedule.wait(step.step, Duration::MAX, &self.environment.random);
        self.jobs.send(&Job::Unlink(step), wait).await?;
        let now = self.environment.clock.now();
        let Account { tenant, account_id, .. } = account;
        self.accounts.begin_unlink(&self.outbox, tenant, account_id, now).await?;
        Ok(())
    }

    /// Tells Mono, unless another tenant still holds the account.
    async fn tell_mono(&self, account: &Account) -> Result<(), ApiError> {
        let id = &account.account_id;
        if !self.accounts.is_held(id).await? {
            let mono = self.mono.as_ref().ok_or_else(|| ApiError::provider_off("Mono"))?;
            mono.unlink(id).await?;
        }
        let now = self.environment.clock.now();
        self.accounts.finish_unlink(&account.tenant, id, now).await?;
        Ok(())
    }
}
