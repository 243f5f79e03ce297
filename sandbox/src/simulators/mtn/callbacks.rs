//! Sends answers by callback: once, to the URL that the question named.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::operations::Operation;
use super::script::ScriptedAnswer;
use super::simulator::{Callback, MtnSimulator};
use crate::simulators::http::post_json;

/// What became of a callback.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    /// The operation it answers.
    pub operation: Operation,
    /// The HTTP status of the response, if there was one.
    pub status: Option<u16>,
}

const CALLBACKS: &str = "mtn_callbacks";
/// How late a callback is sent if no script says otherwise: long enough to be noticed, short
/// enough to be waited for.
const DELAY: Duration = Duration::from_millis(1_500);
const TIMEOUT: Duration = Duration::from_secs(30);

impl MtnSimulator {
    /// The callbacks that were sent, in order.
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        let mut deliveries: Vec<Delivery> = self.ledger.all(CALLBACKS);
        deliveries.reverse();
        deliveries
    }

    /// Sends or holds a callback as the script says. What must be sent after the answer is sent in
    /// the background.
    pub(super) async fn call_back(self: &Arc<Self>, answer: ScriptedAnswer, callback: Callback) {
        let callbacks = match answer {
            ScriptedAnswer::Lost => return,
            ScriptedAnswer::Held => return self.controls().held.push(callback),
            ScriptedAnswer::Before => {
                self.deliver(&callback).await;
                return;
            }
            ScriptedAnswer::Duplicate => vec![callback.clone(), callback],
            ScriptedAnswer::Conflicting => vec![callback.clone(), callback.contradiction()],
            _ => vec![callback],
        };
        let delay = if answer == ScriptedAnswer::Eventually { DELAY } else { Duration::ZERO };
        let mtn = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            for callback in callbacks {
                mtn.deliver(&callback).await;
            }
        });
    }

    /// Sends the held callbacks, in order.
    pub async fn deliver_held(&self) -> Vec<Delivery> {
        let held = std::mem::take(&mut self.controls().held);
        let mut deliveries = Vec::new();
        for callback in held {
            deliveries.extend(self.deliver(&callback).await);
        }
        deliveries
    }

    /// Sends a callback and records what became of it; does nothing if it has no URL.
    pub(super) async fn deliver(&self, callback: &Callback) -> Option<Delivery> {
        let url = callback.url.as_deref()?;
        let body = callback.body.to_string();
        let response = post_json(&self.environment, url, None, body, TIMEOUT).await;
        let status = response.map(|(status, _)| status.as_u16());
        let delivery = Delivery { operation: callback.operation, status };
        self.ledger.put(CALLBACKS, &self.environment.random.id(), &delivery);
        Some(delivery)
    }
}

impl Callback {
    /// The same callback with different data.
    fn contradiction(mut self) -> Self {
        let body = &mut self.body;
        match self.operation {
            Operation::Balance => body["mainBalance"][0]["amount"] = json!("0.01"),
            Operation::Recharges => body["data"]["usage"] = json!([]),
            _ => body["data"]["summary"] = json!([]),
        }
        self
    }
}
