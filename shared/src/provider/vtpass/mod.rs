//! The VTpass client: catalogue, balance, pay and requery.
//!
//! Wire contract: VTpass documentation (*Authentication*, *Buying services*, *9mobile Data*, *MTN
//! airtime*, *Re-query services*, *Response codes*). The client repeats no call. Its caller decides
//! from the [`Outcome`] whether to requery.

mod balance;
mod call;
mod catalogue;
mod codes;
mod credentials;
mod error;
mod field;
#[cfg(test)]
mod fuzz_tests;
mod judgement;
mod order_answer;
mod read;

use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method};
use reqwest::Request;
use serde::Serialize;
use serde_json::json;
use url::Url;

use self::call::{Naira, OrderCall, PayRequest};
use self::credentials::Credentials;
pub use self::error::VtpassError;
use self::judgement::judge;
use crate::domain::catalogue::Catalogue;
use crate::domain::money::Kobo;
use crate::domain::purchase::{Order, Outcome};
use crate::platform::config::{ConfigError, Vars, is_this_machine, parse_provider_url};
use crate::platform::environment::{CredentialRefusals, Environment};
use crate::platform::http::Answer;
use crate::platform::telemetry::alarm::Alarm;
use crate::platform::upstream::{Permit, Upstream};
use crate::provider::request::{self, JSON};

