//! `POST /accounts/{id}/unlink`: the consent is withdrawn.

use std::time::Duration;

use serde::Serialize;
use shared::error::ApiError;
use shared::http_function::{ApiRequest, Reply};
use shared::requery::{Message, UnlinkStep};
use shared::store::{Account, AccountState, Tenant};

use crate::Exchange;

#[derive(Serialize)]
struct Unlinked<'a> {
    id: &'a str,
    state: AccountState,
}

impl Exchange {
    /// Erases here first, so that the withdrawal holds even while Mono is down; the requery then
    /// tells Mono until it confirms, and so does the caller's repeat. Unlinking an unlinked account
    /// is no error.
    pub(crate) async fn unlink(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.caller()?;
        let account = self.accounts.get(tenant, request.path("id")).await?;
        let account = account.ok_or_else(ApiError::not_found)?;
        if account.state == AccountState::Linked {
            self.erase(tenant, &account).await?;
        }
        if account.state != AccountState::Unlinked {
            self.requests.forget_account(tenant, &account.account_id).await?;
            self.tell_mono(tenant, &account).await?;
        }
        Reply::successful(Unlinked { id: &account.account_id, state: AccountState::Unlinked })
    }

    /// The message goes first: a withdrawal that is written is never forgotten by whoever must
    /// finish it.
    async fn erase(&self, tenant: &Tenant, account: &Account) -> Result<(), ApiError> {
        let (tenant_of, account_id) = (tenant.clone(), account.account_id.clone());
        let step = UnlinkStep { tenant: tenant_of, account_id, step: 0 };
        let wait = self.schedule.wait(step.step, Duration::MAX, &self.world.random);
        self.requeries.send(&Message::Unlink(step), wait).await?;
        let now = self.world.clock.now();
        self.accounts.begin_unlink(tenant, &account.account_id, now).await?;
        Ok(())
    }

    /// Mono is told only when no other caller still holds the account.
    async fn tell_mono(&self, tenant: &Tenant, account: &Account) -> Result<(), ApiError> {
        let id = &account.account_id;
        if !self.accounts.is_held(id).await? {
            self.mono()?.unlink(id).await?;
        }
        self.accounts.finish_unlink(tenant, id, self.world.clock.now()).await?;
        Ok(())
    }
}
