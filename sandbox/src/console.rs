//! `/_sandbox/...`: what a person trying the sandbox may look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::docs;
use crate::lambda::Function;
use crate::ledger::Ledger;
use crate::simulators::mono::{self, MonoSimulator, SMS, Sms};
use crate::simulators::mtn::{self, MtnSimulator};
use crate::simulators::vtpass::{self, VtpassSimulator};
use crate::stack::Stack;

#[derive(Clone)]
struct Console {
    ledger: Arc<Ledger>,
    stack: Arc<Stack>,
    lambda_vars: Arc<BTreeMap<String, String>>,
    functions: Arc<BTreeMap<String, Arc<Function>>>,
}

type Refusal = (StatusCode, Json<Value>);

/// The console's routes, to be nested under `/_sandbox`.
pub(crate) fn router(
    ledger: Arc<Ledger>,
    stack: Arc<Stack>,
    lambda_vars: BTreeMap<String, String>,
    functions: BTreeMap<String, Arc<Function>>,
    mono: Option<Arc<MonoSimulator>>,
    vtpass: Option<Arc<VtpassSimulator>>,
    mtn: Option<Arc<MtnSimulator>>,
) -> Router {
    let (lambda_vars, functions) = (Arc::new(lambda_vars), Arc::new(functions));
    let console = Console { ledger, stack, lambda_vars, functions };
    let mono = mono.map(mono::control_router).unwrap_or_default();
    let vtpass = vtpass.map(vtpass::control_router).unwrap_or_default();
    let mtn = mtn.map(mtn::control_router).unwrap_or_default();
    Router::new()
        .route("/otps", get(otps))
        .route("/env/{function}", get(environment))
        .route("/invoke/{function}", post(invoke))
        .with_state(console)
        .nest("/mono", mono)
        .merge(docs::router())
        .nest("/vtpass", vtpass)
        .nest("/mtn", mtn)
        .fallback(async || not_found())
        .layer(middleware::from_fn(no_browser))
}

/// What a web page sends carries its origin, and none has a say here: the console invokes functions
/// past their authorizer, perhaps with real providers behind them.
async fn no_browser(request: Request, next: Next) -> Response {
    match request.headers().contains_key(header::ORIGIN) {
        true => refused(StatusCode::FORBIDDEN, "Not for web pages").into_response(),
        false => next.run(request).await,
    }
}

fn not_found() -> Refusal {
    refused(StatusCode::NOT_FOUND, "Not Found")
}

fn refused(status: StatusCode, message: impl ToString) -> Refusal {
    (status, Json(json!({ "message": message.to_string() })))
}

/// The OTPs that simulated phones received, newest first.
async fn otps(State(console): State<Console>) -> Json<Vec<Sms>> {
    Json(console.ledger.all(SMS))
}

/// A function's environment as `NAME=value` lines: an `--env-file` for `cargo lambda watch`.
async fn environment(
    State(console): State<Console>,
    Path(function): Path<String>,
) -> Result<String, Refusal> {
    let spec = console.stack.functions.iter().find(|it| it.name == function);
    let spec = spec.ok_or_else(not_found)?;
    let all = spec.variables.iter().chain(console.lambda_vars.iter());
    Ok(all.map(|(name, value)| format!("{name}={value}\n")).collect())
}

/// Invokes a function with the event in the body, whatever the content type, as `cargo lambda
/// invoke` would: past API Gateway and its authorizer.
async fn invoke(
    State(console): State<Console>,
    Path(function): Path<String>,
    event: Bytes,
) -> Result<Json<Value>, Refusal> {
    let function = console.functions.get(&function).ok_or_else(not_found)?;
    let event: Value =
        serde_json::from_slice(&event).map_err(|error| refused(StatusCode::BAD_REQUEST, error))?;
    let answer = function.invoke(&event).await;
    answer.map(Json).map_err(|error| refused(StatusCode::BAD_GATEWAY, error))
}
