//! Reads a consented account's data: Mono's account, balances, transactions and identity, and what
//! MTN itself knows of an MTN line, some of which it answers later.
//!
//! Reads `accounts`, reads and writes `requests`, writes `limits`, sends to the requery queue. Calls
//! Mono and MTN.

mod mono;
mod mtn;
mod question;
mod requests;

use shared::config::{ConfigError, Vars};
use shared::error::ApiError;
use shared::http_function::{ApiRequest, HttpFunction, Reply};
use shared::limits::CallerLimits;
use shared::mono::{Mono, Resource};
use shared::mtn::Mtn;
use shared::mtn_request::AnswerTime;
use shared::queue::Queue;
use shared::store::{Account, AccountState, Accounts, Limits, Requests, Tenant};
use shared::world::World;

/// The function's dependencies.
#[derive(Debug)]
pub struct FetchData {
    mono: Option<Mono>,
    mtn: Option<Mtn>,
    accounts: Accounts,
    requests: Requests,
    requeries: Queue,
    answer_time: AnswerTime,
    limits: Limits,
    caller_limits: CallerLimits,
    public_base_url: Option<String>,
    world: World,
}

impl HttpFunction for FetchData {
    const NAME: &'static str = "fetch-data";

    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let dynamodb = shared::aws::dynamodb(vars, world)?;
        Ok(Self {
            mono: Mono::from_vars(vars, world)?,
            mtn: Mtn::from_vars(vars, world)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            requests: Requests::from_vars(vars, &dynamodb)?,
            requeries: Queue::from_vars(vars, world, "REQUERY_QUEUE_URL")?,
            answer_time: AnswerTime::from_vars(vars)?,
            limits: Limits::from_vars(vars, world, &dynamodb)?,
            caller_limits: CallerLimits::from_vars(vars)?,
            public_base_url: vars.base_url("PUBLIC_BASE_URL")?,
            world: world.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.caller()?;
        self.limits.count_if_possible(&self.caller_limits.reads, tenant.as_str()).await?;
        match request.route.as_str() {
            "GET /accounts/{id}" => self.read_mono(request, Resource::Account).await,
            "GET /accounts/{id}/balances" => self.read_mono(request, Resource::Balances).await,
            "GET /accounts/{id}/transactions" => {
                self.read_mono(request, Resource::Transactions).await
            }
            "GET /accounts/{id}/identity" => self.read_mono(request, Resource::Identity).await,
            "GET /requests/{request_id}" => self.request(request).await,
            _ => self.read_mtn(request).await,
        }
    }
}

impl FetchData {
    /// The caller's account, with its consent in force.
    async fn linked_account(&self, tenant: &Tenant, account_id: &str) -> Result<Account, ApiError> {
        let account = self.accounts.get(tenant, account_id).await?;
        account.filter(|it| it.state == AccountState::Linked).ok_or_else(ApiError::not_found)
    }

    /// Where callers and MTN reach this gateway.
    fn base_url<'a>(&'a self, request: &'a ApiRequest) -> &'a str {
        self.public_base_url.as_deref().unwrap_or(&request.base_url)
    }
}
