//! `POST /callbacks/mono`: Mono's webhook reports an event of an account.
//!
//! Wire contract: Mono documentation, *Webhooks* and *Unlink*. Only `account_unlinked` has an effect.
//! It is believed only once Mono, asked, no longer knows the account. The requery asks, so that Mono
//! gets its answer at once, and is asked again while it is down.

use std::time::Duration;

use serde::Deserialize;
use shared::domain::ids::AccountId;
use shared::domain::job::{Job, ReportedAccount, Step};
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::crypto::{ExposeSecret, same};

use crate::ConsentFunction;

const UNLINKED: &str = "mono.events.account_unlinked";

#[derive(Deserialize)]
struct Webhook {
    #[serde(default)]
    event: String,
    #[serde(default)]
    data: WebhookData,
}

/// The place of the account's id differs from event to event.
#[derive(Default, Deserialize)]
struct WebhookData {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    account: Option<WebhookAccount>,
}

#[derive(Deserialize)]
struct WebhookAccount {
    #[serde(default, alias = "_id")]
    id: Option<String>,
}

impl ConsentFunction {
    /// Without the secret in the configuration the route does not exist.
    pub(crate) async fn webhook(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let given = request.header("mono-webhook-secret").unwrap_or_default();
        let secret = self.webhook_secret.as_ref();
        if !secret.is_some_and(|secret| same(secret.expose_secret(), given)) {
            // The secret may have been rotated: the next call fetches it again.
            self.environment.credential_refusals.mark();
            return Err(ApiError::not_found());
        }
        let Webhook { event, data } = request.json("a Mono webhook")?;
        let id = data.account.and_then(|account| account.id).or(data.id);
        let account_id = id.as_deref().and_then(AccountId::parse);
        if let (UNLINKED, Some(account_id)) = (event.as_str(), account_id) {
            let job = Job::Withdrawal(Step::first(ReportedAccount { account_id }));
            self.jobs.send(&job, Duration::ZERO).await?;
        }
        Reply::successful(())
    }
}
