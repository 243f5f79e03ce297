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
        match answer {
            ScriptedAnswer::Lost => {}
            ScriptedAnswer::Held => self.controls().held.push(callback),
            ScriptedAnswer::Before => self.deliver_all(&[callback]).await,
            _ => {
                tokio::spawn(self.clone().deliver_later(answer, callback));
            }
        }
    }

    async fn deliver_later(self: Arc<Self>, answer: ScriptedAnswer, callback: Callback) {
        if answer == ScriptedAnswer::Eventually {
            tokio::time::sleep(self.delay).await;
        }
        let callbacks = match answer {
            ScriptedAnswer::Duplicate => vec![callback.clone(), callback],
            ScriptedAnswer::Conflicting => vec![callback.clone(), callback.contradiction()],
            _ => vec![callback],
        };
        self.deliver_all(&callbacks).await;
    }

    async fn deliver_all(&self, callbacks: &[Callback]) {
        for callback in callbacks {
            self.deliver(callback).await;
        }
    }

    /// Sends a callback and records what became of it; does nothing if it has no URL.
    pub(super) async fn deliver(&self, callback: &Callback) -> Option<Delivery> {
        let url = callback.url.as_deref()?;
        let status = self.post(url, callback.body.to_string()).await;
        let delivery = Delivery { operation: callback.operation, status };
        self.ledger.put(CALLBACKS, &self.environment.random.id(), &delivery);
        Some(delivery)
    }

    /// Posts a body; gives the HTTP status of the response.
    pub(super) async fn post(&self, url: &str, body: String) -> Option<u16> {
        let response = post_json(&self.environment, url, None, body, TIMEOUT).await;
        response.map(|(status, _)| status.as_u16())
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
