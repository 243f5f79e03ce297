//! `POST /accounts/{id}/unlink`: the consent is withdrawn.

use serde::Serialize;
use shared::error::ApiError;
use shared::http_function::{ApiRequest, Reply};
use shared::store::{Account, AccountState, Tenant};

use crate::Exchange;

#[derive(Serialize)]
struct Unlinked<'a> {
    id: &'a str,
    state: AccountState,
}

impl Exchange {
    /// Erases here first, so that the withdrawal holds even while Mono is down; the caller's repeat
    /// then finishes it. Unlinking an unlinked account is no error.
    pub(crate) async fn unlink(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.caller()?;
        let account = self.accounts.get(tenant, request.path("id")).await?;
        let account = account.ok_or_else(ApiError::not_found)?;
        if account.state != AccountState::Unlinked {
            self.erase(tenant, &account).await?;
        }
        Reply::successful(Unlinked { id: &account.account_id, state: AccountState::Unlinked })
    }

    /// Mono is told only when no other caller still holds the account.
    async fn erase(&self, tenant: &Tenant, account: &Account) -> Result<(), ApiError> {
        let (id, clock) = (&account.account_id, &self.world.clock);
        if account.state == AccountState::Linked {
            self.accounts.begin_unlink(tenant, id, clock.now()).await?;
        }
        if !self.accounts.is_held(id).await? {
            self.mono()?.unlink(id).await?;
        }
        self.accounts.finish_unlink(tenant, id, clock.now()).await?;
        Ok(())
    }
}
