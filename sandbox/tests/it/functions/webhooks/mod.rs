//! Webhooks: the endpoints of tenants, and what is sent to them.

mod delivering;
mod endpoints;
mod faults;
pub mod signing;

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};
use shared::domain::time::to_ms;
use time::OffsetDateTime;

use crate::support::purchases::{airtime, field};
use crate::support::{Caller, Gateway, KEY, Provider, Received, Script, tenant_of};

pub const SECOND: Duration = Duration::from_secs(1);
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// A gateway whose queues a test drives, with the functions that tell.
pub struct Teller {
    pub gateway: Gateway,
    pub caller: Caller,
    notify: Entry,
    send: Entry,
}

impl Teller {
    pub async fn start() -> Self {
        let (gateway, caller) = Gateway::undriven_with_caller().await;
        Self::of(gateway, caller).await
    }

    pub async fn of(gateway: Gateway, caller: Caller) -> Self {
        let (_, notify) = gateway.with_tap("notify").await;
        let (_, send) = gateway.with_tap("send-webhook").await;
        Self { gateway, caller, notify, send }
    }

    /// The same at the real time, with which the standard's own library compares.
    pub async fn start_at_the_real_time() -> Self {
        let teller = Self::start().await;
        teller.gateway.clock.set(OffsetDateTime::now_utc());
        teller
    }

    /// Tells everything that is due now or within a second.
    pub async fn tell(&self) {
        self.gateway.clock.turn(SECOND);
        self.gateway.drive_queue("NotifyQueue", &self.notify).await;
        self.send().await;
    }

    /// Sends what is due.
    pub async fn send(&self) {
        self.gateway.drive_queue("WebhookQueue", &self.send).await;
    }

    /// Turns the clock, and sends whatever becomes due on the way.
    pub async fn pass(&self, time: Duration, step: Duration) {
        let end = self.gateway.clock.clock().now() + time;
        while self.gateway.clock.clock().now() < end {
            self.gateway.clock.turn(step);
            self.send().await;
        }
    }

    /// Buys something that is settled at once, and tells.
    pub async fn bought(&self, key: &str, phone: &str) -> String {
        let bought = self.caller.bought(key, &airtime(phone)).await;
        self.tell().await;
        field(&bought, "purchase_id").to_owned()
    }
}

/// A receiver that takes everything.
pub async fn receiver() -> Provider {
    Provider::start(|_| Script::Json(200, json!({}))).await
}

/// A receiver that answers with this status.
pub async fn answering(status: u16) -> Provider {
    Provider::start(move |_| Script::Json(status, json!({}))).await
}

/// The ids of the events that a receiver got, in order.
pub fn ids(receiver: &Provider) -> Vec<String> {
    let id = |it: &Received| it.header("webhook-id").unwrap().to_owned();
    receiver.received().iter().map(id).collect()
}

/// The types of the events that a receiver got, in order.
pub fn types(receiver: &Provider) -> Vec<String> {
    let body = |it: &Received| serde_json::from_str::<Value>(&it.body).unwrap();
    receiver.received().iter().map(|it| field(&body(it), "type").to_owned()).collect()
}

impl Caller {
    /// Adds an endpoint and gives it, with its secret.
    pub async fn endpoint(&self, body: Value) -> Value {
        let made = self.post("/webhook-endpoints", body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["data"].clone()
    }

    pub async fn endpoint_at(&self, receiver: &Provider) -> String {
        field(&self.endpoint(json!({ "url": receiver.url })).await, "id").to_owned()
    }

    /// A call about an endpoint that must succeed.
    pub async fn on_endpoint(&self, method: &str, id: &str, tail: &str, body: Value) -> Value {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let path = format!("/webhook-endpoints/{id}{tail}");
        let reply = self.send(method, &path, &[], body).await;
        assert!(matches!(reply.status, 200 | 202), "{path}: {}", reply.text);
        reply.json()["data"].clone()
    }

    /// What became of each event at an endpoint, newest first.
    pub async fn attempts(&self, id: &str) -> Vec<Value> {
        let all = self.on_endpoint("GET", id, "/attempts?limit=100", Value::Null).await;
        all.as_array().unwrap().clone()
    }

    /// The ids of all events that are kept, newest first.
    pub async fn events_since(&self, since: &str) -> Vec<String> {
        let events = self.get(&format!("/events?limit=100&since={since}")).await.ok();
        events["data"].as_array().unwrap().iter().map(|it| field(it, "id").to_owned()).collect()
    }
}

impl Gateway {
    /// Makes an endpoint one that answered slowly: so many seconds are between its calls, and its next
    /// turn is free at `next`.
    async fn slow_down(&self, id: &str, pace: u64, next: OffsetDateTime) {
        let tenant = tenant_of(KEY);
        let update = self.dynamodb().update_item().table_name("WebhookEndpointsTable");
        let update = update
            .key("tenant", AttributeValue::S(tenant))
            .key("endpoint_id", AttributeValue::S(id.to_owned()))
            .update_expression("SET pace_seconds = :pace, next_turn_ms = :next")
            .expression_attribute_values(":pace", AttributeValue::N(pace.to_string()))
            .expression_attribute_values(":next", AttributeValue::N(to_ms(next).to_string()));
        update.send().await.unwrap();
    }
}
