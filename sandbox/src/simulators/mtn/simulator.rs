//! The simulator's state: credentials, ledger, and what a test has scripted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::platform::environment::Environment;

use super::operations::Operation;
use super::script::Script;
use crate::ledger::Ledger;

/// The credentials that the simulator accepts.
pub struct Credentials {
    /// Sent with every request to an API.
    pub api_key: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
}

impl Credentials {
    /// Generates credentials.
    pub fn generate(environment: &Environment) -> Self {
        let text = |kind| format!("{kind}_{}", environment.random.id());
        Self { api_key: text("key"), client_id: text("client"), client_secret: text("simulated") }
    }
}

/// The simulator.
pub struct MtnSimulator {
    /// The credentials it accepts.
    pub credentials: Credentials,
    /// Where it keeps tokens, refills, questions and callbacks.
    pub ledger: Arc<Ledger>,
    /// The clock, random ids and the HTTP client.
    pub environment: Environment,
    controls: Mutex<Controls>,
}

/// What a test has scripted and may look at. Refills change only under its lock.
#[derive(Default)]
pub(super) struct Controls {
    pub(super) scripts: VecDeque<Script>,
    pub(super) held: Vec<Callback>,
    pub(super) violations: Vec<Violation>,
    /// The tokens that were given out; the ledger keeps only their hashes.
    pub(super) tokens: Vec<String>,
}

/// An answer that is sent by callback.
#[derive(Clone)]
pub(super) struct Callback {
    pub(super) operation: Operation,
    /// If none, the callback is not sent.
    pub(super) url: Option<String>,
    pub(super) body: Value,
}

/// A request that violated its contract. It holds no personal data.
#[derive(Debug, Clone, Serialize)]
pub struct Violation {
    /// The operation, if it could be told.
    pub operation: Option<Operation>,
    /// What was wrong.
    pub problem: String,
}

/// A question about a customer, as the ledger keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedQuestion {
    /// What was asked.
    pub operation: Operation,
    /// Where a callback may go.
    pub callback_url: Option<String>,
}

const QUESTIONS: &str = "mtn_asks";

/// The simulator, as axum hands it to a handler.
pub(super) type Simulator = State<Arc<MtnSimulator>>;

impl MtnSimulator {
    /// A simulator that keeps its data in `ledger`.
    pub fn new(credentials: Credentials, ledger: Arc<Ledger>, environment: Environment) -> Self {
        Self { credentials, ledger, environment, controls: Mutex::default() }
    }

    /// The requests that violated their contract, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.controls().violations.clone()
    }

    /// The tokens that were given out, so that a test can search for them where they must not be.
    pub fn given_tokens(&self) -> Vec<String> {
        self.controls().tokens.clone()
    }

    /// Adds a script, which is used once, by the first request it is for.
    pub fn script(&self, script: Script) {
        self.controls().scripts.push_back(script);
    }

    pub(super) fn controls(&self) -> MutexGuard<'_, Controls> {
        self.controls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record_question(&self, question: &RecordedQuestion) {
        self.ledger.put(QUESTIONS, &self.environment.random.id(), question);
    }

    /// The questions, in order.
    pub fn questions(&self) -> Vec<RecordedQuestion> {
        let mut questions: Vec<RecordedQuestion> = self.ledger.all(QUESTIONS);
        questions.reverse();
        questions
    }
}

impl Controls {
    /// Takes the first script for an operation.
    pub(super) fn take_script(&mut self, operation: Operation) -> Option<Script> {
        let index = self.scripts.iter().position(|script| script.operation == operation)?;
        self.scripts.remove(index)
    }
}
