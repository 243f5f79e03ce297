//! A function behind the HTTP API: its trait, its entry and its one line in the log.

use std::future::Future;

pub use lambda_http::Error;
use lambda_http::{Body, Request, RequestExt, Response};
use tokio::time::Instant;

use super::access;
use super::disclosing::{DisclosureLog, recorded};
use super::error::{ApiError, ErrorCode};
use super::instance::Instance;
use super::reply::Reply;
use super::request::ApiRequest;
use crate::domain::ids::{KeyId, TenantId};
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::Environment;
use crate::platform::telemetry::{CallCounter, Trace};

/// A function behind the HTTP API.
pub trait HttpFunction: Sized + Send + Sync + 'static {
    /// The function's name in the template and in the log.
    const NAME: &'static str;

    /// Builds the function's clients, once, at start.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable it needs is missing: the function then does not start.
    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError>;

    /// Where its disclosures are recorded; none for a function that shows nobody's data.
    fn disclosures(&self) -> Option<&DisclosureLog> {
        None
    }

    /// Answers one request. A reply that shows a person's data says so ([`Reply::shows`]) and is given
    /// once that is recorded.
    ///
    /// Errors become the documented JSON body, with the request's id.
    fn handle(&self, request: &ApiRequest) -> impl Future<Output = Result<Reply, ApiError>> + Send;
}

/// Runs the function under the Lambda runtime: the whole of its `main`.
///
/// # Errors
/// When configuration is missing or the runtime ends.
pub async fn run<F: HttpFunction>() -> Result<(), Error> {
    let instance = &Instance::in_lambda(F::NAME, F::new).await?;
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
    let counter = CallCounter::of(trace_of(&event));
    let request = ApiRequest::from_event(event);
    let most = max_body_bytes(&request.route);
    let outcome = match request.body.len() > most {
        true => Err(too_large(most)),
        false => counter.over(answer(function, &request)).await,
    };
    let (reply, code, detail) = match outcome {
        Ok(reply) => (reply, None, None),
        Err(error) => (Reply::error(&error, &request.id), Some(error.code), Some(error.detail)),
    };
    log_invocation!(begun, counter.counts(), cold_start, {
        function = F::NAME,
        request_id = request.id,
        tenant = request.tenant.as_ref().map(TenantId::as_str),
        key_id = request.key_id.as_ref().map(KeyId::as_str),
        route = request.route,
        status = reply.status.as_u16(),
        code = code.map(ErrorCode::name),
        detail = detail.filter(|detail| !detail.is_empty()),
    }, "request {}", request.id);
    Ok(reply.into_response())
}

async fn answer<F: HttpFunction>(function: &F, request: &ApiRequest) -> Result<Reply, ApiError> {
    access::check(request)?;
    // It is large, and what holds it is moved several times.
    let reply = Box::pin(function.handle(request)).await?.deliverable()?;
    recorded(function.disclosures(), request, reply).await
}

/// The trace that Lambda states, or API Gateway's header.
fn trace_of(event: &Request) -> Option<Trace> {
    let lambda = event.lambda_context_ref().and_then(|it| it.xray_trace_id.as_deref());
    let gateway = event.headers().get("x-amzn-trace-id").and_then(|it| it.to_str().ok());
    [lambda, gateway].into_iter().flatten().find_map(Trace::parse)
}

/// The largest body that is read. Providers send long bodies, and send them few times.
fn max_body_bytes(route: &str) -> usize {
    const KB: usize = 1024;
    if route.contains("/callbacks/") { 256 * KB } else { 64 * KB }
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("The body is larger than {} KB.", limit / 1024);
    ApiError::new(ErrorCode::PayloadTooLarge, message)
}
