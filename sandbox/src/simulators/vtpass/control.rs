//! `/_sandbox/vtpass/...`: scripts the simulator, and shows its orders and webhooks.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::Service;
use super::order::{Order, OrderState};
use super::script::{Script, status_or_ok};
use super::simulator::{Outage, Simulator, VtpassSimulator};
use super::webhooks::{self, Delivery};

/// The control routes, to be nested under `/_sandbox/vtpass`.
pub fn control_router(simulator: Arc<VtpassSimulator>) -> Router {
    Router::new()
        .route("/next", post(next).delete(forget_scripts))
        .route("/ledger", get(ledger))
        .route("/resolve", post(resolve))
        .route("/forget", post(forget))
        .route("/outage", post(outage))
        .route("/wallet", get(wallet).post(set_wallet))
        .route("/variations-update", post(variations_update))
        .route("/webhooks", get(webhooks))
        .with_state(simulator)
}

/// Adds scripts; each is used once, by the first call it is for.
async fn next(State(vtpass): Simulator, Json(scripts): Json<Vec<Script>>) -> Json<Value> {
    let mut controls = vtpass.controls();
    controls.scripts.extend(scripts);
    Json(json!({ "waiting": controls.scripts.len() }))
}

/// Forgets the scripts that wait.
async fn forget_scripts(State(vtpass): Simulator) -> Json<Value> {
    vtpass.controls().scripts.clear();
    Json(json!({ "waiting": 0 }))
}

/// Shows all orders.
async fn ledger(State(vtpass): Simulator) -> Json<Vec<Order>> {
    Json(vtpass.orders())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolve {
    request_id: String,
    state: OrderState,
    /// Whether VTpass reports it by webhook; yes if absent.
    #[serde(default)]
    webhook: Option<bool>,
}

/// Changes an order's state as VTpass's staff would, and reports it by webhook.
async fn resolve(
    State(vtpass): Simulator,
    Json(Resolve { request_id, state, webhook }): Json<Resolve>,
) -> Result<Json<Order>, StatusCode> {
    let order = vtpass.resolve(&request_id, state, webhook.unwrap_or(true));
    let order = order.ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(order))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forget {
    request_id: String,
}

/// From now on a requery does not find the order. A `pay` with its id is refused all the same.
async fn forget(
    State(vtpass): Simulator,
    Json(Forget { request_id }): Json<Forget>,
) -> Result<Json<Order>, StatusCode> {
    let _lock = vtpass.controls();
    let mut order = vtpass.order(&request_id).ok_or(StatusCode::NOT_FOUND)?;
    order.forgotten = true;
    vtpass.save(&order);
    Ok(Json(order))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetOutage {
    code: Option<String>,
    #[serde(default)]
    http_status: Option<u16>,
}

/// Answers every call with a code, until this is called with null.
async fn outage(State(vtpass): Simulator, Json(body): Json<SetOutage>) -> Json<Value> {
    let SetOutage { code, http_status } = body;
    let answer = json!({ "code": code });
    let status = status_or_ok(http_status);
    vtpass.controls().outage = code.map(|code| Outage { code, status });
    Json(answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetWallet {
    kobo: u64,
}

/// Shows what the wallet holds.
async fn wallet(State(vtpass): Simulator) -> Json<Value> {
    Json(json!({ "kobo": vtpass.wallet_kobo() }))
}

/// Sets what the wallet holds.
async fn set_wallet(
    State(vtpass): Simulator,
    Json(SetWallet { kobo }): Json<SetWallet>,
) -> Json<Value> {
    let _lock = vtpass.controls();
    vtpass.set_wallet(kobo);
    Json(json!({ "kobo": kobo }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariationsUpdate {
    #[serde(rename = "serviceID")]
    service_id: String,
    /// New prices in kobo by variation code.
    prices: BTreeMap<String, u64>,
}

/// Changes prices, and reports them by webhook.
async fn variations_update(
    State(vtpass): Simulator,
    Json(body): Json<VariationsUpdate>,
) -> Result<Json<Value>, StatusCode> {
    let service = Service::find(&body.service_id).ok_or(StatusCode::NOT_FOUND)?;
    {
        let _lock = vtpass.controls();
        for (code, price) in &body.prices {
            vtpass.set_price(service.id, code, *price);
        }
    }
    let updated: Vec<&String> = body.prices.keys().collect();
    let mut content = vtpass.variations(service);
    for list in ["variations", "varations"] {
        content[list] = vtpass.offers(service);
    }
    let payload = json!({
        "type": "variations-update",
        "serviceID": service.id,
        "summary": { "added": 0, "updated": updated.len(), "removed": 0 },
        "actionRequired": {
            "added": { "variation_codes": [] },
            "updated": { "variation_codes": updated },
            "removed": { "variation_codes": [] },
        },
        "content": content,
    });
    webhooks::send(&vtpass, payload.clone());
    Ok(Json(payload))
}

/// Shows the webhooks that were sent, newest first.
async fn webhooks(State(vtpass): Simulator) -> Json<Vec<Delivery>> {
    Json(webhooks::deliveries(&vtpass))
}
