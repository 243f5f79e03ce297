//! `/_sandbox/mtn/...`: what a test asks of the simulator, and what it may look at.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::{Host, Url};

use super::script::Script;
use super::{MtnSimulator, Simulator};

/// The control routes, to be nested under `/_sandbox/mtn`.
pub fn control_router(simulator: Arc<MtnSimulator>) -> Router {
    Router::new()
        .route("/next", post(next))
        .route("/deliver", post(deliver))
        .route("/outage", post(outage))
        .route("/callback", post(callback))
        .route("/violations", get(violations))
        .route("/ledger", get(ledger))
        .with_state(simulator)
}

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

fn refused(problem: &str) -> (StatusCode, Json<Value>) {
    (StatusCode::BAD_REQUEST, Json(json!({ "message": problem })))
}

/// What a test wrote, whatever it called its content type; 400 for anything mistyped.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, (StatusCode, Json<Value>)> {
    serde_json::from_slice(body).map_err(|error| refused(&error.to_string()))
}

/// Adds scripted outcomes, all or none; each is used once, by the first request it is for.
async fn next(Shared(mtn): Simulator, body: Bytes) -> Answer {
    let scripts: Vec<Script> = read(&body)?;
    if let Some(problem) = scripts.iter().find_map(Script::problem) {
        return Err(refused(problem));
    }
    let mut desk = mtn.desk();
    desk.scripts.extend(scripts);
    Ok(Json(json!({ "waiting": desk.scripts.len() })))
}

/// Posts the callbacks that were held, in order.
async fn deliver(Shared(mtn): Simulator) -> Json<Value> {
    let held = std::mem::take(&mut mtn.desk().held);
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

/// Answers every right request with a status until it is called with null.
async fn outage(Shared(mtn): Simulator, body: Bytes) -> Answer {
    let Outage { http_status } = read(&body)?;
    let status = http_status.map(StatusCode::from_u16).transpose();
    mtn.desk().outage = status.map_err(|_| refused("http_status is none"))?;
    Ok(Json(json!({ "http_status": http_status })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Foreign {
    url: String,
    body: Value,
}

/// Posts any body to a local URL, as a stranger might: a text goes out as it is, anything else as
/// JSON.
async fn callback(Shared(mtn): Simulator, body: Bytes) -> Answer {
    let Foreign { url, body } = read(&body)?;
    if !is_local(&url) {
        return Err(refused("url is not one of this machine"));
    }
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    Ok(Json(json!({ "status": mtn.post(&url, body).await })))
}

fn is_local(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The requests that broke their contract, in order.
async fn violations(Shared(mtn): Simulator) -> Json<Value> {
    let desk = mtn.desk();
    Json(json!({ "count": desk.violations.len(), "violations": desk.violations }))
}

/// What was received, given out and sent.
async fn ledger(Shared(mtn): Simulator) -> Json<Value> {
    Json(json!({
        "refills": mtn.refills(),
        "asks": mtn.asks(),
        "tokens": mtn.tokens(),
        "callbacks": mtn.deliveries(),
    }))
}
