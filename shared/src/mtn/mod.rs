//! The MTN client: plans, premiums, consumption and the refill.
//!
//! Wire contracts: MTN Customer Plans v2.1 and MTN Consumption v2. What MTN says about a customer
//! is passed on as it came, byte for byte. No call is repeated, but a read whose token was refused.

mod codes;
mod consumption;
mod date;
mod envelope;
mod error;
mod plans;
mod refill;
mod token;
mod way;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::Request;
use serde::Serialize;
use serde_json::value::RawValue;

pub use self::consumption::{Asked, CallbackAnswer, Query, read_callback};
pub use self::date::{Date, InvalidDate};
use self::error::CREDENTIALS_ALARM;
pub use self::error::MtnError;
pub use self::plans::{Amount, AmountType, AmountUnit, PlanKind, PlansQuery, PremiumRequest};
pub use self::refill::{Refill, RefillVerdict, Refilled};
use self::token::{Need, Tokens};
use self::way::{Way, header_value};
use crate::config::{ConfigError, Vars, parse_base_url};
use crate::phone::Msisdn;
use crate::secret::SecretString;
use crate::upstream::{Answer, Http};
use crate::world::{Refusals, World};

/// The whole of a read: its token, and its repeat where the token was refused.
const READ_TIMEOUT: Duration = Duration::from_secs(12);
const VARS: [&str; 5] =
    ["MTN_BASE_URL", "MTN_API_KEY", "MTN_CLIENT_ID", "MTN_CLIENT_SECRET", "MTN_CHANNEL_NAME"];

/// The client. Clones are cheap and share the token; prints without its credentials.
#[derive(Clone)]
pub struct Mtn {
    http: Http,
    base_url: String,
    api_key: HeaderValue,
    channel: HeaderValue,
    plans: Way,
    consumption: Way,
    refusals: Refusals,
}

/// By what a call can be found again, here and at MTN.
#[derive(Debug, Clone, Copy)]
pub struct Ids<'a> {
    /// The id of what is asked or bought.
    pub transaction_id: &'a str,
    /// The id of the request that led to the call.
    pub trace_id: &'a str,
}

/// What MTN gave. `Debug` shows its size only: it is about a person.
#[derive(Clone)]
pub struct Data {
    /// The JSON as MTN wrote it, numbers and unknown fields untouched.
    pub json: Box<RawValue>,
    /// Whether MTN says that parts are missing (HTTP 207).
    pub partial: bool,
}

/// One call, before it is known by which token it goes.
struct Call {
    operation: &'static str,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// The moment until which something may take.
#[derive(Debug, Clone, Copy)]
struct Deadline(Instant);

impl Mtn {
    /// The client of this deployment, or `None` where MTN is switched off.
    ///
    /// Reads `MTN_BASE_URL` (such as `https://api.mtn.com`), `MTN_API_KEY`, `MTN_CLIENT_ID`,
    /// `MTN_CLIENT_SECRET` and `MTN_CHANNEL_NAME`, and optionally `MTN_PLANS_AUTH` and
    /// `MTN_CONSUMPTION_AUTH`: what each API wants beside the key, `oauth` (default), `basic` or
    /// `key` for nothing.
    ///
    /// # Errors
    /// [`ConfigError`] when only some of the first five are set or a value cannot be used.
    pub fn from_vars(vars: &Vars, world: &World) -> Result<Option<Self>, ConfigError> {
        let Some([url, key, id, secret, channel]) = vars.provider(VARS)? else { return Ok(None) };
        let base_url = parse_base_url(VARS[0], url)?;
        let tokens = Arc::new(Tokens::new(world, &base_url, id, secret));
        let way = |name| Way::from_vars(vars, name, (id, secret), &tokens);
        let mut api_key = header_value(VARS[1], key)?;
        api_key.set_sensitive(true);
        Ok(Some(Self {
            http: world.http.clone(),
            base_url,
            api_key,
            channel: header_value(VARS[4], channel)?,
            plans: way("MTN_PLANS_AUTH")?,
            consumption: way("MTN_CONSUMPTION_AUTH")?,
            refusals: world.refusals.clone(),
        }))
    }

