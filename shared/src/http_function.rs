//! What every function behind the HTTP API is made of: the request it reads, the answer it gives,
//! and the wiring around both.

use std::future::Future;
use std::time::{Duration, Instant};

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
pub use lambda_http::Error;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::{ConfigError, Vars};
use crate::error::{ApiError, Code};
use crate::instance::Instance;
use crate::store::Tenant;
use crate::telemetry::{Tally, Trace, ms};
use crate::world::World;

/// A function behind the HTTP API.
pub trait HttpFunction: Sized + Send + Sync + 'static {
    /// The function's name in the template and in the log.
    const NAME: &'static str;

    /// Builds the function's clients, once, at start.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable it needs is missing: the function then does not start.
    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError>;

    /// Answers one request.
    ///
    /// Errors become the documented JSON body, with the request's id.
    fn handle(&self, request: &ApiRequest) -> impl Future<Output = Result<Reply, ApiError>> + Send;
}

/// What Lambda carries in an answer is 6 MB; the rest is for the headers.
const MAX_REPLY_BYTES: usize = 6 * 1024 * 1024 - 64 * 1024;

/// Runs the function under the Lambda runtime: the whole of its `main`.
///
/// # Errors
/// When configuration is missing or the runtime ends.
pub async fn run<F: HttpFunction>() -> Result<(), Error> {
    crate::log::init();
    let (vars, world) = (Vars::from_process(), World::real());
    // The init phase has a full processor: the first request's handshake is cheapest here.
    let dynamodb = crate::aws::dynamodb_url(&vars)?;
    let (instance, ()) =
        tokio::join!(Instance::start(vars, &world, F::new), world.http.warm(&dynamodb));
    let instance = &instance?;
    let answer = |request| async move {
        let cold_start = instance.is_cold();
        serve(&*instance.current().await, request, cold_start).await
    };
    lambda_http::run(lambda_http::service_fn(answer)).await
}

/// Answers one Lambda event: the entry that the runtime and the sandbox share. `cold_start` says
/// whether it is the instance's first.
///
/// # Errors
/// Never: every failure is an answer.
pub async fn serve<F: HttpFunction>(
    function: &F,
    event: Request,
    cold_start: bool,
) -> Result<Response<Body>, std::convert::Infallible> {
    let begun = Instant::now();
    let tally = Tally::of(trace_of(&event));
    let request = ApiRequest::from_event(event);
    let most = max_body_bytes(&request.route);
    let outcome = match request.body.len() > most {
        true => Err(too_large(most)),
        false => tally.over(function.handle(&request)).await,
    };
    let counts = tally.counts();
    let (reply, code, detail) = match outcome.and_then(Reply::deliverable) {
        Ok(reply) => (reply, None, None),
        Err(error) => (Reply::error(&error, &request.id), Some(error.code), Some(error.detail)),
    };
    tracing::info!(
        function = F::NAME,
        request_id = request.id,
        tenant = request.caller.as_ref().map(Tenant::as_str),
        key_id = request.key_id,
        route = request.route,
        status = reply.status.as_u16(),
        code = code.map(Code::as_str),
        detail = detail.filter(|detail| !detail.is_empty()),
        duration_ms = ms(begun.elapsed()),
        cold_start,
        trace_id = counts.trace.as_ref().map(Trace::id),
        aws_calls = counts.aws_calls,
        aws_retries = counts.aws_retries,
        aws_ms = ms(counts.aws),
        upstream = counts.upstream,
        upstream_calls = counts.upstream_calls,
        upstream_ms = ms(counts.upstream_time),
        "request {}",
        request.id,
    );
    Ok(reply.into_response())
}

/// The trace by Lambda's word, or by API Gateway's header.
fn trace_of(event: &Request) -> Option<Trace> {
    let lambda = event.lambda_context_ref().and_then(|it| it.xray_trace_id.as_deref());
    let gateway = event.headers().get("x-amzn-trace-id").and_then(|it| it.to_str().ok());
    [lambda, gateway].into_iter().flatten().find_map(Trace::parse)
}

