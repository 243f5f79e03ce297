//! What stands before the gateway in a rehearsal: it fails the first request to buy where the story
//! says so, and knows what was bought.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use shared::platform::http::Http;

use super::story::Outage;
use crate::listener::{StartupError, listen_anywhere, serve};

/// How long the gateway may take.
const LIMIT: Duration = Duration::from_secs(30);
const MAX_BYTES: usize = 1024 * 1024;

/// What stands before the gateway.
#[derive(Clone)]
pub struct Front {
    /// Where it listens.
    pub url: String,
    gateway: String,
    http: Http,
    now: Arc<Mutex<Now>>,
}

/// What is true for the schedule that runs.
struct Now {
    outage: Outage,
    bought: BTreeSet<String>,
}

impl Front {
    /// Begins to listen before the gateway at this URL.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(gateway: &str) -> Result<Self, StartupError> {
        let (listener, url) = listen_anywhere().await?;
        let front = Self {
            url,
            gateway: gateway.to_owned(),
            http: Http::new(),
            now: Arc::new(Mutex::new(Now { outage: Outage::None, bought: BTreeSet::new() })),
        };
        let app = axum::Router::new().fallback(pass).with_state(front.clone());
        serve(listener, app);
        Ok(front)
    }

    /// A new schedule begins.
    pub fn begin(&self, outage: Outage) {
        *self.now() = Now { outage, bought: BTreeSet::new() };
    }

    /// The ids of the purchases that were made in this schedule.
    pub fn bought(&self) -> Vec<String> {
        self.now().bought.iter().cloned().collect()
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forward(&self, request: Request) -> Option<(StatusCode, Vec<u8>)> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        let url = format!("{}{path}", self.gateway).parse().ok()?;
        let mut inner = reqwest::Request::new(parts.method, url);
        *inner.headers_mut() = parts.headers;
        inner.headers_mut().remove("host");
        *inner.body_mut() = Some(to_bytes(body, MAX_BYTES).await.ok()?.into());
        let answer = self.http.send(inner, LIMIT).await.ok()?;
        Some((answer.status, answer.body))
    }
}

async fn pass(State(front): State<Front>, request: Request) -> Response {
    let is_purchase = request.method() == Method::POST && request.uri().path() == "/purchases";
    let outage = match is_purchase {
        true => std::mem::replace(&mut front.now().outage, Outage::None),
        false => Outage::None,
    };
    if outage == Outage::Refused {
        return failed(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    }
    let Some((status, body)) = front.forward(request).await else {
        return failed(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    };
    if is_purchase {
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(id) = answer["data"]["purchase_id"].as_str() {
            front.now().bought.insert(id.to_owned());
        }
    }
    match outage {
        Outage::AnswerLost => failed(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout"),
        Outage::None | Outage::Refused => {
            (status, [("content-type", "application/json")], Body::from(body)).into_response()
        }
    }
}

/// An error in the form of the gateway's.
fn failed(status: StatusCode, code: &str) -> Response {
    let body = json!({ "status": "failed", "code": code, "message": "This is a rehearsal.",
                       "request_id": "rehearsal" });
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}