    /// A customer's plans and balances. `x_authorization` is passed on to MTN, which wants it for
    /// mobile money.
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
        let mut headers = self.headers(ids)?;
        if let Some(secret) = x_authorization {
            headers.insert(HeaderName::from_static("x-authorization"), way::sensitive(secret)?);
        }
        let call =
            Call { operation: "plans", method: Method::GET, path, headers, body: Vec::new() };
        let answer = self.read(&self.plans, &call).await;
        self.noted(answer.and_then(|answer| plans::data(&answer)))
    }

    /// A customer's plans for one product.
    ///
    /// # Errors
    /// [`MtnError`]; a code that cannot be a path segment is `Rejected` without asking MTN.
    pub async fn product_plans(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        product_code: &str,
    ) -> Result<Data, MtnError> {
        let path = plans::product_path(msisdn, product_code)?;
        let (headers, body) = (self.headers(ids)?, Vec::new());
        let call = Call { operation: "product_plans", method: Method::GET, path, headers, body };
        let answer = self.read(&self.plans, &call).await;
        self.noted(answer.and_then(|answer| plans::data(&answer)))
    }

    /// What a transaction would cost the customer. A question: nothing is bought by it.
    ///
    /// # Errors
    /// [`MtnError`].
    pub async fn premium(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        request: &PremiumRequest,
    ) -> Result<Data, MtnError> {
        let body = plans::premium_body(request, ids.transaction_id);
        let call = self.post("premium", plans::path(msisdn), ids, &body)?;
        let answer = self.read(&self.plans, &call).await;
        self.noted(answer.and_then(|answer| plans::data(&answer)))
    }

    /// Asks about a customer's consumption. MTN may answer at once, or later at `callback_url`.
    ///
    /// # Errors
    /// [`MtnError`]; see [`MtnError::may_answer_later`].
    pub async fn ask(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        query: &Query,
        callback_url: &str,
    ) -> Result<Asked, MtnError> {
        let msisdn = msisdn.international();
        let body = consumption::Body::of(query, &msisdn, callback_url);
        let path = consumption::path(query).to_owned();
        let call = self.post(query.operation(), path, ids, &body)?;
        let answer = self.read(&self.consumption, &call).await;
        self.noted(answer.and_then(|answer| consumption::asked(query, &answer)))
    }

    /// Sends a refill, at most once: whatever the answer, it is never repeated.
    ///
    /// `limit` is for all of it, the token included.
    pub async fn refill(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        refill: &Refill<'_>,
        limit: Duration,
    ) -> Refilled {
        let refilled = self.send_refill(ids, msisdn, refill, limit).await;
        if refilled.alarm == Some(CREDENTIALS_ALARM) {
            self.refusals.mark();
        }
        refilled
    }

    async fn send_refill(
        &self,
        ids: &Ids<'_>,
        msisdn: &Msisdn,
        refill: &Refill<'_>,
        limit: Duration,
    ) -> Refilled {
        let deadline = Deadline::after(limit);
        let Some(call) = self.refill_call(ids, msisdn, refill) else {
            return Refilled::not_sent();
        };
        let authorization = match self.plans.authorization(Need::Refill, deadline, None).await {
            Ok(authorization) => authorization,
            Err(error) => return Refilled::without_token(&error),
        };
        let (request, rest) = (self.request(&call, authorization.as_ref()), deadline.rest());
        let Some(request) = request.filter(|_| !rest.is_zero()) else {
            return Refilled::not_sent();
        };
        let outcome = self.http.call("mtn", call.operation, request, rest).await;
        if matches!(&outcome, Ok(answer) if answer.status == StatusCode::UNAUTHORIZED) {
            self.plans.forget(authorization.as_ref());
        }
        refill::judge(outcome, refill)
    }

