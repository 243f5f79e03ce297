//! `POST /telecom/verify`: proves an OTP and turns the session into a code.
//!
//! Reads and writes `sessions`, writes `limits`. Calls Mono.

use serde::Deserialize;
use shared::lambda::error::{ApiError, ErrorCode};
use shared::lambda::http_function::HttpFunction;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::provider::mono::{Mono, MonoError};
use shared::store::{Calls, Sessions, TryRefused};

/// The function's dependencies.
#[derive(Debug)]
pub struct Verify {
    mono: Option<Mono>,
    sessions: Sessions,
    calls: Calls,
    environment: Environment,
}

#[derive(Deserialize)]
struct VerifyRequest {
    otp: String,
}

impl HttpFunction for Verify {
    const NAME: &'static str = "verify";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            mono: Mono::from_vars(vars, environment)?,
            sessions: Sessions::from_vars(vars, &dynamodb)?,
            calls: Calls::from_vars(vars, environment, &dynamodb)?,
            environment: environment.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let otp = otp(request)?;
        let session_id = session_id(request)?;
        let mono = self.mono.as_ref().ok_or_else(|| ApiError::provider_off("Mono"))?;

        // While Mono is down no try is used up.
        mono.check()?;
        let counted =
            self.sessions.count_try(tenant, session_id, otp.len(), &self.environment).await;
        let session = match counted {
            Err(refused) => {
                if matches!(refused, TryRefused::NoSession) {
                    // A tenant that guesses sessions is limited. A real one is counted by its OTP.
                    self.calls.count(tenant).await?;
                }
                return Err(refused.into());
            }
            Ok(session) => session,
        };
        let answer = mono.verify(session_id, &otp).await.map_err(refused)?;
        match self.sessions.prove(session, &answer.code, self.environment.clock.now()).await? {
            true => Ok(Reply::json_text(answer.body)),
            false => Err(ApiError::session_expired()),
        }
    }
}

/// The OTP in the body.
fn otp(request: &ApiRequest) -> Result<String, ApiError> {
    let VerifyRequest { otp } = request.json("otp as a string")?;
    if otp.is_empty() || !otp.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(ApiError::invalid("otp must hold letters and digits only."));
    }
    Ok(otp)
}

/// The session id of the header. A value that Mono cannot have given is an unknown session.
fn session_id(request: &ApiRequest) -> Result<&str, ApiError> {
    match request.headers.get("x-session-id") {
        None => Err(ApiError::invalid("The header x-session-id is missing.")),
        Some(value) => value
            .to_str()
            .ok()
            .filter(|id| (1..=512).contains(&id.len()))
            .ok_or_else(ApiError::session_expired),
    }
}

/// Mono refuses a wrong OTP with several statuses. Other refusals are passed on.
fn refused(error: MonoError) -> ApiError {
    match error {
        MonoError::Rejected(status) if matches!(status.as_u16(), 200 | 400 | 402 | 404 | 422) => {
            ApiError::new(ErrorCode::InvalidOtp, "The OTP is not right.").detail(error.to_string())
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    use super::*;

    #[test]
    fn any_body_holds_an_otp_or_is_invalid_and_is_not_shown() {
        fuzz(|choices| {
            let body =
                choices.body(&[r#"{"otp":"c4nary7"}"#], &["otp", "123456", "12 34", "c4nary7"]);
            let (status, answer) = ask(Asked { body, ..Asked::default() }, |request| {
                let otp = otp(request)?;
                assert!(!otp.is_empty() && otp.bytes().all(|b| b.is_ascii_alphanumeric()));
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status}");
            assert!(!answer.contains("c4nary"), "{answer}");
        });
    }

    #[test]
    fn a_session_id_is_taken_as_it_came_or_is_an_unknown_session() {
        fuzz(|choices| {
            let id = choices.text(&["c4nary-session", &"s".repeat(513)]).into_bytes();
            let asked = Asked { header: ("x-session-id", &id), ..Asked::default() };
            let came = id.clone();
            let (status, answer) = ask(asked, move |request| {
                assert_eq!(session_id(request)?.as_bytes(), came);
                Ok(())
            });
            let expired = ErrorCode::SessionExpired.status().as_u16();
            assert!(status == 200 || status == 400 || status == expired, "{status}");
            assert!(status != 200 || (1..=512).contains(&id.len()));
            assert!(!answer.contains("c4nary"), "{answer}");
        });
    }
}
