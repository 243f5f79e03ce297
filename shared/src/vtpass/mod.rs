//! The VTpass client: catalogue, pay, requery and balance.
//!
//! Wire contract: VTpass documentation (*Authentication*, *Buying services*, *9mobile Data*, *MTN
//! airtime*, *Re-query services*, *Response codes*). No call is ever repeated here, `pay` least of
//! all: whoever asked decides from the [`Outcome`] whether to requery.

mod catalogue;
mod codes;
mod credentials;
mod request_id;
mod verdict;
mod wire;

use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use reqwest::Request;
use serde::Serialize;
use url::{Host, Url};

pub use self::catalogue::{Catalogue, Variation};
use self::credentials::Credentials;
pub use self::request_id::{purchase_id_of, request_id};
pub use self::verdict::{Alarm, Outcome, Verdict};
use self::verdict::{Call, judge};
use self::wire::NairaNumber;
use crate::config::{ConfigError, Vars, parse_base_url};
use crate::error::{ApiError, Code};
use crate::money::Kobo;
use crate::upstream::{Answer, Http, NoAnswer};
use crate::world::{Refusals, World};

/// The whole of a `pay`. With what comes before and after, it stays below API Gateway's 30 s.
const PAY_TIMEOUT: Duration = Duration::from_secs(20);
/// The whole of a `requery`.
const REQUERY_TIMEOUT: Duration = Duration::from_secs(15);
/// The whole of a read.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// VTpass's test number for an order that stays pending for a while.
pub const TEST_PENDING: &str = "201000000000";
/// VTpass's test number for an answer that is not in the book.
pub const TEST_UNEXPECTED: &str = "500000000000";
/// VTpass's test number for an order that gets no answer.
pub const TEST_NO_RESPONSE: &str = "400000000000";
/// VTpass's test number for an order that runs into the timeout.
pub const TEST_TIMEOUT: &str = "300000000000";
/// VTpass's test number for success. The only one that is a Nigerian mobile number, too.
pub const TEST_SUCCESS: &str = "08011111111";
/// The test numbers that are no Nigerian mobile numbers, and so would otherwise be refused.
pub const TEST_NUMBERS: [&str; 4] = [TEST_PENDING, TEST_UNEXPECTED, TEST_NO_RESPONSE, TEST_TIMEOUT];

/// The client. Cheap to clone; prints without its credentials.
#[derive(Clone)]
pub struct Vtpass {
    http: Http,
    base_url: String,
    credentials: Credentials,
    takes_test_numbers: bool,
    refusals: Refusals,
}

/// What is bought, or asked about. Has no `Debug`: it holds a phone number.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The id by which VTpass knows the order; see [`request_id()`].
    pub request_id: &'a str,
    /// The service, such as `mtn-data` or `mtn`.
    pub service_id: &'a str,
    /// The number bought for: `0803…`, or one of [`TEST_NUMBERS`].
    pub phone: &'a str,
    /// The data bundle; `None` for airtime.
    pub variation_code: Option<&'a str>,
    /// The face value, in kobo.
    pub amount: Kobo,
}

/// Why a read gave nothing, by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum VtpassError {
    /// There is no such service: asking again does not help.
    #[error("VTpass has no such service")]
    UnknownService,
    /// The service is not sold at present.
    #[error("VTpass does not sell this service at present")]
    ServiceOff,
    /// VTpass does not take our credentials, address or account: an operator must act. Carries
    /// VTpass's code, or the HTTP status.
    #[error("VTpass refuses us with {0}")]
    CredentialsRefused(String),
    /// VTpass is down or not to be understood.
    #[error("VTpass is unavailable: {0}")]
    Unavailable(String),
    /// VTpass did not answer in time.
    #[error("VTpass did not answer in time")]
    Timeout,
}

#[derive(Serialize)]
struct PayBody<'a> {
    request_id: &'a str,
    #[serde(rename = "serviceID")]
    service_id: &'a str,
    #[serde(rename = "billersCode", skip_serializing_if = "Option::is_none")]
    billers_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variation_code: Option<&'a str>,
    amount: NairaNumber,
    phone: &'a str,
}

#[derive(Serialize)]
struct RequeryBody<'a> {
    request_id: &'a str,
}

impl Vtpass {
    /// The client of this deployment, or `None` where VTpass is switched off.
    ///
    /// Reads `VTPASS_BASE_URL` (such as `https://sandbox.vtpass.com/api`) and either
    /// `VTPASS_USERNAME` and `VTPASS_PASSWORD` or `VTPASS_API_KEY`, `VTPASS_PUBLIC_KEY` and
    /// `VTPASS_SECRET_KEY`.
    ///
    /// # Errors
    /// [`ConfigError`] when only some are set, when both ways to authenticate are, or when a value
    /// cannot be used.
    pub fn from_vars(vars: &Vars, world: &World) -> Result<Option<Self>, ConfigError> {
        let Some((url, credentials)) = Credentials::from_vars(vars)? else { return Ok(None) };
        let base_url = parse_base_url("VTPASS_BASE_URL", url)?;
        let takes_test_numbers = is_test_host(&base_url);
        let (http, refusals) = (world.http.clone(), world.refusals.clone());
        Ok(Some(Self { http, base_url, credentials, takes_test_numbers, refusals }))
    }

