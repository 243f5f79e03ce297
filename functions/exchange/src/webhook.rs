//! `POST /callbacks/mono`: Mono says that something happened to an account.
//!
//! Wire contract: Mono documentation, *Webhooks* and *Unlink*. Only `account_unlinked` means
//! anything here, and it is believed only once Mono, asked, no longer knows the account: the requery
//! asks, so that Mono is answered at once and a Mono that is down is asked again.

use std::time::Duration;

use serde::Deserialize;
use shared::error::ApiError;
use shared::http_function::{ApiRequest, Reply};
use shared::mono::is_account_id;
use shared::requery::{Message, WithdrawalStep};
use shared::secret::{ExposeSecret, same};

use crate::Exchange;

const UNLINKED: &str = "mono.events.account_unlinked";

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    event: String,
    #[serde(default)]
    data: Data,
}

/// Where the account's id stands differs from event to event.
#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    account: Option<Account>,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default, alias = "_id")]
    id: Option<String>,
}

impl Exchange {
    /// Without the secret there is no such route.
    pub(crate) async fn webhook(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let given = request.header("mono-webhook-secret").unwrap_or_default();
        let secret = self.webhook_secret.as_ref();
        if !secret.is_some_and(|secret| same(secret.expose_secret(), given)) {
            // Perhaps it was rotated: the next call has what the secret holds now.
            self.world.refusals.mark();
            return Err(ApiError::not_found());
        }
        let event: Event = request.json("a Mono webhook")?;
        let id = event.data.account.and_then(|account| account.id).or(event.data.id);
        if let (UNLINKED, Some(account_id)) = (event.event.as_str(), id)
            && is_account_id(&account_id)
        {
            let message = Message::Withdrawal(WithdrawalStep { account_id, step: 0 });
            self.requeries.send(&message, Duration::ZERO).await?;
        }
        Reply::successful(())
    }
}
