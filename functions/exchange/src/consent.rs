//! `GET /accounts/{id}/consent` and `/export`: what is on record.

use serde::Serialize;
use shared::error::ApiError;
use shared::http_function::{ApiRequest, Reply};
use shared::mono::Provider;
use shared::mtn_request::{MtnRequest, View};
use shared::store::{Account, AccountState, Consent, HistoryEvent};

use crate::Exchange;

#[derive(Serialize)]
struct ConsentRecord<'a> {
    account_id: &'a str,
    provider: Provider,
    state: AccountState,
    consent: Option<&'a Consent>,
    history: &'a [HistoryEvent],
}

#[derive(Serialize)]
struct Export<'a> {
    #[serde(flatten)]
    account: &'a Account,
    /// What MTN was asked about it, and answered.
    requests: Vec<View<'a>>,
}

impl Exchange {
    /// The consent record; of an unlinked account, its history.
    pub(crate) async fn consent(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let account = self.own_account(request).await?;
        Reply::successful(ConsentRecord {
            account_id: &account.account_id,
            provider: account.provider,
            state: account.state,
            consent: account.consent.as_ref(),
            history: &account.history,
        })
    }

    /// Everything held about the account.
    pub(crate) async fn export(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let account = self.own_account(request).await?;
        let (tenant, now) = (&account.tenant, self.world.clock.now());
        let requests = self.requests.of_account(tenant, &account.account_id, now).await?;
        let requests = requests.iter().map(MtnRequest::view).collect();
        Reply::successful(Export { account: &account, requests })
    }

    async fn own_account(&self, request: &ApiRequest) -> Result<Account, ApiError> {
        let account = self.accounts.get(request.caller()?, request.path("id")).await?;
        account.ok_or_else(ApiError::not_found)
    }
}
