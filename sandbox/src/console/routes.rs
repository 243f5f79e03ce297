//! The routes under `/_sandbox`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::activity::{self, Feed};
use super::docs;
use crate::aws::lambda::Function;
use crate::aws::switches::{Change, Positions, Switches};
use crate::ledger::Ledger;
use crate::simulators::Simulators;
use crate::simulators::mono::{self, SMS, Sms};
use crate::simulators::{mtn, vtpass};
use crate::template::stack::Stack;

/// What the console shows and controls.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) stack: Arc<Stack>,
    pub(crate) lambda_vars: BTreeMap<String, String>,
    pub(crate) functions: BTreeMap<String, Arc<Function>>,
    pub(crate) switches: Switches,
    pub(crate) feed: Feed,
}

/// An error of the console: a status and `{"message":"..."}`.
type ConsoleError = (StatusCode, Json<Value>);

/// The routes under `/_sandbox`.
pub(crate) fn router(console: Console, simulators: Simulators) -> Router {
    let feed = activity::router(console.feed.clone());
    let routes = Router::new()
        .route("/otps", get(otps))
        .route("/env/{function}", get(environment))
        .route("/invoke/{function}", post(invoke))
        .route("/aws", get(switches).post(switch))
        .with_state(Arc::new(console))
        .merge(feed)
        .nest("/mono", simulators.mono.map(mono::control_router).unwrap_or_default())
        .nest("/vtpass", simulators.vtpass.map(vtpass::control_router).unwrap_or_default())
        .nest("/mtn", simulators.mtn.map(mtn::control_router).unwrap_or_default())
        .fallback(async || not_found())
        .layer(middleware::from_fn(refuse_web_pages));
    Router::new().nest("/_sandbox", routes).merge(docs::router())
}

/// Refuses requests of web pages, which carry an `Origin` header: the console invokes functions
/// without their authorizer, perhaps with real providers behind them.
async fn refuse_web_pages(request: Request, next: Next) -> Response {
    match request.headers().contains_key(header::ORIGIN) {
        true => error(StatusCode::FORBIDDEN, "Web pages may not use the console").into_response(),
        false => next.run(request).await,
    }
}

fn not_found() -> ConsoleError {
    error(StatusCode::NOT_FOUND, "Not Found")
}

fn error(status: StatusCode, message: impl ToString) -> ConsoleError {
    (status, Json(json!({ "message": message.to_string() })))
}

/// The OTPs that simulated phones received, newest first.
async fn otps(State(console): State<Arc<Console>>) -> Json<Vec<Sms>> {
    Json(console.ledger.all(SMS))
}

/// A function's environment variables as `NAME=value` lines: an `--env-file` for `cargo lambda
/// watch`.
async fn environment(
    State(console): State<Arc<Console>>,
    Path(function): Path<String>,
) -> Result<String, ConsoleError> {
    let spec = console.stack.functions.iter().find(|it| it.name == function);
    let spec = spec.ok_or_else(not_found)?;
    let all = spec.variables.iter().chain(console.lambda_vars.iter());
    Ok(all.map(|(name, value)| format!("{name}={value}\n")).collect())
}

/// Invokes a function with the event in the body, as `cargo lambda invoke` would: without API
/// Gateway and its authorizer. The content type does not matter.
async fn invoke(
    State(console): State<Arc<Console>>,
    Path(function): Path<String>,
    event: Bytes,
) -> Result<Json<Value>, ConsoleError> {
    let function = console.functions.get(&function).ok_or_else(not_found)?;
    let event: Value =
        serde_json::from_slice(&event).map_err(|cause| error(StatusCode::BAD_REQUEST, cause))?;
    let answer = function.invoke(&event).await;
    answer.map(Json).map_err(|cause| error(StatusCode::BAD_GATEWAY, cause))
}

/// The switches for what AWS may do and rarely does.
async fn switches(State(console): State<Arc<Console>>) -> Json<Positions> {
    Json(console.switches.positions())
}

/// Sets the switches that the body names, and answers all.
async fn switch(
    State(console): State<Arc<Console>>,
    body: Bytes,
) -> Result<Json<Positions>, ConsoleError> {
    let bad = |cause: String| error(StatusCode::BAD_REQUEST, cause);
    let object: Map<String, Value> =
        serde_json::from_slice(&body).map_err(|cause| bad(cause.to_string()))?;
    let change: Change =
        serde_json::from_value(Value::Object(object)).map_err(|cause| bad(cause.to_string()))?;
    console.switches.set(&change).map(Json).map_err(|cause| bad(cause.to_string()))
}
