//! `POST /callbacks/mtn/{request_id}/{token}`: MTN's later answer to a deferred request. It comes
//! once and is unsigned. The token, which only MTN was told, proves that it is MTN's.
//!
//! Reads `accounts`, reads and writes `requests`, sends to the notify queue. Calls no
//! provider.

use shared::domain::deferred::{DeferredRequest, KeptAnswer};
use shared::domain::ids::DeferredRequestId;
use shared::lambda::error::ApiError;
use shared::lambda::http_function::HttpFunction;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::{Clock, Environment};
use shared::provider::mtn::{CallbackAnswer, read_callback};
use shared::store::{Accounts, Outbox, Requests, StoreError};

/// The function's dependencies.
#[derive(Debug)]
pub struct MtnCallback {
    requests: Requests,
    outbox: Outbox,
    accounts: Accounts,
    clock: Clock,
}

/// The length of a token in hexadecimal.
const TOKEN_LENGTH: usize = 64;

impl HttpFunction for MtnCallback {
    const NAME: &'static str = "mtn-callback";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            requests: Requests::from_vars(vars, &dynamodb)?,
            outbox: Outbox::from_vars(vars, environment)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            clock: environment.clock.clone(),
        })
    }

    /// A request that is not MTN's costs one read at most, and its answer tells nothing.
    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let token = request.path("token");
        if token.len() != TOKEN_LENGTH {
            return Err(ApiError::not_found());
        }
        let body = request.json_text("MTN's answer")?;
        let id = request.path_id("request_id", DeferredRequestId::parse)?;
        let now = self.clock.now();
        let deferred = self.requests.by_id(&id, now).await?;
        let deferred = deferred.filter(|it| it.accepts(token, now));
        let deferred = deferred.ok_or_else(ApiError::not_found)?;
        if !self.keep(&deferred, body).await? {
            return Err(ApiError::not_found());
        }
        Ok(Reply::json_text(r#"{"status":"successful"}"#))
    }
}

impl MtnCallback {
    /// Stores the answer before MTN gets its 200, because MTN does not send it again. Gives whether
    /// there was still a request to store it for: a withdrawn consent leaves none.
    async fn keep(&self, deferred: &DeferredRequest, body: &str) -> Result<bool, StoreError> {
        let account = self.accounts.get(&deferred.tenant, &deferred.account_id).await?;
        let (id, now) = (&deferred.request_id, self.clock.now());
        if !account.is_some_and(|account| account.is_open_to(deferred, now)) {
            return Ok(false);
        }
        let answer = match read_callback(&deferred.question, body) {
            CallbackAnswer::Data(data) => KeptAnswer::from(&data),
            // Not an answer as MTN documents it: kept as a notice, until a recognised answer comes.
            CallbackAnswer::Unknown | CallbackAnswer::Nothing => {
                let (id_text, operation) = (id.as_str(), deferred.question.operation());
                tracing::warn!(id = id_text, operation, "MTN called back without an answer");
                self.requests.note(id, body, now).await?;
                return Ok(true);
            }
        };
        Ok(self.requests.finish(&self.outbox, id, &answer, now).await?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    #[test]
    fn any_body_is_json_as_it_came_or_invalid() {
        fuzz(|choices| {
            let samples = [r#"{"statusCode":"0000","data":{"x":1.50}}"#, "[]", "7"];
            let body = choices.body(&samples, &["data", "c4nary"]);
            let came = body.clone();
            let (status, answer) = ask(Asked { body, ..Asked::default() }, move |request| {
                assert_eq!(request.json_text("MTN's answer")?.as_bytes(), came);
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status}");
            assert!(!answer.contains("c4nary"), "{answer}");
        });
    }
}
