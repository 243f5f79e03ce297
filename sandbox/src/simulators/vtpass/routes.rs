//! The simulator's HTTP API: `/api/...`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

use super::catalogue::Service;
use super::simulator::{Simulator, VtpassSimulator};
use crate::simulators::response::SimulatedResponse;

/// The simulator's HTTP API.
pub fn router(simulator: Arc<VtpassSimulator>) -> Router {
    Router::new()
        .route("/api/service-variations", get(variations))
        .route("/api/balance", get(balance))
        .route("/api/pay", post(pay))
        .route("/api/requery", post(requery))
        .with_state(simulator)
}

#[derive(Deserialize)]
struct VariationsQuery {
    #[serde(default, rename = "serviceID")]
    service_id: String,
}

async fn variations(
    State(vtpass): Simulator,
    headers: HeaderMap,
    Query(query): Query<VariationsQuery>,
) -> Response {
    let answer = match Service::find(&query.service_id) {
        Some(service) => {
            json!({ "response_description": "000", "content": vtpass.variations(service) })
        }
        None => json!({
            "response_description": "012", "content": { "errors": "no such product" },
        }),
    };
    let refused = vtpass.refused(&vtpass.controls(), &Method::GET, &headers);
    refused.unwrap_or_else(|| SimulatedResponse::json(StatusCode::OK, &answer)).send().await
}

async fn balance(State(vtpass): Simulator, headers: HeaderMap) -> Response {
    vtpass.balance(&headers).send().await
}

async fn pay(State(vtpass): Simulator, headers: HeaderMap, body: Bytes) -> Response {
    vtpass.pay(&headers, &body).send().await
}

async fn requery(State(vtpass): Simulator, headers: HeaderMap, body: Bytes) -> Response {
    vtpass.requery(&headers, &body).send().await
}
