//! The simulator's state: credentials, ledger, and what a test has scripted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use shared::platform::crypto::same;
use shared::platform::environment::Environment;

use super::order::ApiCall;
use super::script::Script;
use crate::ledger::Ledger;
use crate::simulators::http::header_text;
use crate::simulators::response::SimulatedResponse;

/// The credentials that the simulator accepts.
#[derive(Clone)]
pub struct Credentials {
    /// Sent with every request.
    pub api_key: String,
    /// Sent with a GET.
    pub public_key: String,
    /// Sent with a POST.
    pub secret_key: String,
}

impl Credentials {
    /// Generates credentials.
    pub fn generate(environment: &Environment) -> Self {
        let key = |kind| format!("{kind}_{}", environment.random.id());
        Self { api_key: key("AK"), public_key: key("PK"), secret_key: key("SK") }
    }
}

/// The simulator.
pub struct VtpassSimulator {
    /// The credentials it accepts.
    credentials: Mutex<Credentials>,
    /// Where it keeps orders, wallet, prices and webhooks.
    pub ledger: Arc<Ledger>,
    /// The clock, random ids and the HTTP client.
    pub environment: Environment,
    /// Where its webhooks go.
    pub webhook_url: Option<String>,
    controls: Mutex<Controls>,
}

/// What a test has scripted. Orders and wallet change only under its lock.
#[derive(Default)]
pub(super) struct Controls {
    pub(super) scripts: VecDeque<Script>,
    pub(super) outage: Option<Outage>,
}

/// The code that every request is answered with.
pub(super) struct Outage {
    pub(super) code: String,
    pub(super) status: StatusCode,
}

/// The simulator, as axum hands it to a handler.
pub(super) type Simulator = State<Arc<VtpassSimulator>>;

impl VtpassSimulator {
    /// A simulator that keeps its data in `ledger`.
    pub fn new(
        credentials: Credentials,
        ledger: Arc<Ledger>,
        environment: Environment,
        webhook_url: Option<String>,
    ) -> Self {
        let credentials = Mutex::new(credentials);
        Self { credentials, ledger, environment, webhook_url, controls: Mutex::default() }
    }

    /// The credentials it accepts.
    pub fn credentials(&self) -> Credentials {
        self.credentials.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Accepts other credentials from now on.
    pub fn rotate(&self, credentials: Credentials) {
        *self.credentials.lock().unwrap_or_else(PoisonError::into_inner) = credentials;
    }

    /// Adds a script, which is used once, by the first call it is for.
    pub fn script(&self, script: Script) {
        self.controls().scripts.push_back(script);
    }

    pub(super) fn controls(&self) -> MutexGuard<'_, Controls> {
        self.controls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The response to a request that is refused whatever it asks: in an outage, or without the
    /// right credentials.
    pub(super) fn refused(
        &self,
        controls: &Controls,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<SimulatedResponse> {
        if let Some(Outage { code, status }) = &controls.outage {
            return Some(SimulatedResponse::json(*status, &code_only(code)));
        }
        (!self.authenticated(method, headers)).then(|| refusal("087"))
    }

    fn authenticated(&self, method: &Method, headers: &HeaderMap) -> bool {
        let Credentials { api_key, public_key, secret_key } = &self.credentials();
        let has = |name: &str, expected: &str| {
            header_text(headers, name).is_some_and(|value| same(value, expected))
        };
        let (name, key) = if method == Method::GET {
            ("public-key", public_key)
        } else {
            ("secret-key", secret_key)
        };
        has("api-key", api_key) && has(name, key)
    }
}

impl Controls {
    /// Takes the first script for a call about a phone number.
    pub(super) fn take_script(&mut self, call: ApiCall, phone: &str) -> Option<Script> {
        let index = self.scripts.iter().position(|script| script.is_for(call, phone))?;
        self.scripts.remove(index)
    }
}

/// An answer that holds a code and nothing else.
pub(super) fn code_only(code: &str) -> Value {
    json!({ "code": code, "response_description": "refused" })
}

/// A response that holds a code and nothing else.
pub(super) fn refusal(code: &str) -> SimulatedResponse {
    SimulatedResponse::json(StatusCode::OK, &code_only(code))
}