/// The largest body taken. What providers report may be long, and is sent once or a few times.
fn max_body_bytes(route: &str) -> usize {
    const KB: usize = 1024;
    if route.contains("/callbacks/") { 256 * KB } else { 64 * KB }
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("The body is larger than {} KB.", limit / 1024);
    ApiError::new(Code::PayloadTooLarge, message)
}

/// A request as the functions see it.
///
/// Decide by [`route`](Self::route) and [`path`](Self::path), never by the URI: its path is
/// normalised on the way and would slip past the route that was authorised.
pub struct ApiRequest {
    /// API Gateway's id of the request.
    pub id: String,
    /// When it arrived here: what is left of the time to answer counts from it.
    pub arrived: Instant,
    /// The route that matched, such as `GET /accounts/{id}`, without a leading `/v2`.
    pub route: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The query string as it came, without the question mark.
    pub query: String,
    /// The address the request came from, as API Gateway saw it.
    pub source_ip: String,
    /// Where callers reach this API, by API Gateway's word and never the `Host` header's.
    pub base_url: String,
    caller: Option<Tenant>,
    key_id: Option<String>,
    path: Vec<(String, String)>,
    body: Vec<u8>,
}

impl ApiRequest {
    fn from_event(event: Request) -> Self {
        let path = match event.path_parameters_ref() {
            Some(map) => map.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            None => Vec::new(),
        };
        let context = match event.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.clone(),
            // Another kind of event has no caller: it is refused.
            _ => ApiGatewayV2httpRequestContext::default(),
        };
        let said = |name| context.authorizer.as_ref()?.fields.get(name)?.as_str();
        let caller = said("tenant").and_then(Tenant::new);
        let key_id = said("key_id").map(str::to_owned);
        let stage = context.stage.as_deref().filter(|stage| *stage != "$default");
        let domain = context.domain_name.unwrap_or_default();
        let (parts, body) = event.into_parts();
        Self {
            id: context.request_id.unwrap_or_default(),
            arrived: Instant::now(),
            route: unversioned(&context.route_key.unwrap_or_default()),
            headers: parts.headers,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            source_ip: context.http.source_ip.unwrap_or_default(),
            base_url: stage.iter().fold(format!("https://{domain}"), |url, s| format!("{url}/{s}")),
            caller,
            key_id,
            path,
            body: body.to_vec(),
        }
    }

    /// The tenant behind the key.
    ///
    /// # Errors
    /// `unavailable` when the route was deployed without its authorizer: closed, not open.
    pub fn caller(&self) -> Result<&Tenant, ApiError> {
        self.caller.as_ref().ok_or_else(|| {
            tracing::error!(
                alarm = "no_authorizer",
                route = self.route,
                "route without authorizer"
            );
            ApiError::unavailable("the route has no authorizer")
        })
    }

    /// A path parameter, decoded.
    pub fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A header, if it is there once and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A query parameter, decoded; the last where it is repeated.
    pub fn query_value(&self, name: &str) -> Option<String> {
        let pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.filter(|(key, _)| key == name).last().map(|(_, value)| value.into_owned())
    }

    /// The body as it came, if it is JSON nested no deeper than our parser goes.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn json_text(&self, expected: &'static str) -> Result<&str, ApiError> {
        self.parsed::<serde_json::Value>(expected)?;
        let not_text =
            |_| ApiError::invalid(format!("The body is not text; it must hold {expected}."));
        std::str::from_utf8(&self.body).map_err(not_text)
    }

    /// How long the caller would wait for the answer, by `Prefer: wait=N` (RFC 7240), in seconds
    /// from the request's arrival. No wish, or none that can be read, is no time at all.
    pub fn preferred_wait(&self) -> Duration {
        let wishes = self.headers.get_all("prefer").iter().filter_map(|it| it.to_str().ok());
        let wait = wishes.flat_map(|it| it.split(',')).find_map(|wish| {
            let (name, value) = wish.split(';').next()?.split_once('=')?;
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("wait").then(|| value.parse().ok())?
        });
        Duration::from_secs(wait.unwrap_or_default())
    }

    /// The body as a JSON object. `expected` tells the caller what the body must hold; serde's own
    /// words would quote the values.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn json<T: DeserializeOwned>(&self, expected: &'static str) -> Result<T, ApiError> {
        let body = self.parsed(expected)?;
        // serde would also take an array for a struct, by position.
        match self.body.trim_ascii_start().first() {
            Some(b'{') => Ok(body),
            _ => Err(ApiError::invalid(format!("The body must hold {expected}."))),
        }
    }

    fn parsed<T: DeserializeOwned>(&self, expected: &'static str) -> Result<T, ApiError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(ApiError::invalid(format!("The body is empty; it must hold {expected}.")));
        }
        serde_json::from_slice(&self.body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                ApiError::invalid(format!("The body must hold {expected}."))
            }
            _ => ApiError::invalid(format!("The body is not JSON; it must hold {expected}.")),
        })
    }
}

