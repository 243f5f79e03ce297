//! `POST /account/auth`: exchanges a code for the permanent account id.
//!
//! Reads and writes `sessions` and `accounts`, writes `limits`, sends to the follow-up queue and the notify queue. Calls
//! Mono.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::domain::ids::AccountId;
use shared::domain::job::{BELIEVED_STEP, Job, ReportedAccount, Step};
use shared::lambda::error::{ApiError, ErrorCode};
use shared::lambda::http_function::HttpFunction;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;
use shared::platform::telemetry::alarm::Alarm;
use shared::provider::mono::{Mono, MonoError};
use shared::store::{Accounts, Calls, Claim, ClaimRefused, Link, Outbox, Sessions};

/// An unlink that runs at the time of a link has ended after this time: no function runs for so long.
const UNLINKS_ARE_OVER: Duration = Duration::from_secs(120);

/// The function's dependencies.
#[derive(Debug)]
pub struct Exchange {
    mono: Option<Mono>,
    sessions: Sessions,
    accounts: Accounts,
    calls: Calls,
    outbox: Outbox,
    jobs: Queue,
    environment: Environment,
}

#[derive(Deserialize)]
struct ExchangeRequest {
    code: String,
}

#[derive(Serialize)]
struct ExchangeReply<'a> {
    id: &'a AccountId,
}

impl HttpFunction for Exchange {
    const NAME: &'static str = "exchange";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            mono: Mono::from_vars(vars, environment)?,
            sessions: Sessions::from_vars(vars, &dynamodb)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            calls: Calls::from_vars(vars, environment, &dynamodb)?,
            outbox: Outbox::from_vars(vars, environment)?,
            jobs: Queue::from_vars(vars, environment, "FOLLOW_UP_QUEUE_URL")?,
            environment: environment.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let code = code(request)?;
        let mono = self.mono.as_ref().ok_or_else(|| ApiError::provider_off("Mono"))?;

        let claim = match self.sessions.claim(tenant, &code, &self.environment).await {
            Ok(claim) => claim,
            Err(refused) => {
                if matches!(refused, ClaimRefused::NoCode) {
                    // A tenant that guesses codes is limited. A real one is counted by its OTP.
                    self.calls.count(tenant).await?;
                }
                return not_claimed(refused);
            }
        };
        let answer = match mono.exchange(&code).await {
            Ok(answer) => answer,
            Err(error) => {
                let asked = claim.code.asked || error.is_unclear();
                self.sessions.release(&claim, asked).await;
                return Err(not_exchanged(error, &claim));
            }
        };
        self.check_later(&answer.account_id).await?;
        let now = self.environment.clock.now();
        let Self { accounts, outbox, sessions, .. } = self;
        match accounts.link(outbox, sessions, &claim, &answer.account_id, now).await? {
            Link::Linked => Ok(Reply::json_text(answer.body)),
            Link::ClaimLost => Err(in_progress()),
        }
    }
}

impl Exchange {
    /// Mono has one account for all tenants, and an unlink that runs now may not see this link. If any
    /// tenant linked the account before, a job asks Mono later whether it still knows the account. The job
    /// is sent before the link is written, so that no such link is without one.
    async fn check_later(&self, account_id: &AccountId) -> Result<(), ApiError> {
        if self.accounts.was_linked(account_id).await? {
            let account_id = account_id.clone();
            let about = ReportedAccount { account_id, once: false, reported: false };
            let job = Job::Withdrawal(Step { about, step: BELIEVED_STEP });
            self.jobs.send(&job, UNLINKS_ARE_OVER).await?;
        }
        Ok(())
    }
}

/// A code that was exchanged before answers the same id again.
fn not_claimed(refused: ClaimRefused) -> Result<Reply, ApiError> {
    match refused {
        ClaimRefused::Exchanged(id) => Reply::json(&ExchangeReply { id: &id }),
        ClaimRefused::NoCode => Err(ApiError::code_expired()),
        ClaimRefused::InProgress(rest) => Err(in_progress().retry_after(rest)),
        ClaimRefused::Store(error) => Err(error.into()),
    }
}

fn in_progress() -> ApiError {
    let message = "This code is being exchanged. Ask again in a moment.";
    ApiError::new(ErrorCode::InProgress, message)
}

/// If Mono refuses a code that was sent before, the first attempt used it up and its answer was lost:
/// the account exists at Mono, and its id is not known here.
fn not_exchanged(error: MonoError, claim: &Claim) -> ApiError {
    match error {
        MonoError::Rejected(status) if claim.code.asked => {
            let alarm = Alarm::CodeLost.name();
            let (tenant, status) = (claim.code.tenant.as_str(), status.as_u16());
            tracing::error!(alarm, tenant, status, "Mono used up a code and its answer was lost");
            ApiError::code_expired().detail(error.to_string())
        }
        other => other.into(),
    }
}

/// The code in the body.
fn code(request: &ApiRequest) -> Result<String, ApiError> {
    let ExchangeRequest { code } = request.json("code as a string")?;
    if !(1..=512).contains(&code.len()) {
        return Err(ApiError::invalid("code must have 1 to 512 characters."));
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    use super::*;

    #[test]
    fn any_body_holds_a_code_or_is_invalid_and_is_not_shown() {
        fuzz(|choices| {
            let body = choices.body(&[r#"{"code":"c4nary"}"#], &["code", "c4nary", ""]);
            let (status, answer) = ask(Asked { body, ..Asked::default() }, |request| {
                assert!((1..=512).contains(&code(request)?.len()));
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status}");
            assert!(!answer.contains("c4nary"), "{answer}");
        });
    }
}
