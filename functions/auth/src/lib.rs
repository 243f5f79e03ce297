//! `POST /telecom/auth`: asks Mono to send an OTP and records the session.
//!
//! Writes `limits` and `sessions`. Calls Mono.

use serde::Deserialize;
use shared::config::{ConfigError, Vars};
use shared::error::ApiError;
use shared::http_function::{ApiRequest, HttpFunction, Reply, object};
use shared::limits::OtpLimits;
use shared::mono::{Mono, Provider};
use shared::phone::Msisdn;
use shared::store::{ConsentTerms, Limits, NewSession, Sessions, Tenant};
use shared::world::{Clock, World};

/// The function's dependencies.
#[derive(Debug)]
pub struct Auth {
    mono: Option<Mono>,
    sessions: Sessions,
    limits: Limits,
    otp_limits: OtpLimits,
    clock: Clock,
}

/// Mono's body, and beside it what the customer agreed to.
#[derive(Deserialize)]
struct AuthRequest {
    phone: String,
    provider: String,
    #[serde(default, deserialize_with = "object")]
    consent: Option<ConsentTerms>,
}

const EXPECTED: &str = "phone and provider as strings, and optionally consent \
                        (purpose, scope, policy_version as strings)";

/// The longest text in a consent.
const MAX_TERM_CHARS: usize = 500;

impl HttpFunction for Auth {
    const NAME: &'static str = "auth";

    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let dynamodb = shared::aws::dynamodb(vars, world)?;
        Ok(Self {
            mono: Mono::from_vars(vars, world)?,
            sessions: Sessions::from_vars(vars, &dynamodb)?,
            limits: Limits::from_vars(vars, world, &dynamodb)?,
            otp_limits: OtpLimits::from_vars(vars)?,
            clock: world.clock.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.caller()?;
        let (phone, provider, consent) = parse(request)?;
        let mono = self.mono.as_ref().ok_or_else(|| ApiError::provider_off("Mono"))?;

        self.count(tenant, &request.source_ip, &phone).await?;
        let answer = mono.auth(&phone, provider).await?;
        let session = NewSession {
            id: &answer.session_id,
            tenant,
            provider,
            phone: phone.local(),
            consent,
            source_ip: &request.source_ip,
            otp_length: answer.otp_length,
        };
        self.sessions.begin(session, self.clock.now()).await?;
        Ok(Reply::json_text(answer.body))
    }
}

impl Auth {
    /// Counts one OTP against every limit. The number comes last: what another limit refuses must
    /// not use up the person's own.
    async fn count(&self, tenant: &Tenant, address: &str, phone: &Msisdn) -> Result<(), ApiError> {
        let OtpLimits { number, caller, address: from } = &self.otp_limits;
        self.limits.count(from, address).await?;
        self.limits.count(caller, tenant.as_str()).await?;
        self.limits.count(number, &phone.international()).await?;
        Ok(())
    }
}

/// The number's prefix is no reason to refuse a provider: numbers are ported.
fn parse(request: &ApiRequest) -> Result<(Msisdn, Provider, ConsentTerms), ApiError> {
    let body: AuthRequest = request.json(EXPECTED)?;
    let provider = Provider::parse(&body.provider).ok_or_else(|| {
        ApiError::invalid(format!("provider must be one of: {}.", Provider::SUPPORTED))
    })?;
    let phone = Msisdn::parse(&body.phone)
        .map_err(|_| ApiError::invalid("phone must be a Nigerian mobile number."))?;
    let consent = body.consent.unwrap_or_default();
    let terms = [&consent.purpose, &consent.scope, &consent.policy_version];
    if terms.into_iter().flatten().any(|term| term.chars().count() > MAX_TERM_CHARS) {
        let message = format!("A text in consent has at most {MAX_TERM_CHARS} characters.");
        return Err(ApiError::invalid(message));
    }
    Ok((phone, provider, consent))
}