    /// Whether [`TEST_NUMBERS`] may be bought for: VTpass's sandbox, or a simulator on this machine.
    pub fn takes_test_numbers(&self) -> bool {
        self.takes_test_numbers
    }

    /// What a service offers. Airtime services offer nothing by code.
    ///
    /// # Errors
    /// [`VtpassError`].
    pub async fn variations(&self, service_id: &str) -> Result<Catalogue, VtpassError> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("serviceID", service_id)
            .finish();
        let answer = self.read("variations", &format!("/service-variations?{query}")).await?;
        self.noted(catalogue::catalogue(&answer.body, service_id))
    }

    /// What is left in our wallet at VTpass.
    ///
    /// # Errors
    /// [`VtpassError`].
    pub async fn balance(&self) -> Result<Kobo, VtpassError> {
        let answer = self.read("balance", "/balance").await?;
        self.noted(catalogue::balance(&answer.body))
    }

    /// Orders, once. Whatever goes wrong on the way is an unclear [`Outcome`], never a failure.
    ///
    /// The face value goes along although VTpass takes a bundle's price from its own catalogue;
    /// the answer is compared with it.
    pub async fn pay(&self, order: &Order<'_>) -> Outcome {
        self.pay_within(order, PAY_TIMEOUT).await
    }

    /// [`pay`](Self::pay) for a request that has less time left than a `pay` may take.
    pub async fn pay_within(&self, order: &Order<'_>, limit: Duration) -> Outcome {
        let body = PayBody {
            request_id: order.request_id,
            service_id: order.service_id,
            billers_code: order.variation_code.map(|_| order.phone),
            variation_code: order.variation_code,
            amount: NairaNumber(order.amount),
            phone: order.phone,
        };
        self.ask(Call::Pay, order, &body, limit.min(PAY_TIMEOUT)).await
    }

    /// Asks how an order stands. Harmless to repeat.
    pub async fn requery(&self, order: &Order<'_>) -> Outcome {
        let body = RequeryBody { request_id: order.request_id };
        self.ask(Call::Requery, order, &body, REQUERY_TIMEOUT).await
    }

    async fn ask(
        &self,
        call: Call,
        order: &Order<'_>,
        body: &impl Serialize,
        limit: Duration,
    ) -> Outcome {
        let (operation, path) = match call {
            Call::Pay => ("pay", "/pay"),
            Call::Requery => ("requery", "/requery"),
        };
        let request = serde_json::to_vec(body).ok();
        let Some(request) = request.and_then(|body| self.request(Method::POST, path, body)) else {
            return Outcome::unclear("not_sent", "the request could not be written");
        };
        let outcome = judge(call, self.http.call("vtpass", operation, request, limit).await, order);
        if outcome.alarm == Some(Alarm::CredentialsRefused) {
            self.refusals.mark();
        }
        outcome
    }

    async fn read(&self, operation: &'static str, path: &str) -> Result<Answer, VtpassError> {
        let request = self.request(Method::GET, path, Vec::new());
        let request = request
            .ok_or_else(|| VtpassError::Unavailable("the request cannot be written".to_owned()))?;
        self.noted(accept(self.http.call("vtpass", operation, request, READ_TIMEOUT).await))
    }

    /// Notes that VTpass refuses us: the next call may have other credentials.
    fn noted<T>(&self, read: Result<T, VtpassError>) -> Result<T, VtpassError> {
        if let Err(VtpassError::CredentialsRefused(code)) = &read {
            self.refusals.note(Alarm::CredentialsRefused.as_str(), code);
        }
        read
    }

    fn request(&self, method: Method, path: &str, body: Vec<u8>) -> Option<Request> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, JSON);
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        self.credentials.add_to(&mut headers, &method);
        let uri = format!("{}{path}", self.base_url);
        let mut request = http::Request::builder().method(method).uri(uri).body(body).ok()?;
        *request.headers_mut() = headers;
        Request::try_from(request).ok()
    }
}

impl fmt::Debug for Vtpass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vtpass").finish_non_exhaustive()
    }
}

