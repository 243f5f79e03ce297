//! `/_sandbox/vtpass/...`: what a test asks of the simulator, and what it may look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::catalogue::Service;
use super::orders::{Order, State};
use super::script::{Call, Script};
use super::webhook::{self, Delivery};
use super::{Outage, Simulator, VtpassSimulator};

/// The control routes, to be nested under `/_sandbox/vtpass`.
pub fn control_router(simulator: Arc<VtpassSimulator>) -> Router {
    Router::new()
        .route("/next", post(next))
        .route("/ledger", get(ledger))
        .route("/resolve", post(resolve))
        .route("/forget", post(forget))
        .route("/outage", post(outage))
        .route("/balance", get(balance).post(set_balance))
        .route("/variations-update", post(variations_update))
        .route("/webhooks", get(webhooks))
        .with_state(simulator)
}

/// Adds scripted outcomes; each is used once, by the first call it fits.
async fn next(Shared(vtpass): Simulator, Json(scripts): Json<Vec<Script>>) -> Json<Value> {
    let mut desk = vtpass.desk();
    desk.scripts.extend(scripts);
    Json(json!({ "waiting": desk.scripts.len() }))
}

/// Every order that was ever seen.
async fn ledger(Shared(vtpass): Simulator) -> Json<Vec<Order>> {
    Json(vtpass.orders())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolve {
    request_id: String,
    state: State,
}

/// Settles an order as VTpass's staff would, and tells the buyer by webhook.
async fn resolve(
    Shared(vtpass): Simulator,
    Json(Resolve { request_id, state }): Json<Resolve>,
) -> Result<Json<Order>, StatusCode> {
    let (order, changed) = {
        let _desk = vtpass.desk();
        let mut order = vtpass.order(&request_id).ok_or(StatusCode::NOT_FOUND)?;
        let changed = order.state != state;
        vtpass.settle(&mut order, state);
        vtpass.keep(&order);
        (order, changed)
    };
    if changed {
        let data = order.answer(Call::Requery, vtpass.world.clock.now());
        webhook::fire(&vtpass, json!({ "type": "transaction-update", "data": data }));
    }
    Ok(Json(order))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forget {
    request_id: String,
}

/// From now on a requery does not know the order. It is not sold again all the same.
async fn forget(
    Shared(vtpass): Simulator,
    Json(Forget { request_id }): Json<Forget>,
) -> Result<Json<Order>, StatusCode> {
    let _desk = vtpass.desk();
    let mut order = vtpass.order(&request_id).ok_or(StatusCode::NOT_FOUND)?;
    order.forgotten = true;
    vtpass.keep(&order);
    Ok(Json(order))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetOutage {
    code: Option<String>,
    #[serde(default)]
    http_status: Option<u16>,
}

/// Answers every call with a code until it is called with null.
async fn outage(Shared(vtpass): Simulator, Json(body): Json<SetOutage>) -> Json<Value> {
    let SetOutage { code, http_status } = body;
    let answer = json!({ "code": code });
    vtpass.desk().outage = code.map(|code| Outage { code, http_status });
    Json(answer)
}

async fn balance(Shared(vtpass): Simulator) -> Json<Value> {
    Json(json!({ "balance_kobo": vtpass.wallet_kobo() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetBalance {
    balance_kobo: u64,
}

async fn set_balance(Shared(vtpass): Simulator, Json(body): Json<SetBalance>) -> Json<Value> {
    let _desk = vtpass.desk();
    vtpass.set_wallet(body.balance_kobo);
    Json(json!({ "balance_kobo": body.balance_kobo }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariationsUpdate {
    #[serde(rename = "serviceID")]
    service_id: String,
    /// New prices in kobo by variation code; null withdraws the offer.
    #[serde(default)]
    prices: BTreeMap<String, Option<u64>>,
}

/// Changes prices and tells the buyer by webhook.
async fn variations_update(
    Shared(vtpass): Simulator,
    Json(body): Json<VariationsUpdate>,
) -> Result<Json<Value>, StatusCode> {
    let service = Service::find(&body.service_id).ok_or(StatusCode::NOT_FOUND)?;
    {
        let _desk = vtpass.desk();
        for (code, price) in &body.prices {
            vtpass.set_price(service, code, *price);
        }
    }
    let codes = |withdrawn: bool| -> Vec<&String> {
        body.prices.iter().filter(|it| it.1.is_none() == withdrawn).map(|it| it.0).collect()
    };
    let (updated, removed) = (codes(false), codes(true));
    let mut content = vtpass.content(service);
    for list in ["variations", "varations"] {
        content[list] = vtpass.offers(service);
    }
    let payload = json!({
        "type": "variations-update",
        "serviceID": service.id,
        "summary": { "added": 0, "updated": updated.len(), "removed": removed.len() },
        "actionRequired": {
            "added": { "variation_codes": [] },
            "updated": { "variation_codes": updated },
            "removed": { "variation_codes": removed },
        },
        "content": content,
    });
    webhook::fire(&vtpass, payload.clone());
    Ok(Json(payload))
}

/// The webhooks that were sent, newest first.
async fn webhooks(Shared(vtpass): Simulator) -> Json<Vec<Delivery>> {
    Json(webhook::deliveries(&vtpass))
}