/// An object or nothing, for a field: serde would also take an array for a struct, by position.
///
/// # Errors
/// The deserializer's.
pub fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let object = Option::<serde_json::Map<String, serde_json::Value>>::deserialize(deserializer)?;
    object.map(T::deserialize).transpose().map_err(serde::de::Error::custom)
}

/// `/v2` is an alias: `POST /v2/accounts/auth` is `POST /accounts/auth`.
fn unversioned(route_key: &str) -> String {
    route_key.replacen(" /v2/", " /", 1)
}

/// An answer of a function.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    status: &'static str,
    code: &'static str,
    message: &'a str,
    request_id: &'a str,
}

#[derive(Serialize)]
struct Successful<T> {
    status: &'static str,
    data: T,
}

impl Reply {
    /// 200 with a JSON text passed on as it is.
    pub fn json_text(body: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), body: body.into() }
    }

    /// 200 with `{"status":"successful","data":…}`, the form of answers that Mono has no shape for.
    ///
    /// # Errors
    /// `unavailable` should the data not serialise.
    pub fn successful(data: impl Serialize) -> Result<Self, ApiError> {
        Self::json(&Successful { status: "successful", data })
    }

    /// 200 with any JSON.
    ///
    /// # Errors
    /// `unavailable` should the data not serialise.
    pub fn json(data: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_string(data).map_err(|e| ApiError::unavailable(e.to_string()))?;
        Ok(Self::json_text(body))
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The reply, if Lambda can carry it: it counts the body as JSON text, quotes escaped.
    fn deliverable(self) -> Result<Self, ApiError> {
        let escaped = |b: u8| match b {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
            0..0x20 => 6,
            _ => 1,
        };
        if self.body.len() < MAX_REPLY_BYTES / 6
            || self.body.bytes().map(escaped).sum::<usize>() < MAX_REPLY_BYTES
        {
            return Ok(self);
        }
        let message = "The provider's answer is too large to pass on. Ask for less at a time.";
        Err(ApiError::new(Code::UpstreamUnavailable, message).detail("a reply above 6 MB"))
    }

    fn error(error: &ApiError, request_id: &str) -> Self {
        let (code, message) = (error.code.as_str(), &*error.message);
        let body = ErrorBody { status: "failed", code, message, request_id };
        let mut reply = Self::json_text(serde_json::to_string(&body).unwrap_or_default());
        reply.status = error.code.status();
        match error.retry_after {
            Some(wait) => reply.header(RETRY_AFTER, HeaderValue::from(wait.as_secs())),
            None => reply,
        }
    }

    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::Text(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v2_is_an_alias_of_the_unversioned_route() {
        assert_eq!(unversioned("POST /v2/accounts/auth"), "POST /accounts/auth");
        assert_eq!(unversioned("GET /accounts/{id}"), "GET /accounts/{id}");
        assert_eq!(unversioned("GET /x/v2/y"), "GET /x/v2/y");
    }
}
