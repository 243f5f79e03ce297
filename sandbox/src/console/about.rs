//! `/_sandbox/about` and `/_sandbox/health`: what the sandbox is, and how it stands.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Json;
use serde_json::{Value, json};
use shared::domain::time::to_iso;

use super::answer::{Answer, unavailable};
use super::queues::dead_letters;
use super::state::Console;

/// What a page must know before it can use the gateway.
pub(super) async fn about(State(console): State<Arc<Console>>) -> Json<Value> {
    let stack = &console.stack;
    let keys = console.keys.iter().zip(&console.tenants);
    let keys: Vec<Value> =
        keys.map(|(key, tenant)| json!({ "key": key, "tenant": tenant })).collect();
    let routes = stack.routes.iter().map(|it| format!("{} {}", it.method, it.path));
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "base_url": console.base_url,
        "keys": keys,
        "now": to_iso(console.turner.now()),
        "simulated": console.services.simulators.names(),
        "functions": stack.functions.iter().map(|it| &it.name).collect::<Vec<_>>(),
        "tables": stack.tables.iter().map(|it| &it.name).collect::<Vec<_>>(),
        "queues": stack.queues.iter().map(|it| &it.name).collect::<Vec<_>>(),
        "routes": routes.collect::<Vec<_>>(),
    }))
}

/// The line that is always in view.
pub(super) async fn health(State(console): State<Arc<Console>>) -> Answer {
    let last_activity = console.feed.activity.last();
    let open = match console.orders() {
        Ok(orders) => orders.open_ones(&console.tenants, last_activity).await?,
        Err(_) => Value::Null,
    };
    let counter = console.clone();
    let letters = tokio::task::spawn_blocking(move || dead_letters(&counter)).await;
    let mut health = console.turner.shown();
    health["open"] = open;
    health["last_activity"] = json!(last_activity);
    health["dead_letters"] = json!(letters.map_err(unavailable)??);
    Ok(Json(health))
}