/// The time limit of a `pay`. With what comes before and after, it stays below API Gateway's 30 s.
const PAY_TIMEOUT: Duration = Duration::from_secs(20);
/// The time limit of a `requery`.
const REQUERY_TIMEOUT: Duration = Duration::from_secs(15);
/// The time limit of a read.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// That an order call may be made: VTpass is not known to be down.
#[derive(Debug)]
pub struct Admitted(#[expect(dead_code, reason = "it ends the call when it is dropped")] Permit);

/// The client. Cheap to clone. `Debug` does not print its credentials.
#[derive(Clone)]
pub struct Vtpass {
    upstream: Upstream,
    base_url: String,
    credentials: Credentials,
    takes_test_numbers: bool,
    credential_refusals: CredentialRefusals,
}

impl Vtpass {
    /// The client of this deployment, or `None` where VTpass is switched off.
    ///
    /// Reads `VTPASS_BASE_URL` (such as `https://sandbox.vtpass.com/api`) and either
    /// `VTPASS_USERNAME` and `VTPASS_PASSWORD` or `VTPASS_API_KEY`, `VTPASS_PUBLIC_KEY` and
    /// `VTPASS_SECRET_KEY`.
    ///
    /// # Errors
    /// [`ConfigError`] if only some are set, if both kinds of credentials are set, or if a value
    /// cannot be used.
    pub fn from_vars(vars: &Vars, environment: &Environment) -> Result<Option<Self>, ConfigError> {
        let Some((url, credentials)) = Credentials::from_vars(vars)? else { return Ok(None) };
        let base_url = parse_provider_url(vars, "VTPASS_BASE_URL", url)?;
        Ok(Some(Self {
            upstream: Upstream::new("vtpass", environment),
            takes_test_numbers: is_test_host(&base_url),
            base_url,
            credentials,
            credential_refusals: environment.credential_refusals.clone(),
        }))
    }

    /// Whether VTpass's test numbers are allowed: at VTpass's sandbox, or at a simulator on this
    /// machine.
    pub fn takes_test_numbers(&self) -> bool {
        self.takes_test_numbers
    }

    /// Whether VTpass would be asked. For what must not be begun if it would not.
    ///
    /// # Errors
    /// [`VtpassError::Down`].
    pub fn check(&self) -> Result<(), VtpassError> {
        Ok(self.upstream.check()?)
    }

    /// Lets one order call through, to be made with what this gives.
    ///
    /// # Errors
    /// [`VtpassError::Down`]: the call must not be made.
    pub fn admit(&self) -> Result<Admitted, VtpassError> {
        Ok(Admitted(self.upstream.admit()?))
    }

    /// The catalogue of a service. Airtime services have no variations.
    ///
    /// # Errors
    /// [`VtpassError`].
    pub async fn variations(&self, service_id: &str) -> Result<Catalogue, VtpassError> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("serviceID", service_id)
            .finish();
        let answer = self.read("variations", &format!("/service-variations?{query}")).await?;
        self.note_refusal(catalogue::catalogue(&answer.body, service_id))
    }

    /// What our wallet holds.
    ///
    /// # Errors
    /// [`VtpassError`].
    pub async fn balance(&self) -> Result<Kobo, VtpassError> {
        let answer = self.read("balance", "/balance").await?;
        self.note_refusal(balance::balance(&answer.body))
    }

    /// Places an order, once. A call that goes wrong is an unclear [`Outcome`], never a failure.
    ///
    /// The face value is sent although VTpass takes a bundle's price from its own catalogue. The
    /// answer is compared with it.
    pub async fn pay(&self, admitted: Admitted, order: &Order<'_>) -> Outcome {
        self.pay_within(admitted, order, PAY_TIMEOUT).await
    }

    /// [`pay`](Self::pay) with a shorter time limit.
    pub async fn pay_within(&self, _: Admitted, order: &Order<'_>, limit: Duration) -> Outcome {
        let phone = &order.recipient.text();
        let body = PayRequest {
            request_id: order.reference.as_str(),
            service_id: order.service_id,
            billers_code: order.variation_code.map(|_| phone.as_str()),
            variation_code: order.variation_code,
            amount: Naira(order.amount),
            phone,
        };
        self.send_order_call(OrderCall::Pay, order, &body, limit.min(PAY_TIMEOUT)).await
    }

    /// Asks for the state of an order. Harmless to repeat.
    pub async fn requery(&self, _: Admitted, order: &Order<'_>) -> Outcome {
        let body = json!({ "request_id": order.reference });
        self.send_order_call(OrderCall::Requery, order, &body, REQUERY_TIMEOUT).await
    }

    async fn send_order_call(
        &self,
        call: OrderCall,
        order: &Order<'_>,
        body: &impl Serialize,
        limit: Duration,
    ) -> Outcome {
        let path = format!("/{}", call.name());
        let body = serde_json::to_vec(body).ok();
        let Some(request) = body.and_then(|body| self.request(Method::POST, &path, body)) else {
            let not_sent = Outcome::unclear("not_sent", "the request could not be written");
            return Outcome { is_our_fault: true, ..not_sent };
        };
        let result = self.upstream.call_admitted(call.name(), request, limit).await;
        let outcome = judge(call, result, order);
        if outcome.alarm == Some(Alarm::VtpassRefusesCredentials) {
            self.credential_refusals.mark();
        }
        outcome
    }

    async fn read(&self, operation: &'static str, path: &str) -> Result<Answer, VtpassError> {
        let request = self.request(Method::GET, path, Vec::new());
        let request = request
            .ok_or_else(|| VtpassError::Unavailable("the request cannot be written".to_owned()))?;
        let result = self.upstream.call(operation, request, READ_TIMEOUT).await;
        self.note_refusal(read::accept(result))
    }

    /// Records a refusal of our credentials, so that the next call fetches them again.
    fn note_refusal<T>(&self, result: Result<T, VtpassError>) -> Result<T, VtpassError> {
        if let Err(VtpassError::CredentialsRefused(code)) = &result {
            self.credential_refusals.note(Alarm::VtpassRefusesCredentials, code);
        }
        result
    }

    fn request(&self, method: Method, path: &str, body: Vec<u8>) -> Option<Request> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, JSON);
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        self.credentials.add_to(&mut headers, &method);
        request::build(method, format!("{}{path}", self.base_url), headers, body)
    }
}

impl fmt::Debug for Vtpass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vtpass").finish_non_exhaustive()
    }
}

fn is_test_host(base_url: &str) -> bool {
    Url::parse(base_url)
        .is_ok_and(|url| url.host_str() == Some("sandbox.vtpass.com") || is_this_machine(&url))
}

#[cfg(test)]
mod tests;
