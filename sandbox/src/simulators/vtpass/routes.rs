//! The simulator's HTTP API: `/api/...`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::catalogue::{self, Service};
use super::order::number;
use super::simulator::{Simulator, VtpassSimulator};
use crate::simulators::response::SimulatedResponse;

/// The simulator's HTTP API.
pub fn router(simulator: Arc<VtpassSimulator>) -> Router {
    Router::new()
        .route("/api/service-variations", get(variations))
        .route("/api/services", get(services))
        .route("/api/balance", get(balance))
        .route("/api/pay", post(pay))
        .route("/api/requery", post(requery))
        .with_state(simulator)
}

type QueryPairs = Query<Vec<(String, String)>>;

async fn variations(
    State(vtpass): Simulator,
    headers: HeaderMap,
    Query(query): QueryPairs,
) -> Response {
    let id = parameter(&query, "serviceID");
    get_json(&vtpass, &headers, || match Service::find(id) {
        Some(service) => {
            json!({ "response_description": "000", "content": vtpass.variations(service) })
        }
        None => json!({
            "response_description": "012", "content": { "errors": "no such product" },
        }),
    })
    .await
}

async fn services(
    State(vtpass): Simulator,
    headers: HeaderMap,
    Query(query): QueryPairs,
) -> Response {
    let content = match parameter(&query, "identifier") {
        "airtime" => catalogue::services(true),
        "data" => catalogue::services(false),
        _ => json!([]),
    };
    let answer = || json!({ "response_description": "000", "content": content });
    get_json(&vtpass, &headers, answer).await
}

async fn balance(State(vtpass): Simulator, headers: HeaderMap) -> Response {
    let answer = || json!({ "code": 1, "contents": { "balance": number(vtpass.wallet_kobo()) } });
    get_json(&vtpass, &headers, answer).await
}

async fn pay(State(vtpass): Simulator, headers: HeaderMap, body: Bytes) -> Response {
    vtpass.pay(&headers, &body).send().await
}

async fn requery(State(vtpass): Simulator, headers: HeaderMap, body: Bytes) -> Response {
    vtpass.requery(&headers, &body).send().await
}

/// The response to a GET that is not refused.
async fn get_json(
    vtpass: &VtpassSimulator,
    headers: &HeaderMap,
    answer: impl FnOnce() -> Value,
) -> Response {
    let refused = vtpass.refused(&vtpass.controls(), &Method::GET, headers);
    let response = refused.unwrap_or_else(|| SimulatedResponse::json(StatusCode::OK, &answer()));
    response.send().await
}

fn parameter<'a>(query: &'a [(String, String)], name: &str) -> &'a str {
    query.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value)
}
