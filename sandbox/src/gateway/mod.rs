//! API Gateway's HTTP API: routes, the authorizer and its cache, and its own answers.

mod event;
pub mod routes;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use shared::world::World;
use time::OffsetDateTime;

use self::event::Incoming;
use crate::lambda::{Function, InvokeError, MAX_PAYLOAD_BYTES};
use crate::stack::{AuthorizerSpec, RouteSpec};

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
    /// Time and ids.
    pub world: World,
    /// Decisions of the authorizer.
    pub decisions: Decisions,
}

/// The authorizer's cache: decisions by the values of the identity headers.
#[derive(Default)]
pub struct Decisions(Mutex<HashMap<Vec<String>, Decision>>);

/// The caller's context, or a refusal, and until when it holds.
type Decision = (Option<Value>, OffsetDateTime);

/// API Gateway's own answers.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    NotFound,
    Unauthorized,
    Forbidden,
    TooLarge,
    HeadTooLarge,
    InternalError,
    Unavailable,
}

/// Answers one request.
pub async fn handle(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    gateway.answer(&parts, body, peer).await.unwrap_or_else(Refusal::into_response)
}

impl Gateway {
    async fn answer(
        &self,
        parts: &Parts,
        body: Body,
        peer: SocketAddr,
    ) -> Result<Response<Body>, Refusal> {
        if head_bytes(parts) > MAX_HEAD_BYTES {
            return Err(Refusal::HeadTooLarge);
        }
        let found = routes::find(&self.routes, parts.method.as_str(), parts.uri.path())
            .ok_or(Refusal::NotFound)?;
        let route = &self.routes[found.index];
        let request_id = self.world.random.id();
        let incoming = Incoming {
            parts,
            peer,
            domain: &self.domain,
            route_key: &format!("{} {}", route.method, route.path),
            parameters: &found.parameters,
            request_id: &request_id,
            now: self.world.clock.now(),
        };
        let context = match &self.authorizer {
            Some(authorizer) if route.authorized => {
                Some(self.authorize(authorizer, &incoming).await?)
            }
            _ => None,
        };
        let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Refusal::TooLarge)?;
        if body.len() > MAX_PAYLOAD_BYTES {
            return Err(Refusal::TooLarge);
        }
        let event = incoming.proxy_event(&body, context.as_ref());
        let answer = self.function(&route.function)?.invoke(&event).await?;
        event::response(&answer, &request_id).ok_or(Refusal::InternalError)
    }

    /// The caller's context. A decision is kept by the identity alone, so it holds for every route.
    async fn authorize(
        &self,
        authorizer: &AuthorizerSpec,
        incoming: &Incoming<'_>,
    ) -> Result<Value, Refusal> {
        let identity = identity(&authorizer.headers, &incoming.parts.headers);
        let identity = identity.ok_or(Refusal::Unauthorized)?;
        let decision = match self.decisions.get(&identity, incoming.now) {
            Some(decision) => decision,
            None => {
                let event = incoming.authorizer_event(&identity);
                let answer = self.function(&authorizer.function)?.invoke(&event).await?;
                let allowed = answer["isAuthorized"].as_bool().ok_or(Refusal::InternalError)?;
                let decision = allowed.then(|| answer["context"].clone());
                let until = incoming.now + authorizer.cache;
                self.decisions.keep(identity, decision.clone(), incoming.now, until);
                decision
            }
        };
        decision.ok_or(Refusal::Forbidden)
    }

    fn function(&self, name: &str) -> Result<&Arc<Function>, Refusal> {
        self.functions.get(name).ok_or(Refusal::InternalError)
    }
}

impl Decisions {
    fn get(&self, identity: &[String], now: OffsetDateTime) -> Option<Option<Value>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(identity).filter(|(_, until)| *until > now).map(|(decision, _)| decision.clone())
    }

    fn keep(
        &self,
        identity: Vec<String>,
        decision: Option<Value>,
        now: OffsetDateTime,
        until: OffsetDateTime,
    ) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (_, until)| *until > now);
        kept.insert(identity, (decision, until));
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

impl From<InvokeError> for Refusal {
    fn from(error: InvokeError) -> Self {
        match error {
            InvokeError::TooLarge => Self::TooLarge,
            InvokeError::Throttled => Self::Unavailable,
            InvokeError::Failed(_) | InvokeError::Panicked | InvokeError::TimedOut => {
                Self::InternalError
            }
        }
    }
}

impl Refusal {
    fn into_response(self) -> Response<Body> {
        let (status, message) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "Not Found"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "Forbidden"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
            Self::HeadTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large")
            }
            Self::InternalError => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        };
        let json = [(axum::http::header::CONTENT_TYPE, "application/json")];
        (status, json, json!({ "message": message }).to_string()).into_response()
    }
}
