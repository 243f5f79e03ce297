//! VTpass's API, simulated: catalogue, pay, requery, balance, its test numbers and its webhooks.
//!
//! Behaviour: VTpass documentation (*Authentication*, *Buying services*, *MTN airtime*, *Response
//! codes*, *Re-query services*). Where it is silent the harder case for the client is taken: the
//! order that got no answer was taken, the one that timed out was not.

mod catalogue;
mod control;
mod orders;
mod sales;
mod script;
mod webhook;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::secret::same;
use shared::world::World;

use self::catalogue::Service;
pub use self::control::control_router;
use self::orders::number;
pub use self::orders::{Order, State};
pub use self::script::{Call, Script};
pub use self::webhook::Delivery;
use crate::ledger::Ledger;
use crate::simulators::wire::Wire;

/// What the simulator accepts: Basic authentication or the three keys, as an account that allows
/// both.
pub struct Credentials {
    /// Basic authentication's user.
    pub username: String,
    /// Basic authentication's password.
    pub password: String,
    /// Shown on every call.
    pub api_key: String,
    /// Shown on a GET.
    pub public_key: String,
    /// Shown on a POST.
    pub secret_key: String,
}

impl Credentials {
    /// Fresh ones.
    pub fn generate(world: &World) -> Self {
        let key = |kind| format!("{kind}_{}", world.random.id());
        Self {
            username: "sandbox@example.com".to_owned(),
            password: key("simulated"),
            api_key: key("AK"),
            public_key: key("PK"),
            secret_key: key("SK"),
        }
    }
}

/// The simulator.
pub struct VtpassSimulator {
    /// The credentials it accepts.
    pub credentials: Credentials,
    /// Its memory: orders, wallet and prices.
    pub ledger: Arc<Ledger>,
    /// Time and ids.
    pub world: World,
    /// Where its webhooks go.
    pub webhook_url: Option<String>,
    desk: Mutex<Desk>,
}

/// What a test has asked for. Its lock is also the one under which orders and wallet change.
#[derive(Default)]
struct Desk {
    scripts: VecDeque<Script>,
    outage: Option<Outage>,
}

/// The code that every call is answered with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outage {
    code: String,
    #[serde(default)]
    http_status: Option<u16>,
}

type Simulator = Shared<Arc<VtpassSimulator>>;

/// The simulator's HTTP API: `/api/...`.
pub fn router(simulator: Arc<VtpassSimulator>) -> Router {
    Router::new()
        .route("/api/service-variations", get(variations))
        .route("/api/services", get(services))
        .route("/api/balance", get(balance))
        .route("/api/pay", post(pay))
        .route("/api/requery", post(requery))
        .with_state(simulator)
}

async fn variations(
    Shared(vtpass): Simulator,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let asked = query.iter().find(|(name, _)| name == "serviceID").map_or("", |it| &it.1);
    let answer =
        vtpass.refused(&vtpass.desk(), &Method::GET, &headers).unwrap_or_else(
            || match Service::find(asked) {
                Some(service) => Wire::json(&json!({
                    "response_description": "000", "content": vtpass.content(service),
                })),
                None => Wire::json(&json!({
                    "response_description": "012", "content": { "errors": "no such product" },
                })),
            },
        );
    answer.send().await
}

async fn services(
    Shared(vtpass): Simulator,
    headers: HeaderMap,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let asked = query.iter().find(|(name, _)| name == "identifier").map_or("", |it| &it.1);
    let answer = vtpass.refused(&vtpass.desk(), &Method::GET, &headers).unwrap_or_else(|| {
        let content = match asked {
            "airtime" => catalogue::services(true),
            "data" => catalogue::services(false),
            _ => json!([]),
        };
        Wire::json(&json!({ "response_description": "000", "content": content }))
    });
    answer.send().await
}

async fn balance(Shared(vtpass): Simulator, headers: HeaderMap) -> Response {
    let answer = vtpass.refused(&vtpass.desk(), &Method::GET, &headers).unwrap_or_else(|| {
        let balance = number(vtpass.wallet_kobo());
        Wire::json(&json!({ "code": 1, "contents": { "balance": balance } }))
    });
    answer.send().await
}

async fn pay(Shared(vtpass): Simulator, headers: HeaderMap, body: Bytes) -> Response {
    vtpass.pay(&headers, &body).send().await
}

async fn requery(Shared(vtpass): Simulator, headers: HeaderMap, body: Bytes) -> Response {
    vtpass.requery(&headers, &body).send().await
}

impl VtpassSimulator {
    /// A simulator that remembers in `ledger`.
    pub fn new(
        credentials: Credentials,
        ledger: Arc<Ledger>,
        world: World,
        webhook_url: Option<String>,
    ) -> Self {
        Self { credentials, ledger, world, webhook_url, desk: Mutex::default() }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is answered before the call is looked at.
    fn refused(&self, desk: &Desk, method: &Method, headers: &HeaderMap) -> Option<Wire> {
        if let Some(outage) = &desk.outage {
            let status = outage.http_status.and_then(|status| StatusCode::from_u16(status).ok());
            let status = status.unwrap_or(StatusCode::OK);
            let body = coded(&outage.code).to_string();
            return Some(Wire::Whole { status, body, is_json: true });
        }
        (!self.authenticated(method, headers)).then(|| refusal("087"))
    }

    fn authenticated(&self, method: &Method, headers: &HeaderMap) -> bool {
        let Credentials { username, password, api_key, public_key, secret_key } = &self.credentials;
        let shown = |name: &str, expected: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.is_some_and(|value| same(value, expected))
        };
        let (name, key) = if method == Method::GET {
            ("public-key", public_key)
        } else {
            ("secret-key", secret_key)
        };
        let basic = format!("Basic {}", STANDARD.encode(format!("{username}:{password}")));
        shown("authorization", &basic) || (shown("api-key", api_key) && shown(name, key))
    }
}

impl Desk {
    fn script(&mut self, call: Call, phone: &str) -> Option<Script> {
        let index = self.scripts.iter().position(|script| script.is_for(call, phone))?;
        self.scripts.remove(index)
    }
}

fn coded(code: &str) -> Value {
    json!({ "code": code, "response_description": "refused" })
}

fn refusal(code: &str) -> Wire {
    Wire::json(&coded(code))
}
