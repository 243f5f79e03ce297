//! The gateway of a rehearsal: a sandbox whose clock is turned, and a receiver of its own, which gets
//! what the gateway really sends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use reqwest::{Method, Request};
use serde_json::{Value, json};
use shared::platform::config::Vars;
use shared::platform::environment::Clock;
use shared::platform::http::Http;
use time::OffsetDateTime;

use super::courier::Webhook;
use crate::listener::{StartupError, listen_anywhere, serve};
use crate::start::{Options, Sandbox};

/// The key of the tenant.
pub const KEY: &str = "test_sk_rehearsal";
/// How long a call to the gateway may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How often the clock is turned, at most, until something happens.
const TURNS: usize = 1_200;
/// How long the gateway may work between two turns.
const WORK: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(3);
const SECOND: Duration = Duration::from_secs(1);

/// The gateway of a rehearsal.
pub struct Stage {
    /// The running sandbox.
    pub sandbox: Sandbox,
    clock: Arc<Mutex<OffsetDateTime>>,
    received: Arc<Mutex<Vec<Webhook>>>,
    http: Http,
}

/// Why a rehearsal cannot go on. It is no fault of the application.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The sandbox does not start.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// The gateway did not do what it must.
    #[error("the gateway of the rehearsal: {0}")]
    Gateway(String),
}

impl Stage {
    /// Starts a sandbox on this port, with one tenant and one webhook endpoint.
    ///
    /// # Errors
    /// [`StageError`].
    pub async fn start(port: u16) -> Result<Self, StageError> {
        let clock = Arc::new(Mutex::new(OffsetDateTime::now_utc()));
        // Its failing orders would suspend their services.
        let vars = [
            ("SANDBOX_KEYS", KEY),
            ("LIMIT_PURCHASES", "1000000/60,1000000/86400"),
            ("GUARD", "off"),
            ("SPEND_LIMIT", "1000000000000/60,1000000000000/86400"),
        ];
        let vars: Vars =
            vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        let mut options = Options::new(vars, port, None);
        let turned = clock.clone();
        options.environment.clock = Clock::from_fn(move || *locked(&turned));
        let sandbox = Sandbox::start(options).await?;
        let stage = Self { sandbox, clock, received: Arc::default(), http: Http::new() };
        let url = stage.listen().await?;
        stage.call(Method::POST, "/webhook-endpoints", &json!({ "url": url })).await?;
        Ok(stage)
    }

    /// Begins to receive what the gateway sends.
    async fn listen(&self) -> Result<String, StartupError> {
        let (listener, url) = listen_anywhere().await?;
        let app = axum::Router::new().fallback(receive).with_state(self.received.clone());
        serve(listener, app);
        Ok(format!("{url}/"))
    }

    /// Says what VTpass does with the next order. What it was to do with an order that never came is
    /// forgotten, or the next order would take it.
    ///
    /// # Errors
    /// [`StageError`].
    pub async fn script(&self, script: Value) -> Result<(), StageError> {
        let path = "/_sandbox/vtpass/next";
        self.call(Method::DELETE, path, &Value::Null).await?;
        self.call(Method::POST, path, &json!([script])).await.map(|_| ())
    }

    /// VTpass's staff gives an order another state, and VTpass reports it.
    ///
    /// # Errors
    /// [`StageError`].
    pub async fn resolve(&self, request_id: &str, state: &str) -> Result<(), StageError> {
        let body = json!({ "request_id": request_id, "state": state });
        self.call(Method::POST, "/_sandbox/vtpass/resolve", &body).await.map(|_| ())
    }

    /// A purchase as it is now.
    ///
    /// # Errors
    /// [`StageError`].
    pub async fn purchase(&self, id: &str) -> Result<Value, StageError> {
        let path = format!("/purchases/{id}");
        Ok(self.call(Method::GET, &path, &Value::Null).await?["data"].take())
    }

    /// Turns the clock until the webhook arrives that a purchase came to a state.
    ///
    /// # Errors
    /// [`StageError`] when it does not.
    pub async fn told(&self, purchase: &str, state: &str) -> Result<Webhook, StageError> {
        let kind = format!(r#"{{"type":"purchase.{state}","#);
        for _ in 0..TURNS {
            let is_told = |webhook: &&Webhook| {
                webhook.body.starts_with(&kind) && webhook.body.contains(purchase)
            };
            if let Some(webhook) = locked(&self.received).iter().find(is_told) {
                return Ok(webhook.clone());
            }
            self.turn().await;
        }
        let now = self.purchase(purchase).await?;
        let found = format!("purchase {purchase} did not come to {state}, it is {}", now["state"]);
        Err(StageError::Gateway(found))
    }

    /// Turns the clock to the next message, and lets the gateway work.
    async fn turn(&self) {
        let next = self.sandbox.next_message_in().unwrap_or(SECOND);
        *locked(&self.clock) += next.max(SECOND);
        // What the simulated VTpass reports comes without a message.
        tokio::time::sleep(PAUSE).await;
        self.sandbox.until_at_rest(WORK).await;
    }

    /// Forgets what arrived: a new schedule begins.
    pub fn begin(&self) {
        locked(&self.received).clear();
    }

    /// A call to the gateway that must succeed.
    ///
    /// # Errors
    /// [`StageError`].
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, StageError> {
        self.call_with(method, path, body, &[]).await
    }

    /// The same with more headers.
    ///
    /// # Errors
    /// [`StageError`].
    pub async fn call_with(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        headers: &[(&'static str, &str)],
    ) -> Result<Value, StageError> {
        let failed = |reason: String| StageError::Gateway(format!("{path}: {reason}"));
        let url = format!("{}{path}", self.sandbox.base_url);
        let url = url.parse().map_err(|_| failed("no URL".to_owned()))?;
        let mut request = Request::new(method, url);
        let own = [("mono-sec-key", KEY), ("content-type", "application/json")];
        for (name, value) in own.iter().chain(headers) {
            let value = value.parse().map_err(|_| failed(format!("{name} is no header")))?;
            request.headers_mut().insert(*name, value);
        }
        if !body.is_null() {
            *request.body_mut() = Some(body.to_string().into());
        }
        let answer = self.http.send(request, LIMIT).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(failed(format!("{}", answer.status)));
        }
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}

async fn receive(
    State(received): State<Arc<Mutex<Vec<Webhook>>>>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    locked(&received).push(Webhook { id: id.to_owned(), body });
    StatusCode::OK
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
