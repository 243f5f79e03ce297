//! `/_sandbox/mtn/...`: scripts the simulator, and shows what it received and sent.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::script::Script;
use super::simulator::{MtnSimulator, Simulator};

/// The control routes, to be nested under `/_sandbox/mtn`.
pub fn control_router(simulator: Arc<MtnSimulator>) -> Router {
    Router::new()
        .route("/next", post(next))
        .route("/deliver", post(deliver))
        .route("/outage", post(outage))
        .route("/violations", get(violations))
        .route("/ledger", get(ledger))
        .with_state(simulator)
}

/// An error of a control: a status and `{"message":"..."}`.
type ControlError = (StatusCode, Json<Value>);

fn refused(problem: &str) -> ControlError {
    (StatusCode::BAD_REQUEST, Json(json!({ "message": problem })))
}

/// Reads JSON of any content type. An unknown field is an error, because a test mistyped it.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(body).map_err(|error| refused(&error.to_string()))
}

/// Adds scripts, all or none; each is used once, by the first request it is for.
async fn next(State(mtn): Simulator, body: Bytes) -> Result<Json<Value>, ControlError> {
    let scripts: Vec<Script> = read(&body)?;
    if let Some(problem) = scripts.iter().find_map(Script::problem) {
        return Err(refused(problem));
    }
    let mut controls = mtn.controls();
    controls.scripts.extend(scripts);
    Ok(Json(json!({ "waiting": controls.scripts.len() })))
}

/// Sends the held callbacks, in order.
async fn deliver(State(mtn): Simulator) -> Json<Value> {
    let held = std::mem::take(&mut mtn.controls().held);
    let mut deliveries = Vec::new();
    for callback in held {
        deliveries.extend(mtn.deliver(&callback).await);
    }
    Json(json!({ "callbacks": deliveries }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outage {
    http_status: Option<u16>,
}

/// Answers every request that keeps its contract with a status, until this is called with null.
async fn outage(State(mtn): Simulator, body: Bytes) -> Result<Json<Value>, ControlError> {
    let Outage { http_status } = read(&body)?;
    let status = http_status.map(StatusCode::from_u16).transpose();
    mtn.controls().outage = status.map_err(|_| refused("http_status is not a valid status"))?;
    Ok(Json(json!({ "http_status": http_status })))
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