    fn refill_call(&self, ids: &Ids<'_>, msisdn: &Msisdn, refill: &Refill<'_>) -> Option<Call> {
        const SOURCE_SYSTEM: HeaderName = HeaderName::from_static("sourcesystemid");
        let path = format!("{}/refill", plans::path(msisdn));
        let mut call = self.post("refill", path, ids, &refill.body()?).ok()?;
        call.method = Method::PATCH;
        call.headers.remove(CHANNEL);
        call.headers.insert(SOURCE_SYSTEM, self.channel.clone());
        Some(call)
    }

    fn post(
        &self,
        operation: &'static str,
        path: String,
        ids: &Ids<'_>,
        body: &impl Serialize,
    ) -> Result<Call, MtnError> {
        let mut headers = self.headers(ids)?;
        headers.insert(CONTENT_TYPE, JSON);
        let body = serde_json::to_vec(body).map_err(|_| unwritable())?;
        Ok(Call { operation, method: Method::POST, path, headers, body })
    }

    /// What goes along with every call, but the authorization.
    fn headers(&self, ids: &Ids<'_>) -> Result<HeaderMap, MtnError> {
        let value = |text| HeaderValue::from_str(text).map_err(|_| unwritable());
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, JSON);
        headers.insert(API_KEY, self.api_key.clone());
        headers.insert(TRANSACTION, value(ids.transaction_id)?);
        headers.insert(TRACE, value(ids.trace_id)?);
        headers.insert(CHANNEL, self.channel.clone());
        Ok(headers)
    }

    /// Notes that MTN refuses us: the next call may have other credentials.
    fn noted<T>(&self, outcome: Result<T, MtnError>) -> Result<T, MtnError> {
        if let Err(MtnError::CredentialsRefused(code)) = &outcome {
            self.refusals.note(CREDENTIALS_ALARM, code);
        }
        outcome
    }

    /// Sends a read; once more, with a new token, where MTN refuses the one it had.
    async fn read(&self, way: &Way, call: &Call) -> Result<Answer, MtnError> {
        let deadline = Deadline::after(READ_TIMEOUT);
        let first = way.authorization(Need::Read, deadline, None).await?;
        let answer = self.send(call, first.as_ref(), deadline).await?;
        if answer.status != StatusCode::UNAUTHORIZED || !way.has_tokens() {
            return Ok(answer);
        }
        let second = way.authorization(Need::Read, deadline, first.as_ref()).await?;
        self.send(call, second.as_ref(), deadline).await
    }

    async fn send(
        &self,
        call: &Call,
        authorization: Option<&HeaderValue>,
        deadline: Deadline,
    ) -> Result<Answer, MtnError> {
        let request = self.request(call, authorization).ok_or_else(unwritable)?;
        Ok(self.http.call("mtn", call.operation, request, deadline.rest()).await?)
    }

    fn request(&self, call: &Call, authorization: Option<&HeaderValue>) -> Option<Request> {
        let uri = format!("{}{}", self.base_url, call.path);
        let request = http::Request::builder().method(call.method.clone()).uri(uri);
        let mut request = request.body(call.body.clone()).ok()?;
        *request.headers_mut() = call.headers.clone();
        if let Some(value) = authorization {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        Request::try_from(request).ok()
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const TRANSACTION: HeaderName = HeaderName::from_static("transactionid");
const TRACE: HeaderName = HeaderName::from_static("traceid");
const CHANNEL: HeaderName = HeaderName::from_static("channelname");

fn unwritable() -> MtnError {
    MtnError::Unavailable("the request cannot be written".to_owned())
}

impl Deadline {
    fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    fn rest(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

impl fmt::Debug for Mtn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mtn").finish_non_exhaustive()
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data({} bytes, partial: {})", self.json.get().len(), self.partial)
    }
}

#[cfg(test)]
mod rig;
#[cfg(test)]
mod token_tests;
#[cfg(test)]
mod wire_tests;
