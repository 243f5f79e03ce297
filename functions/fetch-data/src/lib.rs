//! Reads the data of a consented account: Mono's account, balances, transactions and identity, and
//! what MTN itself knows of an MTN line. MTN answers some questions later.
//!
//! Reads `accounts`, reads and writes `requests` and `limits`, writes `disclosures`, sends to the
//! follow-up queue and the notify queue. Calls Mono and MTN.

mod deferred;
mod mono;
mod mtn;
mod providers;
mod query;
mod reply;
mod scope;

use http::StatusCode;
use shared::domain::account::Account;
use shared::domain::deferred::AnswerTime;
use shared::domain::ids::{AccountId, TenantId};
use shared::domain::limit::TenantLimits;
use shared::lambda::disclosing::DisclosureLog;
use shared::lambda::error::ApiError;
use shared::lambda::http_function::HttpFunction;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;
use shared::provider::mono::{Mono, Resource};
use shared::provider::mtn::Mtn;
use shared::store::{Accounts, Guards, Limits, Outbox, Requests};

/// The function's dependencies.
#[derive(Debug)]
pub struct FetchData {
    mono: Option<Mono>,
    mtn: Option<Mtn>,
    accounts: Accounts,
    requests: Requests,
    outbox: Outbox,
    jobs: Queue,
    answer_time: AnswerTime,
    limits: Limits,
    guards: Guards,
    disclosures: DisclosureLog,
    sells_at_vtpass: bool,
    tenant_limits: TenantLimits,
    public_base_url: Option<String>,
    environment: Environment,
}

impl HttpFunction for FetchData {
    const NAME: &'static str = "fetch-data";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            mono: Mono::from_vars(vars, environment)?,
            mtn: Mtn::from_vars(vars, environment)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            requests: Requests::from_vars(vars, &dynamodb)?,
            outbox: Outbox::from_vars(vars, environment)?,
            jobs: Queue::from_vars(vars, environment, "FOLLOW_UP_QUEUE_URL")?,
            answer_time: AnswerTime::from_vars(vars)?,
            limits: Limits::from_vars(vars, environment, &dynamodb)?,
            guards: Guards::from_vars(vars, environment, &dynamodb)?,
            disclosures: DisclosureLog::from_vars(vars, environment, &dynamodb)?,
            sells_at_vtpass: vars.optional("VTPASS_BASE_URL").is_some(),
            tenant_limits: TenantLimits::from_vars(vars)?,
            public_base_url: vars.base_url("PUBLIC_BASE_URL")?,
            environment: environment.clone(),
        })
    }

    fn disclosures(&self) -> Option<&DisclosureLog> {
        Some(&self.disclosures)
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let (reads, weight) = (&self.tenant_limits.reads, weight(request));
        let count = self.limits.count_if_possible(reads, tenant.as_str(), weight);
        if request.route == "GET /requests/{request_id}" {
            count.await?;
            return self.deferred_request(request).await;
        }
        if request.route == "GET /providers" {
            count.await?;
            return self.providers().await;
        }
        // Neither needs the other's answer, so the tenant waits for one of them only.
        let (counted, account) = tokio::join!(count, self.account_of(request));
        counted?;
        let account = &account?;
        scope::check_route(account, &request.route)?;
        let reply = match request.route.as_str() {
            "GET /accounts/{id}" => self.read_mono(request, account, Resource::Account).await,
            "GET /accounts/{id}/balances" => {
                self.read_mono(request, account, Resource::Balances).await
            }
            "GET /accounts/{id}/transactions" => {
                self.read_mono(request, account, Resource::Transactions).await
            }
            "GET /accounts/{id}/identity" => {
                self.read_mono(request, account, Resource::Identity).await
            }
            _ => self.read_mtn(request, account).await,
        }?;
        // One that is not answered yet says itself whether it shows anything.
        Ok(if reply.status == StatusCode::ACCEPTED { reply } else { reply.shows(account) })
    }
}

/// How often a read counts. One that waits for MTN's answer keeps an instance busy for that time, so
/// it counts once for each second.
fn weight(request: &ApiRequest) -> u64 {
    let may_wait = request.route.contains("/mtn/") || request.route.contains("/requests/");
    let wait = request.preferred_wait().as_secs();
    if may_wait { wait.max(1) } else { 1 }
}

impl FetchData {
    /// The tenant's account, with its consent in force, by the clock.
    async fn linked_account(&self, tenant: &TenantId, id: &AccountId) -> Result<Account, ApiError> {
        let account = self.accounts.get(tenant, id).await?;
        let now = self.environment.clock.now();
        account.filter(|it| it.is_open(now)).ok_or_else(ApiError::not_found)
    }

    /// The account that the path names.
    async fn account_of(&self, request: &ApiRequest) -> Result<Account, ApiError> {
        let id = request.path_id("id", AccountId::parse)?;
        self.linked_account(request.tenant()?, &id).await
    }

    /// The base URL at which tenants and MTN reach this gateway.
    fn base_url<'a>(&'a self, request: &'a ApiRequest) -> &'a str {
        self.public_base_url.as_deref().unwrap_or(&request.base_url)
    }
}
