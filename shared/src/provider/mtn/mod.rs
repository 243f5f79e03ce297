//! The MTN client: plans, premiums, consumption and the refill.
//!
//! Wire contracts: MTN Customer Plans v2.1 and MTN Consumption v2. MTN's data about a customer is
//! passed on unchanged, byte for byte. The client repeats no call, except a read whose token was
//! refused.

mod authorization;
mod call;
mod codes;
mod consumption;
mod data;
mod deadline;
mod envelope;
mod error;
#[cfg(test)]
mod fuzz_tests;
mod plans;
mod refill;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};

use self::authorization::Authorization;
pub use self::call::Ids;
use self::call::{CallHeaders, HttpCall};
use self::consumption::ConsumptionRequest;
pub use self::consumption::{Asked, CallbackAnswer, read_callback};
pub use self::data::Data;
use self::deadline::Deadline;
pub use self::error::MtnError;
use self::plans::PremiumBody;
pub use self::plans::{Amount, AmountType, AmountUnit, PlanKind, PlansQuery, PremiumRequest};
pub use self::refill::Refill;
use self::token::{TokenUse, Tokens};
use crate::domain::deferred::Question;
use crate::domain::msisdn::Msisdn;
use crate::domain::purchase::Outcome;
use crate::platform::config::{ConfigError, Vars, parse_provider_url};
use crate::platform::crypto::SecretString;
use crate::platform::environment::{CredentialRefusals, Environment};
use crate::platform::http::Answer;
use crate::platform::telemetry::alarm::Alarm;
use crate::platform::upstream::{Permit, Upstream};
use crate::provider::request::{header_value, secret_header_value};

/// The time limit of a read, including its token and a repeat with a new token.
const READ_TIMEOUT: Duration = Duration::from_secs(12);
const VARS: [&str; 5] =
    ["MTN_BASE_URL", "MTN_API_KEY", "MTN_CLIENT_ID", "MTN_CLIENT_SECRET", "MTN_CHANNEL_NAME"];

/// The client. Clones are cheap and share the token. `Debug` does not print its credentials.
#[derive(Clone)]
pub struct Mtn {
    upstream: Upstream,
    base_url: String,
    headers: CallHeaders,
    plans: Authorization,
    consumption: Authorization,
    credential_refusals: CredentialRefusals,
}

impl Mtn {
    /// The client of this deployment, or `None` where MTN is switched off.
    ///
    /// Reads `MTN_BASE_URL` (such as `https://api.mtn.com`), `MTN_API_KEY`, `MTN_CLIENT_ID`,
    /// `MTN_CLIENT_SECRET` and `MTN_CHANNEL_NAME`, and optionally `MTN_PLANS_AUTH` and
    /// `MTN_CONSUMPTION_AUTH`: the authorization of each API in addition to the key, which is
    /// `oauth` (default), `basic` or `key` for none.
    ///
    /// # Errors
    /// [`ConfigError`] if only some of the first five are set, or if a value cannot be used.
    pub fn from_vars(vars: &Vars, environment: &Environment) -> Result<Option<Self>, ConfigError> {
        let Some([url, key, id, secret, channel]) = vars.provider(VARS)? else { return Ok(None) };
        let base_url = parse_provider_url(vars, VARS[0], url)?;
        let tokens = Arc::new(Tokens::new(environment, &base_url, id, secret));
        let authorization = |name| Authorization::from_vars(vars, name, (id, secret), &tokens);
        Ok(Some(Self {
            upstream: Upstream::new("mtn", environment),
            base_url,
            headers: CallHeaders {
                api_key: secret_header_value(VARS[1], key)?,
                channel: header_value(VARS[4], channel)?,
            },
            plans: authorization("MTN_PLANS_AUTH")?,
            consumption: authorization("MTN_CONSUMPTION_AUTH")?,
            credential_refusals: environment.credential_refusals.clone(),
        }))
    }

    /// A customer's plans and balances. `x_authorization` is passed on to MTN, which requires it
    /// for mobile money.
    ///
    /// # Errors
    /// [`MtnError`].
    pub async fn plans(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        query: &PlansQuery,
        x_authorization: Option<&SecretString>,
    ) -> Result<Data, MtnError> {
        let path = format!("{}{}", plans::path(msisdn), query.to_text());
        let mut call = HttpCall::get("plans", path, self.headers.of(ids)?);
        if let Some(secret) = x_authorization {
            let name = HeaderName::from_static("x-authorization");
            call.headers.insert(name, call::secret_header(secret)?);
        }
        self.read_plans(&call).await
    }

    /// A customer's plans for one product.
    ///
    /// # Errors
    /// [`MtnError`]; a code that cannot be a path segment is `Rejected` without a call to MTN.
    pub async fn product_plans(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        product_code: &str,
    ) -> Result<Data, MtnError> {
        let path = plans::product_path(msisdn, product_code)?;
        self.read_plans(&HttpCall::get("product_plans", path, self.headers.of(ids)?)).await
    }

