//! `POST /telecom/verify`: proves an OTP and turns the session into a code.
//!
//! Reads and writes `sessions`. Calls Mono.

use serde::Deserialize;
use shared::config::{ConfigError, Vars};
use shared::error::{ApiError, Code};
use shared::http_function::{ApiRequest, HttpFunction, Reply};
use shared::mono::{Mono, MonoError};
use shared::store::Sessions;
use shared::world::{Clock, World};

/// The function's dependencies.
#[derive(Debug)]
pub struct Verify {
    mono: Option<Mono>,
    sessions: Sessions,
    clock: Clock,
}

#[derive(Deserialize)]
struct VerifyRequest {
    otp: String,
}

impl HttpFunction for Verify {
    const NAME: &'static str = "verify";

    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let dynamodb = shared::aws::dynamodb(vars, world)?;
        Ok(Self {
            mono: Mono::from_vars(vars, world)?,
            sessions: Sessions::from_vars(vars, &dynamodb)?,
            clock: world.clock.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.caller()?;
        let VerifyRequest { otp } = request.json("otp as a string")?;
        if otp.is_empty() || !otp.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(ApiError::invalid("otp must hold letters and digits only."));
        }
        let session_id = session_id(request)?;
        let mono = self.mono.as_ref().ok_or_else(|| ApiError::provider_off("Mono"))?;

        let now = self.clock.now();
        let session = self.sessions.count_try(tenant, session_id, otp.len(), now).await?;
        let answer = mono.verify(session_id, &otp).await.map_err(judgement)?;
        match self.sessions.prove(session, &answer.code, self.clock.now()).await? {
            true => Ok(Reply::json_text(answer.body)),
            false => Err(ApiError::session_expired()),
        }
    }
}

/// Without a session id there is no session; one that no header could hold is unknown.
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

/// Mono says "wrong OTP" with several statuses; any other refusal is passed on as one.
fn judgement(error: MonoError) -> ApiError {
    match error {
        MonoError::Rejected(status) if matches!(status.as_u16(), 200 | 400 | 402 | 404 | 422) => {
            ApiError::new(Code::InvalidOtp, "The OTP is not right.").detail(error.to_string())
        }
        other => other.into(),
    }
}
