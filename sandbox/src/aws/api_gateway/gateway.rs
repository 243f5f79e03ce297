//! The HTTP API itself: limits, routing, the authorizer and its cache, and API Gateway's own
//! errors.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::{IntoResponse, Json};
use serde_json::{Value, json};
use shared::platform::environment::Environment;
use time::OffsetDateTime;

use super::event::{self, GatewayRequest};
use super::routes;
use crate::activity::{Activity, Kind, Started, ids};
use crate::aws::lambda::{Function, InvokeError, MAX_PAYLOAD_BYTES};
use crate::template::stack::{AuthorizerSpec, RouteSpec, Stack};

/// API Gateway's limit of a request's body.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;
/// API Gateway's limit of the request line and all headers together.
const MAX_HEAD_BYTES: usize = 10_240;

/// The HTTP API.
pub struct Gateway {
    /// Its routes.
    pub routes: Vec<RouteSpec>,
    /// Its authorizer.
    pub authorizer: Option<AuthorizerSpec>,
    /// The functions, by name.
    pub functions: BTreeMap<String, Arc<Function>>,
    /// Its own domain.
    pub domain: String,
    /// The clock, and the source of request ids.
    pub environment: Environment,
    /// Recent decisions of the authorizer.
    pub decisions: AuthorizerCache,
    /// What was counted since the start.
    pub counts: ApiCounts,
    /// Where requests are recorded.
    pub activity: Activity,
}

/// What CloudWatch would have counted of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiMetrics {
    /// `Count`: the requests.
    pub count: u64,
    /// `5xx`: those that were answered with such a status, by a function or by API Gateway.
    pub server_errors: u64,
    /// `4xx`: the same for such a status.
    pub client_errors: u64,
}

/// The counts behind [`ApiMetrics`].
#[derive(Default)]
pub struct ApiCounts {
    requests: AtomicU64,
    server_errors: AtomicU64,
    client_errors: AtomicU64,
}

/// The authorizer's cache: decisions by the values of the identity sources.
#[derive(Default)]
pub struct AuthorizerCache(Mutex<HashMap<Vec<String>, CachedDecision>>);

struct CachedDecision {
    /// The tenant's context; none if the authorizer denied access.
    context: Option<Value>,
    valid_until: OffsetDateTime,
}