    /// The premium of a transaction for the customer. This is a question: nothing is bought.
    ///
    /// # Errors
    /// [`MtnError`].
    pub async fn premium(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        request: &PremiumRequest,
    ) -> Result<Data, MtnError> {
        let body = PremiumBody { transaction_id: ids.transaction_id, request };
        let headers = self.headers.of(ids)?;
        let call = HttpCall::post("premium", plans::path(msisdn), headers, &body)?;
        self.read_plans(&call).await
    }

    /// Asks about a customer's consumption. MTN answers at once, or later at `callback_url`.
    ///
    /// # Errors
    /// [`MtnError`]; see [`MtnError::may_answer_later`].
    pub async fn ask(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        question: &Question,
        callback_url: &str,
    ) -> Result<Asked, MtnError> {
        let msisdn = msisdn.international();
        let body = ConsumptionRequest::new(question, &msisdn, callback_url);
        let path = consumption::path(question).to_owned();
        let call = HttpCall::post(question.operation(), path, self.headers.of(ids)?, &body)?;
        let answer = self.read(&self.consumption, &call).await;
        self.note_refusal(answer.and_then(|answer| consumption::asked(question, &answer)))
    }

    /// Whether MTN would be asked. For what must not be begun if it would not.
    ///
    /// # Errors
    /// [`MtnError::Down`].
    pub fn check(&self) -> Result<(), MtnError> {
        Ok(self.upstream.check()?)
    }

    /// Lets one refill through, to be sent while what this gives is there.
    ///
    /// # Errors
    /// [`MtnError::Down`]: the refill must not be sent.
    pub fn admit(&self) -> Result<Permit, MtnError> {
        Ok(self.upstream.admit()?)
    }

    /// Sends a refill that is admitted, at most once. It is never repeated, whatever the answer.
    ///
    /// `limit` is the time limit of the whole call, including the token.
    pub async fn refill(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        refill: &Refill<'_>,
        limit: Duration,
    ) -> Outcome {
        let outcome = self.send_refill(ids, msisdn, refill, limit).await;
        if outcome.alarm == Some(Alarm::MtnRefusesCredentials) {
            self.credential_refusals.mark();
        }
        outcome
    }

    async fn send_refill(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        refill: &Refill<'_>,
        limit: Duration,
    ) -> Outcome {
        let deadline = Deadline::after(limit);
        let Some(call) = self.refill_call(ids, msisdn, refill) else {
            return refill::not_sent();
        };
        let authorization = match self.plans.header(TokenUse::Refill, deadline, None).await {
            Ok(authorization) => authorization,
            Err(error) => return refill::without_token(&error),
        };
        let request = call.to_request(&self.base_url, authorization.as_ref());
        let rest = deadline.rest();
        let Some(request) = request.filter(|_| !rest.is_zero()) else {
            return refill::not_sent();
        };
        let result = self.upstream.call_admitted(call.operation, request, rest).await;
        if matches!(&result, Ok(answer) if answer.status == StatusCode::UNAUTHORIZED) {
            self.plans.forget(authorization.as_ref());
        }
        refill::judge(result, refill)
    }

    fn refill_call(&self, ids: &Ids<'_>, msisdn: &Msisdn, refill: &Refill<'_>) -> Option<HttpCall> {
        let path = format!("{}/refill", plans::path(msisdn));
        let headers = self.headers.of(ids).ok()?;
        let mut call = HttpCall::post("refill", path, headers, &refill.request()?).ok()?;
        call.method = Method::PATCH;
        self.headers.name_source_system(&mut call.headers);
        Some(call)
    }

    /// Records a refusal of our credentials, so that the next call fetches them again.
    fn note_refusal<T>(&self, result: Result<T, MtnError>) -> Result<T, MtnError> {
        if let Err(MtnError::CredentialsRefused(code)) = &result {
            self.credential_refusals.note(Alarm::MtnRefusesCredentials, code);
        }
        result
    }

    async fn read_plans(&self, call: &HttpCall) -> Result<Data, MtnError> {
        let answer = self.read(&self.plans, call).await;
        self.note_refusal(answer.and_then(|answer| plans::data(&answer)))
    }

    /// Sends a read. If MTN refuses the token, sends it once more with a new token.
    async fn read(
        &self,
        authorization: &Authorization,
        call: &HttpCall,
    ) -> Result<Answer, MtnError> {
        let _permit = self.upstream.admit()?;
        let deadline = Deadline::after(READ_TIMEOUT);
        let first = authorization.header(TokenUse::Read, deadline, None).await?;
        let answer = self.send(call, first.as_ref(), deadline).await?;
        if answer.status != StatusCode::UNAUTHORIZED || !authorization.has_tokens() {
            return Ok(answer);
        }
        let second = authorization.header(TokenUse::Read, deadline, first.as_ref()).await?;
        self.send(call, second.as_ref(), deadline).await
    }

    async fn send(
        &self,
        call: &HttpCall,
        authorization: Option<&HeaderValue>,
        deadline: Deadline,
    ) -> Result<Answer, MtnError> {
        let request = call.to_request(&self.base_url, authorization);
        let request = request.ok_or_else(MtnError::unwritable)?;
        Ok(self.upstream.call_admitted(call.operation, request, deadline.rest()).await?)
    }
}

impl fmt::Debug for Mtn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mtn").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