fn is_test_host(base_url: &str) -> bool {
    let url = Url::parse(base_url).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "sandbox.vtpass.com" || name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Takes a success of a read; sorts everything else by what the caller does next.
fn accept(outcome: Result<Answer, NoAnswer>) -> Result<Answer, VtpassError> {
    let answer = outcome.map_err(|reason| match reason {
        NoAnswer::Timeout => VtpassError::Timeout,
        NoAnswer::NotSent | NoAnswer::Broken => VtpassError::Unavailable(reason.to_string()),
    })?;
    let status = answer.status;
    let unavailable = || VtpassError::Unavailable(format!("it answered {status}"));
    match status.as_u16() {
        200..=299 => Ok(answer),
        401 | 403 => Err(VtpassError::CredentialsRefused(status.as_u16().to_string())),
        400..=499 => Err(catalogue::refusal(&answer.body).unwrap_or_else(unavailable)),
        _ => Err(unavailable()),
    }
}

impl From<VtpassError> for ApiError {
    fn from(error: VtpassError) -> Self {
        let detail = error.to_string();
        match error {
            VtpassError::UnknownService => Self::not_found(),
            VtpassError::ServiceOff => {
                Self::new(Code::UpstreamRejected, "This service is not sold at present.")
            }
            VtpassError::CredentialsRefused(_) => {
                Self::new(Code::UpstreamUnavailable, "The provider cannot be used right now.")
            }
            VtpassError::Unavailable(_) => {
                Self::new(Code::UpstreamUnavailable, "The provider cannot be reached. Try again.")
            }
            VtpassError::Timeout => {
                Self::new(Code::UpstreamTimeout, "The provider did not answer in time. Try again.")
            }
        }
        .detail(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(variation_code: Option<&'static str>, kobo: u64) -> Order<'static> {
        Order {
            request_id: "202407171216abc",
            service_id: "etisalat-data",
            phone: TEST_SUCCESS,
            variation_code,
            amount: Kobo::new(kobo).unwrap(),
        }
    }

    fn client(url: &str) -> Vtpass {
        let vars =
            [("VTPASS_BASE_URL", url), ("VTPASS_USERNAME", "u"), ("VTPASS_PASSWORD", "p4ss")];
        let vars = vars.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Vtpass::from_vars(&vars, &World::real()).unwrap().unwrap()
    }

    #[test]
    fn test_numbers_are_for_the_sandbox_and_this_machine() {
        for (url, taken) in [
            ("https://sandbox.vtpass.com/api", true),
            ("https://SANDBOX.vtpass.com/api/", true),
            ("http://127.0.0.1:4000/api", true),
            ("http://localhost:4000/api", true),
            ("http://[::1]:4000/api", true),
            ("https://vtpass.com/api", false),
            ("https://api-service.vtpass.com/api", false),
            ("https://sandbox.vtpass.com.example.com/api", false),
            ("https://example.com/sandbox.vtpass.com", false),
            ("https://sandbox.vtpass.com@example.com/api", false),
            ("http://10.0.0.1/api", false),
        ] {
            assert_eq!(client(url).takes_test_numbers(), taken, "{url}");
        }
    }

    #[test]
    fn it_prints_without_credentials() {
        assert_eq!(format!("{:?}", client("https://vtpass.com/api")), "Vtpass { .. }");
        let error = Vtpass::from_vars(
            &[
                ("VTPASS_BASE_URL", "vtpass.com"),
                ("VTPASS_USERNAME", "u"),
                ("VTPASS_PASSWORD", "p"),
            ]
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
            &World::real(),
        );
        assert!(error.unwrap_err().to_string().contains("VTPASS_BASE_URL"));
    }

    #[tokio::test]
    async fn an_order_that_never_left_is_unclear() {
        // Port 1 of this machine has no listener.
        let vtpass = client("http://127.0.0.1:1/api");
        for outcome in
            [vtpass.pay(&order(None, 100)).await, vtpass.requery(&order(None, 100)).await]
        {
            assert_eq!(
                (outcome.verdict, outcome.code.as_str()),
                (Verdict::Unclear, "no_connection")
            );
            assert!(!outcome.acknowledged && !outcome.unknown_id && outcome.alarm.is_none());
        }
        assert!(matches!(vtpass.balance().await, Err(VtpassError::Unavailable(_))));
    }

    #[test]
    fn refused_reads_are_sorted_by_what_to_do() {
        let error = |status: u16, body: &str| {
            let status = http::StatusCode::from_u16(status).unwrap();
            let body = body.as_bytes().to_vec();
            accept(Ok(Answer { status, headers: HeaderMap::new(), body })).unwrap_err()
        };
        let unknown = error(400, r#"{"code":"012"}"#);
        assert!(matches!(unknown, VtpassError::UnknownService));
        assert!(matches!(error(404, "<html>"), VtpassError::Unavailable(_)));
        assert!(matches!(error(401, ""), VtpassError::CredentialsRefused(it) if it == "401"));
        assert!(matches!(error(503, r#"{"code":"012"}"#), VtpassError::Unavailable(_)));
        assert!(matches!(error(302, ""), VtpassError::Unavailable(_)));
        assert!(matches!(accept(Err(NoAnswer::Timeout)), Err(VtpassError::Timeout)));
    }

    #[test]
    fn errors_become_the_gateways_own() {
        let code = |error: VtpassError| ApiError::from(error).code;
        assert_eq!(code(VtpassError::UnknownService), Code::NotFound);
        assert_eq!(code(VtpassError::ServiceOff), Code::UpstreamRejected);
        assert_eq!(code(VtpassError::Timeout), Code::UpstreamTimeout);
        assert_eq!(code(VtpassError::Unavailable("x".into())), Code::UpstreamUnavailable);
        let refused = ApiError::from(VtpassError::CredentialsRefused("087".into()));
        assert_eq!(refused.code, Code::UpstreamUnavailable);
        assert!(!refused.message.contains("087"));
    }
}
