//! `/_sandbox/mtn/...`: scripts the simulator, and shows what it received and sent.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::script::Script;
use super::simulator::{MtnSimulator, Simulator};

/// The control routes, to be nested under `/_sandbox/mtn`.
pub fn control_router(simulator: Arc<MtnSimulator>) -> Router {
    Router::new()
        .route("/next", post(next))
        .route("/deliver", post(deliver))
        .route("/violations", get(violations))
        .route("/ledger", get(ledger))
        .with_state(simulator)
}

/// Adds scripts; each is used once, by the first request of its operation.
async fn next(State(mtn): Simulator, Json(scripts): Json<Vec<Script>>) -> Json<Value> {
    let mut controls = mtn.controls();
    controls.scripts.extend(scripts);
    Json(json!({ "waiting": controls.scripts.len() }))
}

/// Sends the held callbacks, in order.
async fn deliver(State(mtn): Simulator) -> Json<Value> {
    Json(json!({ "callbacks": mtn.deliver_held().await }))
}

/// Shows the requests that violated their contract, in order.
async fn violations(State(mtn): Simulator) -> Json<Value> {
    let controls = mtn.controls();
    Json(json!({ "count": controls.violations.len(), "violations": controls.violations }))
}

/// Shows the refills, the questions, the number of tokens and the callbacks.
async fn ledger(State(mtn): Simulator) -> Json<Value> {
    Json(json!({
        "refills": mtn.refills(),
        "asks": mtn.questions(),
        "tokens": mtn.token_count(),
        "callbacks": mtn.deliveries(),
    }))
}
