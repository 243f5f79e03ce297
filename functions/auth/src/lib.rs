//! `POST /telecom/auth`: asks Mono to send an OTP and records the session.
//!
//! Writes `limits` and `sessions`. Calls Mono.

mod consent;

use serde::Deserialize;
use shared::domain::consent::ConsentTerms;
use shared::domain::ids::TenantId;
use shared::domain::limit::OtpLimits;
use shared::domain::msisdn::Msisdn;
use shared::domain::network::Network;
use shared::lambda::error::ApiError;
use shared::lambda::http_function::HttpFunction;
use shared::lambda::reply::Reply;
use shared::lambda::request::{ApiRequest, object};
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::{Clock, Environment};
use shared::provider::mono::Mono;
use shared::store::{Limits, NewSession, Sessions};
use time::OffsetDateTime;

use crate::consent::{Given, Required};

/// The function's dependencies.
#[derive(Debug)]
pub struct Auth {
    mono: Option<Mono>,
    sessions: Sessions,
    limits: Limits,
    otp_limits: OtpLimits,
    required: Required,
    clock: Clock,
}

/// Mono's body, and beside it what the customer agreed to.
#[derive(Deserialize)]
struct AuthRequest {
    phone: String,
    provider: String,
    #[serde(default, deserialize_with = "object")]
    consent: Option<Given>,
}

const EXPECTED: &str = "phone and provider as strings, and optionally consent \
                        (purpose, scope, policy_version, customer_ip, expires_at as strings)";

impl HttpFunction for Auth {
    const NAME: &'static str = "auth";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            mono: Mono::from_vars(vars, environment)?,
            sessions: Sessions::from_vars(vars, &dynamodb)?,
            limits: Limits::from_vars(vars, environment, &dynamodb)?,
            otp_limits: OtpLimits::from_vars(vars)?,
            required: Required::from_vars(vars)?,
            clock: environment.clock.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let (msisdn, network, consent) = parse(request, &self.required, self.clock.now())?;
        let mono = self.mono.as_ref().ok_or_else(|| ApiError::provider_off("Mono"))?;

        // While Mono is down nobody's limit is used up.
        mono.check()?;
        self.count(tenant, &request.source_ip, &msisdn).await?;
        let answer = mono.auth(&msisdn, network).await?;
        let session = NewSession {
            id: &answer.session_id,
            tenant,
            network,
            msisdn,
            consent: consent.hashed(&answer.session_id),
            source_ip: &request.source_ip,
            otp_length: answer.otp_length,
        };
        self.sessions.begin(session, self.clock.now()).await?;
        Ok(Reply::json_text(answer.body))
    }
}

impl Auth {
    /// Counts one OTP against every limit: the servers' side by side, the number's own last, because a
    /// request that another limit refuses must not use it up.
    async fn count(
        &self,
        tenant: &TenantId,
        source_ip: &str,
        msisdn: &Msisdn,
    ) -> Result<(), ApiError> {
        let limits = &self.otp_limits;
        let (by_address, by_tenant) = tokio::join!(
            self.limits.count(&limits.address, source_ip),
            self.limits.count(&limits.tenant, tenant.as_str()),
        );
        by_address?;
        by_tenant?;
        self.limits.count(&limits.number, &msisdn.international()).await?;
        Ok(())
    }
}

/// Reads the body. The number's prefix is not compared with the network, because numbers are ported.
fn parse(
    request: &ApiRequest,
    required: &Required,
    now: OffsetDateTime,
) -> Result<(Msisdn, Network, ConsentTerms), ApiError> {
    let body: AuthRequest = request.json(EXPECTED)?;
    let network = Network::parse(&body.provider).ok_or_else(|| {
        ApiError::invalid(format!("provider must be one of: {}.", Network::SUPPORTED))
    })?;
    let msisdn = Msisdn::parse(&body.phone)
        .map_err(|_| ApiError::invalid("phone must be a Nigerian mobile number."))?;
    let consent = body.consent.unwrap_or_default().terms(required, now)?;
    Ok((msisdn, network, consent))
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    use shared::domain::consent::Scope;

    use super::*;
    use crate::consent::MAX_TERM;

    /// A number and a text that no answer may show.
    const HIDDEN: [&str; 2] = ["8039998877", "c4nary"];
    const NOW: OffsetDateTime = time::macros::datetime!(2026-11-29 10:00 UTC);
    const SAMPLES: [&str; 2] = [
        r#"{"phone":"08039998877","provider":"mtn","consent":{"purpose":"c4nary","scope":"s"}}"#,
        r#"{"phone":"+234 803 999 8877","provider":"Airtel","consent":{"customer_ip":"197.210.1.2","expires_at":"2027-01-01T00:00:00Z"}}"#,
    ];
    const WORDS: [&str; 12] = [
        "mtn.usage, identity",
        "customer_ip",
        "expires_at",
        "phone",
        "provider",
        "consent",
        "purpose",
        "policy_version",
        "glo",
        "MTN",
        "08039998877",
        "c4nary",
    ];

    #[test]
    fn any_body_is_a_request_for_an_otp_or_invalid_and_is_not_shown() {
        fuzz(|choices| {
            let body = choices.body(&SAMPLES, &WORDS);
            let asked = Asked { route: "POST /telecom/auth", body, ..Asked::default() };
            let (status, answer) = ask(asked, |request| {
                let (msisdn, _, consent) = parse(request, &Required::default(), NOW)?;
                assert!(Msisdn::parse(&msisdn.local()).is_ok());
                for term in [&consent.purpose, &consent.scope, &consent.policy_version] {
                    assert!(term.as_ref().is_none_or(|term| term.chars().count() <= MAX_TERM));
                }
                assert!(consent.expires_at.is_none_or(|end| end > NOW));
                let opens = consent.opens.unwrap_or_default().join(",");
                assert!(opens.is_empty() || Scope::names_in(&opens).is_some());
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status}");
            assert!(HIDDEN.iter().all(|hidden| !answer.contains(hidden)), "{answer}");
        });
    }
}
