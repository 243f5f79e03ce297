//! The consent of an account: its record, its export, its withdrawal by the tenant (unlink), and its
//! withdrawal at Mono, which Mono's webhook reports.
//!
//! Reads and writes `accounts` and `requests`, reads `purchases`, writes `limits` and `disclosures`, sends to the
//! follow-up queue and the notify queue. Calls Mono.

mod export;
mod record;
mod unlink;
mod webhook;

use shared::domain::account::Account;
use shared::domain::ids::AccountId;
use shared::domain::schedule::Schedule;
use shared::lambda::disclosing::DisclosureLog;
use shared::lambda::error::ApiError;
use shared::lambda::http_function::HttpFunction;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::crypto::{KeyedHash, SecretString};
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;
use shared::provider::mono::Mono;
use shared::store::{Accounts, Calls, Outbox, Purchases, Requests};

/// The function's dependencies.
#[derive(Debug)]
pub struct ConsentFunction {
    mono: Option<Mono>,
    accounts: Accounts,
    requests: Requests,
    calls: Calls,
    purchases: Purchases,
    keyed_hash: KeyedHash,
    public_base_url: Option<String>,
    outbox: Outbox,
    jobs: Queue,
    schedule: Schedule,
    webhook_secret: Option<SecretString>,
    disclosures: DisclosureLog,
    environment: Environment,
}

impl HttpFunction for ConsentFunction {
    const NAME: &'static str = "consent";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            mono: Mono::from_vars(vars, environment)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            requests: Requests::from_vars(vars, &dynamodb)?,
            calls: Calls::from_vars(vars, environment, &dynamodb)?,
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            keyed_hash: KeyedHash::from_vars(vars)?,
            public_base_url: vars.base_url("PUBLIC_BASE_URL")?,
            outbox: Outbox::from_vars(vars, environment)?,
            jobs: Queue::from_vars(vars, environment, "FOLLOW_UP_QUEUE_URL")?,
            schedule: Schedule::from_vars(vars)?,
            webhook_secret: vars.optional("MONO_WEBHOOK_SECRET").map(SecretString::from),
            disclosures: DisclosureLog::from_vars(vars, environment, &dynamodb)?,
            environment: environment.clone(),
        })
    }

    fn disclosures(&self) -> Option<&DisclosureLog> {
        Some(&self.disclosures)
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        if request.route == "POST /callbacks/mono" {
            return self.webhook(request).await;
        }
        self.calls.count(request.tenant()?).await?;
        match request.route.as_str() {
            "POST /accounts/{id}/unlink" => self.unlink(request).await,
            "GET /accounts/{id}/consent" => self.record(request).await,
            "GET /accounts/{id}/export" => self.export(request).await,
            _ => Err(ApiError::not_found()),
        }
    }
}

impl ConsentFunction {
    /// The tenant's account, in any state.
    async fn account(&self, request: &ApiRequest) -> Result<Account, ApiError> {
        let tenant = request.tenant()?;
        let id = request.path_id("id", AccountId::parse)?;
        self.accounts.get(tenant, &id).await?.ok_or_else(ApiError::not_found)
    }
}
