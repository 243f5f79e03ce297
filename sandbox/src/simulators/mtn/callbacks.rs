//! Answers that come later: posted to the URL that the question named, once and never again.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::MtnSimulator;
use super::contract::Operation;
use super::script::Answer;

/// An answer on its way.
#[derive(Clone)]
pub(super) struct Callback {
    pub(super) operation: Operation,
    /// Nobody is told without one.
    pub(super) url: Option<String>,
    pub(super) body: Value,
}

/// How a callback went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    /// What was asked.
    pub operation: Operation,
    /// The HTTP status it was answered with, if it was.
    pub status: Option<u16>,
}

const CALLBACKS: &str = "mtn_callbacks";
const TIMEOUT: Duration = Duration::from_secs(30);

impl MtnSimulator {
    /// The callbacks that were posted, in order.
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        let mut deliveries: Vec<Delivery> = self.ledger.all(CALLBACKS);
        deliveries.reverse();
        deliveries
    }

    /// Sees to a callback in the given manner. What must come after the answer is left to a task.
    pub(super) async fn call_back(self: &Arc<Self>, manner: Answer, callback: Callback) {
        match manner {
            Answer::Lost => {}
            Answer::Held => self.desk().held.push(callback),
            Answer::Before => self.deliver_all(&[callback]).await,
            _ => {
                tokio::spawn(self.clone().deliver_after(manner, callback));
            }
        }
    }

    async fn deliver_after(self: Arc<Self>, manner: Answer, callback: Callback) {
        if manner == Answer::Eventually {
            tokio::time::sleep(self.delay).await;
        }
        let callbacks = match manner {
            Answer::Duplicate => vec![callback.clone(), callback],
            Answer::Conflicting => vec![callback.clone(), callback.contradiction()],
            _ => vec![callback],
        };
        self.deliver_all(&callbacks).await;
    }

    async fn deliver_all(&self, callbacks: &[Callback]) {
        for callback in callbacks {
            self.deliver(callback).await;
        }
    }

    /// Posts a callback and records how it went; nothing where it has no URL.
    pub(super) async fn deliver(&self, callback: &Callback) -> Option<Delivery> {
        let url = callback.url.as_deref()?;
        let status = self.post(url, callback.body.to_string()).await;
        let delivery = Delivery { operation: callback.operation, status };
        self.ledger.put(CALLBACKS, &self.world.random.id(), &delivery);
        Some(delivery)
    }

    /// The HTTP status that a body was answered with.
    pub(super) async fn post(&self, url: &str, body: String) -> Option<u16> {
        let request = axum::http::Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into_bytes());
        let request = reqwest::Request::try_from(request.ok()?).ok()?;
        let answer = self.world.http.send(request, TIMEOUT).await.ok()?;
        Some(answer.status.as_u16())
    }
}

impl Callback {
    /// The same callback with other data.
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
