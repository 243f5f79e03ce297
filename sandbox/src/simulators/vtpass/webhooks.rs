//! VTpass's webhooks (*Callback API integration*): they are unsigned and sent up to five times,
//! until the one accepted answer comes.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::platform::environment::Environment;

use super::order::{ApiCall, Order, OrderState};
use super::simulator::VtpassSimulator;
use crate::simulators::http::post_json;

/// What became of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its `type`.
    pub kind: String,
    /// The order it is about.
    pub request_id: Option<String>,
    /// How often it was sent.
    pub tries: usize,
    /// Whether it got the accepted answer.
    pub accepted: bool,
}

const WEBHOOKS: &str = "vtpass-webhooks";
/// The wait before each attempt.
const WAITS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1_600),
];
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a webhook in the background, if it has a URL.
pub(super) fn send(vtpass: &Arc<VtpassSimulator>, payload: Value) {
    if vtpass.webhook_url.is_some() {
        tokio::spawn(deliver(vtpass.clone(), payload));
    }
}

impl VtpassSimulator {
    /// Changes an order's state as VTpass's staff would, and reports it by webhook if asked to. None
    /// for an unknown order.
    pub fn resolve(
        self: &Arc<Self>,
        request_id: &str,
        state: OrderState,
        webhook: bool,
    ) -> Option<Order> {
        let (order, changed) = {
            let _lock = self.controls();
            let mut order = self.order(request_id)?;
            let changed = order.state != state;
            self.settle(&mut order, state);
            self.save(&order);
            (order, changed)
        };
        if changed && webhook {
            self.report(&order);
        }
        Some(order)
    }

    /// Sends a webhook about an order as it is now.
    pub fn report(self: &Arc<Self>, order: &Order) {
        let data = order.answer(ApiCall::Requery, self.environment.clock.now());
        send(self, json!({ "type": "transaction-update", "data": data }));
    }
}

/// All webhooks, newest first.
pub fn deliveries(vtpass: &VtpassSimulator) -> Vec<Delivery> {
    vtpass.ledger.all(WEBHOOKS)
}

async fn deliver(vtpass: Arc<VtpassSimulator>, payload: Value) {
    let Some(url) = &vtpass.webhook_url else { return };
    let key = vtpass.environment.random.id();
    let mut delivery = Delivery {
        kind: payload["type"].as_str().unwrap_or_default().to_owned(),
        request_id: payload.pointer("/data/requestId").and_then(Value::as_str).map(str::to_owned),
        tries: 0,
        accepted: false,
    };
    for wait in WAITS {
        tokio::time::sleep(wait).await;
        delivery.tries += 1;
        delivery.accepted = accepted(&vtpass.environment, url, &payload).await;
        vtpass.ledger.put(WEBHOOKS, &key, &delivery);
        if delivery.accepted {
            break;
        }
    }
}

async fn accepted(environment: &Environment, url: &str, payload: &Value) -> bool {
    let response = post_json(environment, url, None, payload.to_string(), TIMEOUT).await;
    response.is_some_and(|(status, body)| {
        let body: Option<Value> = serde_json::from_slice(&body).ok();
        status.is_success() && body == Some(json!({ "response": "success" }))
    })
}
