//! `/_sandbox/...`: what a person trying the sandbox may look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::get;
use serde_json::json;

use crate::docs;
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
}

/// The console's routes, to be nested under `/_sandbox`.
pub(crate) fn router(
    ledger: Arc<Ledger>,
    stack: Arc<Stack>,
    lambda_vars: BTreeMap<String, String>,
    mono: Option<Arc<MonoSimulator>>,
    vtpass: Option<Arc<VtpassSimulator>>,
    mtn: Option<Arc<MtnSimulator>>,
) -> Router {
    let console = Console { ledger, stack, lambda_vars: Arc::new(lambda_vars) };
    let mono = mono.map(mono::control_router).unwrap_or_default();
    let vtpass = vtpass.map(vtpass::control_router).unwrap_or_default();
    let mtn = mtn.map(mtn::control_router).unwrap_or_default();
    let not_found = || async { (StatusCode::NOT_FOUND, Json(json!({ "message": "Not Found" }))) };
    Router::new()
        .route("/otps", get(otps))
        .route("/env/{function}", get(environment))
        .with_state(console)
        .nest("/mono", mono)
        .merge(docs::router())
        .nest("/vtpass", vtpass)
        .nest("/mtn", mtn)
        .fallback(not_found)
}

/// The OTPs that simulated phones received, newest first.
async fn otps(State(console): State<Console>) -> Json<Vec<Sms>> {
    Json(console.ledger.all(SMS))
}

/// A function's environment as `NAME=value` lines: an `--env-file` for `cargo lambda watch`.
async fn environment(
    State(console): State<Console>,
    Path(function): Path<String>,
) -> Result<String, StatusCode> {
    let spec = console.stack.functions.iter().find(|it| it.name == function);
    let spec = spec.ok_or(StatusCode::NOT_FOUND)?;
    let all = spec.variables.iter().chain(console.lambda_vars.iter());
    Ok(all.map(|(name, value)| format!("{name}={value}\n")).collect())
}
