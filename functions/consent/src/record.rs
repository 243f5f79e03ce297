//! `GET /accounts/{id}/consent` and `/export`: the consent record, and everything held.

use serde::Serialize;
use shared::domain::account::{Account, AccountEvent, AccountState, Consent};
use shared::domain::deferred::{DeferredRequest, DeferredView};
use shared::domain::ids::AccountId;
use shared::domain::network::Network;
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;

use crate::ConsentFunction;

#[derive(Serialize)]
struct ConsentRecord<'a> {
    account_id: &'a AccountId,
    #[serde(rename = "provider")]
    network: Network,
    state: AccountState,
    consent: Option<&'a Consent>,
    history: &'a [AccountEvent],
}

#[derive(Serialize)]
struct Export<'a> {
    #[serde(flatten)]
    account: &'a Account,
    /// What MTN was asked about the account, and answered.
    requests: Vec<DeferredView<'a>>,
}

impl ConsentFunction {
    /// The consent record; of an unlinked account, its history.
    pub(crate) async fn record(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let account = self.account(request).await?.shown(self.environment.clock.now());
        Reply::successful(ConsentRecord {
            account_id: &account.account_id,
            network: account.network,
            state: account.state,
            consent: account.consent.as_ref(),
            history: &account.history,
        })
    }

    /// Everything held about the account.
    pub(crate) async fn export(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let now = self.environment.clock.now();
        let account = self.account(request).await?.shown(now);
        let requests = match account.state {
            AccountState::Linked => {
                self.requests.of_account(&account.tenant, &account.account_id, now).await?
            }
            // An unlink may not have deleted them yet.
            AccountState::Unlinking | AccountState::Unlinked => Vec::new(),
        };
        let requests = requests.iter().map(DeferredRequest::view).collect();
        Reply::successful(Export { account: &account, requests })
    }
}
