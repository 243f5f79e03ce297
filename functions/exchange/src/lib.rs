//! From a code to a permanent account, and back: exchange, consent record, export, unlink, and what
//! Mono reports of accounts.
//!
//! Reads and writes `sessions`, `accounts` and `requests`, sends to the requery queue. Calls Mono.

mod consent;
mod link;
mod unlink;
mod webhook;

use shared::config::{ConfigError, Vars};
use shared::error::ApiError;
use shared::http_function::{ApiRequest, HttpFunction, Reply};
use shared::mono::Mono;
use shared::queue::Queue;
use shared::requery::Schedule;
use shared::secret::SecretString;
use shared::store::{Accounts, Requests, Sessions};
use shared::world::World;

/// The function's dependencies.
#[derive(Debug)]
pub struct Exchange {
    mono: Option<Mono>,
    sessions: Sessions,
    accounts: Accounts,
    requests: Requests,
    requeries: Queue,
    schedule: Schedule,
    webhook_secret: Option<SecretString>,
    world: World,
}

impl HttpFunction for Exchange {
    const NAME: &'static str = "exchange";

    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let dynamodb = shared::aws::dynamodb(vars, world)?;
        Ok(Self {
            mono: Mono::from_vars(vars, world)?,
            sessions: Sessions::from_vars(vars, &dynamodb)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            requests: Requests::from_vars(vars, &dynamodb)?,
            requeries: Queue::from_vars(vars, world, "REQUERY_QUEUE_URL")?,
            schedule: Schedule::from_vars(vars)?,
            webhook_secret: vars.optional("MONO_WEBHOOK_SECRET").map(SecretString::from),
            world: world.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        match request.route.as_str() {
            "POST /account/auth" | "POST /accounts/auth" => self.link(request).await,
            "POST /accounts/{id}/unlink" => self.unlink(request).await,
            "GET /accounts/{id}/consent" => self.consent(request).await,
            "GET /accounts/{id}/export" => self.export(request).await,
            "POST /callbacks/mono" => self.webhook(request).await,
            _ => Err(ApiError::not_found()),
        }
    }
}

impl Exchange {
    fn mono(&self) -> Result<&Mono, ApiError> {
        self.mono.as_ref().ok_or_else(|| ApiError::provider_off("Mono"))
    }
}
