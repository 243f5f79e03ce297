//! `GET /accounts/{id}/consent`: the consent record.

use serde::Serialize;
use shared::domain::account::{AccountEvent, AccountState, Consent};
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

impl ConsentFunction {
    /// The consent record; of an unlinked account, its history.
    pub(crate) async fn record(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let account = self.account(request).await?.shown(self.environment.clock.now());
        let record = ConsentRecord {
            account_id: &account.account_id,
            network: account.network,
            state: account.state,
            consent: account.consent.as_ref(),
            history: &account.history,
        };
        Ok(Reply::successful(record)?.shows(&account))
    }
}
