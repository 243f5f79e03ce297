//! The routes under `/_sandbox`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{Json, Redirect};
use axum::routing::{get, post};
use serde_json::Value;

use super::answer::{Answer, ConsoleError, bad, error, not_found, read};
use super::origin::refuse_other_pages;
use super::state::Console;
use super::{about, activity, clock, docs, orders, page, queues, webhooks};
use crate::aws::switches::{Change, Positions};
use crate::simulators::Simulators;
use crate::simulators::mono::{self, SMS, Sms};
use crate::simulators::{mtn, vtpass};

/// The routes under `/_sandbox`.
pub(crate) fn router(console: Console) -> Router {
    let feed = activity::router(console.feed.clone());
    let Simulators { mono, vtpass, mtn, faults } = console.services.simulators.clone();
    let mono = mono.map(|it| faults.mono.controlled_by(mono::control_router(it)));
    let vtpass = vtpass.map(|it| faults.vtpass.controlled_by(vtpass::control_router(it)));
    let mtn = mtn.map(|it| faults.mtn.controlled_by(mtn::control_router(it)));
    let routes = Router::new()
        .route("/about", get(about::about))
        .route("/health", get(about::health))
        .route("/clock", get(clock::show).post(clock::advance))
        .route("/orders", get(orders::list))
        .route("/orders/{id}", get(orders::show))
        .route("/orders/{id}/settle", post(orders::settle))
        .route("/queues", get(queues::show))
        .route("/queues/{name}/redrive", post(queues::redrive))
        .route("/receiver", get(webhooks::show).post(webhooks::receive).patch(webhooks::change))
        .route("/otps", get(otps))
        .route("/env/{function}", get(environment))
        .route("/invoke/{function}", post(invoke))
        .route("/aws", get(switches).post(switch))
        .with_state(Arc::new(console))
        .merge(feed)
        .merge(page::router())
        .nest("/mono", mono.unwrap_or_default())
        .nest("/vtpass", vtpass.unwrap_or_default())
        .nest("/mtn", mtn.unwrap_or_default())
        .fallback(async || not_found())
        .layer(middleware::from_fn(refuse_other_pages));
    let slash_too_many = get(async || Redirect::permanent("/_sandbox"));
    Router::new()
        .nest("/_sandbox", routes)
        .route("/_sandbox/", slash_too_many)
        .merge(docs::router())
}

/// The OTPs that simulated phones received, newest first.
async fn otps(State(console): State<Arc<Console>>) -> Json<Vec<Sms>> {
    Json(console.services.ledger.all(SMS))
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
) -> Answer {
    let function = console.functions.get(&function).ok_or_else(not_found)?;
    let event: Value = serde_json::from_slice(&event).map_err(bad)?;
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
    let change: Change = read(&body)?;
    console.switches.set(&change).map(Json).map_err(bad)
}
