//! `POST /callbacks/mtn/{request_id}/{token}`: MTN answers what it was asked earlier, once and
//! unsigned. What proves that it is MTN is the token, which only MTN was told.
//!
//! Reads `accounts`, reads and writes `requests`. Calls nobody.

use shared::config::{ConfigError, Vars};
use shared::error::ApiError;
use shared::http_function::{ApiRequest, HttpFunction, Reply};
use shared::mtn::{CallbackAnswer, read_callback};
use shared::mtn_request::{KeptAnswer, MtnRequest};
use shared::store::{AccountState, Accounts, Requests, StoreError};
use shared::world::{Clock, World};

/// The function's dependencies.
#[derive(Debug)]
pub struct MtnCallback {
    requests: Requests,
    accounts: Accounts,
    clock: Clock,
}

/// A token in hexadecimal.
const TOKEN_LENGTH: usize = 64;

impl HttpFunction for MtnCallback {
    const NAME: &'static str = "mtn-callback";

    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let dynamodb = shared::aws::dynamodb(vars, world)?;
        Ok(Self {
            requests: Requests::from_vars(vars, &dynamodb)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            clock: world.clock.clone(),
        })
    }

    /// Whatever is not MTN's costs one read at most, and learns nothing from the answer.
    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let (id, token) = (request.path("request_id"), request.path("token"));
        if token.len() != TOKEN_LENGTH {
            return Err(ApiError::not_found());
        }
        let body = request.json_text("MTN's answer")?;
        let question = self.requests.by_id(id, self.clock.now()).await?;
        let question = question.filter(|it| it.accepts(token, self.clock.now()));
        let question = question.ok_or_else(ApiError::not_found)?;
        if !self.keep(&question, body).await? {
            return Err(ApiError::not_found());
        }
        Ok(Reply::json_text(r#"{"status":"successful"}"#))
    }
}

impl MtnCallback {
    /// Stores the answer before MTN is told that it is taken; MTN will not send it again. Whether
    /// there was still a request to store it for: a consent that was withdrawn leaves none.
    async fn keep(&self, question: &MtnRequest, body: &str) -> Result<bool, StoreError> {
        let (tenant, account) = (&question.tenant, &question.account_id);
        let account = self.accounts.get(tenant, account).await?;
        if account.is_none_or(|account| account.state != AccountState::Linked) {
            return Ok(false);
        }
        let (id, now) = (question.request_id.as_str(), self.clock.now());
        let answer = match read_callback(&question.query, body) {
            CallbackAnswer::Data(data) => KeptAnswer::of(&data),
            CallbackAnswer::Unknown => KeptAnswer::unrecognised(body),
            CallbackAnswer::Nothing => {
                let operation = question.query.operation();
                tracing::warn!(id, operation, "MTN called back without an answer");
                self.requests.note(id, body, now).await?;
                return Ok(true);
            }
        };
        Ok(self.requests.finish(id, &answer, now).await?.is_some())
    }
}
