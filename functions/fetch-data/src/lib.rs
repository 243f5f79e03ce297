//! Reads a consented account's data: account, balances, transactions, identity.
//!
//! Reads `accounts`, writes `limits`. Calls Mono.

use shared::config::{ConfigError, Vars};
use shared::error::ApiError;
use shared::http_function::{ApiRequest, HttpFunction, Reply};
use shared::limits::CallerLimits;
use shared::mono::{Mono, Resource, point_links_at};
use shared::store::{Account, AccountState, Accounts, Limits, Tenant};
use shared::world::World;

/// The function's dependencies.
#[derive(Debug)]
pub struct FetchData {
    mono: Option<Mono>,
    accounts: Accounts,
    limits: Limits,
    caller_limits: CallerLimits,
    public_base_url: Option<String>,
}

impl HttpFunction for FetchData {
    const NAME: &'static str = "fetch-data";

    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let dynamodb = shared::aws::dynamodb(vars, world)?;
        Ok(Self {
            mono: Mono::from_vars(vars, world)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            limits: Limits::from_vars(vars, world, &dynamodb)?,
            caller_limits: CallerLimits::from_vars(vars)?,
            public_base_url: vars.base_url("PUBLIC_BASE_URL")?,
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let resource = match request.route.as_str() {
            "GET /accounts/{id}" => Resource::Account,
            "GET /accounts/{id}/balances" => Resource::Balances,
            "GET /accounts/{id}/transactions" => Resource::Transactions,
            "GET /accounts/{id}/identity" => Resource::Identity,
            _ => return Err(ApiError::not_found()),
        };
        let tenant = request.caller()?;
        self.limits.count_if_possible(&self.caller_limits.reads, tenant.as_str()).await?;
        let account = self.linked_account(tenant, request).await?;
        let mono = self.mono.as_ref().ok_or_else(|| ApiError::provider_off("Mono"))?;

        let id = &account.account_id;
        let page = mono.read(resource, id, &request.query, &request.headers).await?;
        let body = match resource {
            Resource::Transactions => {
                let base = self.public_base_url.as_deref().unwrap_or(&request.base_url);
                let url = format!("{base}{}", resource.path(id));
                point_links_at(&url, &request.query, page.body)
            }
            Resource::Account | Resource::Balances | Resource::Identity => page.body,
        };
        let reply = Reply::json_text(body);
        Ok(page.headers.into_iter().fold(reply, |reply, (name, value)| reply.header(name, value)))
    }
}

impl FetchData {
    /// The caller's account, with its consent in force.
    async fn linked_account(
        &self,
        tenant: &Tenant,
        request: &ApiRequest,
    ) -> Result<Account, ApiError> {
        let account = self.accounts.get(tenant, request.path("id")).await?;
        account.filter(|it| it.state == AccountState::Linked).ok_or_else(ApiError::not_found)
    }
}