/// An error that API Gateway answers with by itself: a status and a message.
struct GatewayError(StatusCode, &'static str);

const NOT_FOUND: GatewayError = GatewayError(StatusCode::NOT_FOUND, "Not Found");
const UNAUTHORIZED: GatewayError = GatewayError(StatusCode::UNAUTHORIZED, "Unauthorized");
const FORBIDDEN: GatewayError = GatewayError(StatusCode::FORBIDDEN, "Forbidden");
const BODY_TOO_LARGE: GatewayError =
    GatewayError(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
const HEAD_TOO_LARGE: GatewayError =
    GatewayError(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
const INTERNAL_ERROR: GatewayError =
    GatewayError(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
const UNAVAILABLE: GatewayError =
    GatewayError(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");

/// Handles one request.
pub async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let started = gateway.activity.begin(Kind::Request, "caller");
    let answer = gateway.answer(&parts, body, peer).await;
    let answer = answer.unwrap_or_else(IntoResponse::into_response);
    let answer = gateway.record(&started, &parts, answer).await;
    gateway.counts.requests.fetch_add(1, Ordering::Relaxed);
    if answer.status().is_server_error() {
        gateway.counts.server_errors.fetch_add(1, Ordering::Relaxed);
    }
    if answer.status().is_client_error() {
        gateway.counts.client_errors.fetch_add(1, Ordering::Relaxed);
    }
    answer
}

impl Gateway {
    /// The API of a stack at `domain`.
    pub fn new(
        stack: &Stack,
        functions: &BTreeMap<String, Arc<Function>>,
        domain: String,
        environment: &Environment,
        activity: &Activity,
    ) -> Arc<Self> {
        Arc::new(Self {
            routes: stack.routes.clone(),
            authorizer: stack.authorizer.clone(),
            functions: functions.clone(),
            domain,
            environment: environment.clone(),
            decisions: AuthorizerCache::default(),
            counts: ApiCounts::default(),
            activity: activity.clone(),
        })
    }

    /// What was counted since the start.
    pub(crate) fn metrics(&self) -> ApiMetrics {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ApiMetrics {
            count: count(&self.counts.requests),
            server_errors: count(&self.counts.server_errors),
            client_errors: count(&self.counts.client_errors),
        }
    }

    /// Records a request with its answer. The path is the route's: a real one may hold a token.
    async fn record(&self, it: &Started, parts: &Parts, answer: Response<Body>) -> Response<Body> {
        let (head, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let method = parts.method.as_str();
        let found = routes::find(&self.routes, method, parts.uri.path());
        let parameters: Vec<String> = found
            .iter()
            .flat_map(|it| it.parameters.iter().map(|(_, value)| value.clone()))
            .collect();
        let route = found.map_or("an unknown path", |it| self.routes[it.index].path.as_str());
        let status = head.status.as_u16();
        let text = String::from_utf8_lossy(&body);
        let about = ids(&format!("{} {text}", parameters.join(" ")));
        let text: Value = serde_json::from_slice(&body).unwrap_or_default();
        let error = text["code"].as_str().or_else(|| text["message"].as_str());
        let error = error.filter(|_| status >= 400);
        let detail = json!({ "method": method, "route": route, "status": status, "error": error });
        let what = format!("{method} {route} was answered {status}");
        self.activity.end(it, what, about, status < 400, detail);
        Response::from_parts(head, Body::from(body))
    }

    async fn answer(
        &self,
        parts: &Parts,
        body: Body,
        peer: SocketAddr,
    ) -> Result<Response<Body>, GatewayError> {
        if head_bytes(parts) > MAX_HEAD_BYTES {
            return Err(HEAD_TOO_LARGE);
        }
        let found =
            routes::find(&self.routes, parts.method.as_str(), parts.uri.path()).ok_or(NOT_FOUND)?;
        let route = &self.routes[found.index];
        let request_id = self.environment.random.id();
        let request = GatewayRequest {
            parts,
            peer,
            domain: &self.domain,
            route_key: &format!("{} {}", route.method, route.path),
            parameters: &found.parameters,
            request_id: &request_id,
            now: self.environment.clock.now(),
        };
        let context = match &self.authorizer {
            Some(authorizer) if route.authorized => {
                Some(self.authorize(authorizer, &request).await?)
            }
            _ => None,
        };
        let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| BODY_TOO_LARGE)?;
        if body.len() > MAX_PAYLOAD_BYTES {
            return Err(BODY_TOO_LARGE);
        }
        let event = request.proxy_event(&body, context.as_ref());
        let answer = self.function(&route.function)?.invoke(&event).await?;
        event::response(&answer, &request_id).ok_or(INTERNAL_ERROR)
    }

    /// The tenant's context. The cache key is the identity alone, so a decision holds for all
    /// routes.
    async fn authorize(
        &self,
        authorizer: &AuthorizerSpec,
        request: &GatewayRequest<'_>,
    ) -> Result<Value, GatewayError> {
        let identity = identity(&authorizer.headers, &request.parts.headers);
        let mut identity = identity.ok_or(UNAUTHORIZED)?;
        if authorizer.by_address {
            identity.push(request.peer.ip().to_string());
        }
        let context = match self.decisions.get(&identity, request.now) {
            Some(context) => context,
            None => {
                let event = request.authorizer_event(&identity);
                let answer = self.function(&authorizer.function)?.invoke(&event).await?;
                let allowed = answer["isAuthorized"].as_bool();
                let allowed = allowed.ok_or(INTERNAL_ERROR)?;
                let context = allowed.then(|| answer["context"].clone());
                let valid_until = request.now + authorizer.cache;
                let decision = CachedDecision { context: context.clone(), valid_until };
                self.decisions.put(identity, decision, request.now);
                context
            }
        };
        context.ok_or(FORBIDDEN)
    }

    fn function(&self, name: &str) -> Result<&Arc<Function>, GatewayError> {
        self.functions.get(name).ok_or(INTERNAL_ERROR)
    }
}

impl AuthorizerCache {
    /// The decision's context, if there is a decision that is still valid.
    fn get(&self, identity: &[String], now: OffsetDateTime) -> Option<Option<Value>> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(identity).filter(|it| it.valid_until > now).map(|it| it.context.clone())
    }

    fn put(&self, identity: Vec<String>, decision: CachedDecision, now: OffsetDateTime) {
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.retain(|_, decision| decision.valid_until > now);
        cache.insert(identity, decision);
    }
}

/// The values of the identity headers; `None` when one is missing or empty.
fn identity(names: &[String], headers: &HeaderMap) -> Option<Vec<String>> {
    let value = |name: &String| {
        let values: Vec<&str> =
            headers.get_all(name).iter().filter_map(|it| it.to_str().ok()).collect();
        Some(values.join(",")).filter(|joined| !joined.is_empty())
    };
    names.iter().map(value).collect()
}

fn head_bytes(parts: &Parts) -> usize {
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    parts.uri.to_string().len() + headers.sum::<usize>()
}

impl From<InvokeError> for GatewayError {
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::TooLarge => BODY_TOO_LARGE,
            InvokeError::Throttled => UNAVAILABLE,
            InvokeError::Failed(_) | InvokeError::Panicked | InvokeError::TimedOut => {
                INTERNAL_ERROR
            }
        }
    }
}

impl IntoResponse for GatewayError {
    fn into_response(self) -> Response<Body> {
        (self.0, Json(json!({ "message": self.1 }))).into_response()
    }
}
