//! A gateway for purchases: buying, scripting the simulated VTpass, and turning the clock until a
//! purchase is answered.

use std::sync::Arc;
use std::time::Duration;

use sandbox::lambda::Entry;
use serde_json::{Value, json};
use shared::config::Vars;
use shared::world::World;

use super::tap::Tap;
use crate::support::{Caller, Gateway, Reply};

/// VTpass's number that is delivered at once.
pub const DELIVERED: &str = "08011111111";
/// A number that VTpass's sandbox refuses.
pub const FAILED: &str = "08031234567";
/// VTpass's number that stays pending for a while.
pub const PENDING: &str = "201000000000";

pub fn airtime(phone: &str) -> Value {
    json!({ "service_id": "mtn", "phone": phone, "amount_kobo": 10_000 })
}

pub fn bundle(phone: &str) -> Value {
    json!({ "service_id": "etisalat-data", "phone": phone, "variation_code": "eti-100" })
}

impl Caller {
    pub async fn buy(&self, key: &str, body: &Value) -> Reply {
        let body = body.to_string().into_bytes();
        self.send("POST", "/purchases", &[("idempotency-key", key)], body).await
    }

    /// Buys and gives the purchase.
    pub async fn bought(&self, key: &str, body: &Value) -> Value {
        let reply = self.buy(key, body).await;
        assert!(matches!(reply.status, 201 | 202), "{} {}", reply.status, reply.text);
        reply.json()["data"].clone()
    }

    pub async fn purchase(&self, id: &str) -> Value {
        self.get(&format!("/purchases/{id}")).await.ok()["data"].clone()
    }

    /// Scripts the next outcomes of the simulated VTpass.
    pub async fn script(&self, scripts: Value) {
        self.control("/next", scripts).await;
    }

    pub async fn control(&self, path: &str, body: Value) {
        let path = format!("/_sandbox/vtpass{path}");
        let reply = self.send_bare("POST", &path, &[], body.to_string().into_bytes()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    /// What the simulated VTpass knows of its orders.
    pub async fn ledger(&self) -> Vec<Value> {
        let path = "/_sandbox/vtpass/ledger";
        let ledger = self.send_bare("GET", path, &[], Vec::new()).await.ok();
        ledger.as_array().unwrap().clone()
    }

    pub async fn order(&self, request_id: &str) -> Option<Value> {
        self.ledger().await.into_iter().find(|order| order["request_id"] == request_id)
    }
}

/// Fields of a JSON object as text.
pub fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

impl Gateway {
    /// A gateway whose requery runs only when a test drives it.
    pub async fn undriven() -> Self {
        Self::with_options(&[], |mut options| {
            let trigger = "BatchSize: 10\n";
            assert!(options.template.contains(trigger));
            let disabled = "BatchSize: 10\n            Enabled: false\n";
            options.template = options.template.replace(trigger, disabled);
            let schedule = "ScheduleExpression: rate(7 days)\n";
            assert!(options.template.contains(schedule));
            let disabled = format!("{schedule}      State: DISABLED\n");
            options.template = options.template.replace(schedule, &disabled);
            options
        })
        .await
    }

    /// Turns the clock, a step at a time, until the purchase is no longer open.
    pub async fn until_answered(&self, id: &str, step: Duration) -> String {
        let caller = self.caller();
        for _ in 0..400 {
            let purchase = caller.purchase(id).await;
            let state = field(&purchase, "state").to_owned();
            if !matches!(state.as_str(), "submitted" | "pending") {
                return state;
            }
            self.clock.turn(step);
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        panic!("{id} is never answered");
    }

    /// Waits, without turning the clock, until a purchase is in a state.
    pub async fn until_state(&self, id: &str, wanted: &str) {
        let caller = self.caller();
        for _ in 0..400 {
            if field(&caller.purchase(id).await, "state") == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{id} never becomes {wanted}: {}", caller.purchase(id).await);
    }

    /// A purchase as stored, with its history.
    pub async fn stored(&self, id: &str) -> shared::purchase::Purchase {
        self.purchases().by_id(id).await.unwrap().expect("the purchase is stored")
    }

    /// The purchases table.
    pub fn purchases(&self) -> shared::store::Purchases {
        let spec = self.sandbox.stack.functions.iter().find(|it| it.name == "requery").unwrap();
        let vars = spec.environment(&self.sandbox.lambda_vars);
        shared::store::Purchases::from_vars(&vars, &self.dynamodb()).unwrap()
    }

    /// A function of the template, built anew with every call going through `tap`.
    pub async fn tapped(&self, function: &str, tap: &Arc<Tap>) -> Entry {
        let spec = self.sandbox.stack.functions.iter().find(|it| it.name == function).unwrap();
        let mut all = spec.variables.clone();
        all.extend(self.sandbox.lambda_vars.clone());
        for name in [
            "AWS_ENDPOINT_URL_DYNAMODB",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            "AWS_ENDPOINT_URL_SQS",
        ] {
            let tapped = tap.before(&all[name], name.ends_with("DYNAMODB")).await;
            all.insert(name.to_owned(), tapped);
        }
        if let Some(url) = all.get("MTN_BASE_URL").cloned() {
            all.insert("MTN_BASE_URL".to_owned(), tap.before(&url, false).await);
        }
        if let Some(url) = all.get("VTPASS_BASE_URL") {
            let vtpass = url.trim_end_matches("/api").to_owned();
            let tapped = format!("{}/api", tap.before(&vtpass, false).await);
            all.insert("VTPASS_BASE_URL".to_owned(), tapped);
        }
        let vars: Vars = all.into_iter().collect();
        let world = World { clock: self.clock.clock(), ..World::real() };
        sandbox::functions::registry()[function](vars, world).await.unwrap()
    }

    fn sqs(&self) -> aws_sdk_sqs::Client {
        let vars = self.sandbox.lambda_vars.clone().into_iter().collect();
        shared::aws::sqs(&vars, &World::real()).unwrap()
    }

    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/000000000000/{name}", self.sandbox.sqs_url)
    }

    /// The messages of a queue that are due, as an event and with their receipts.
    pub async fn receive(&self, queue: &str) -> Vec<(Value, String)> {
        let receive = self.sqs().receive_message().queue_url(self.queue_url(queue));
        let answer = receive.max_number_of_messages(10).send().await.unwrap();
        let record = |message: aws_sdk_sqs::types::Message| {
            let record = json!({ "messageId": message.message_id, "body": message.body });
            (record, message.receipt_handle.unwrap())
        };
        answer.messages.unwrap_or_default().into_iter().map(record).collect()
    }

    pub async fn delete(&self, queue: &str, receipt: &str) {
        let delete = self.sqs().delete_message().queue_url(self.queue_url(queue));
        delete.receipt_handle(receipt).send().await.unwrap();
    }

    /// Sends a body to the requery queue, as it is.
    pub async fn send_raw(&self, body: &str) {
        let send = self.sqs().send_message().queue_url(self.queue_url("RequeryQueue"));
        send.message_body(body).send().await.unwrap();
    }

    /// How many messages a queue holds: visible, in flight and delayed.
    pub async fn messages(&self, queue: &str) -> usize {
        let get = self.sqs().get_queue_attributes().queue_url(self.queue_url(queue));
        let answer = get.attribute_names("All".into()).send().await.unwrap();
        let attributes = answer.attributes.unwrap();
        ["", "NotVisible", "Delayed"]
            .iter()
            .map(|kind| format!("ApproximateNumberOfMessages{kind}"))
            .map(|name| attributes[&name.as_str().into()].parse::<usize>().unwrap())
            .sum()
    }

    /// Hands everything that is due to `entry`, as the trigger would.
    pub async fn drive(&self, entry: &Entry) {
        loop {
            let batch = self.receive("RequeryQueue").await;
            if batch.is_empty() {
                return;
            }
            for (record, receipt) in batch {
                let event = json!({ "Records": [record] }).to_string();
                let report = entry(event, lambda_runtime::Context::default()).await.unwrap();
                if report["batchItemFailures"].as_array().unwrap().is_empty() {
                    self.delete("RequeryQueue", &receipt).await;
                }
            }
        }
    }

    /// Turns the clock and drives until the purchase is answered.
    pub async fn drive_until_answered(&self, entry: &Entry, id: &str, step: Duration) -> String {
        for _ in 0..400 {
            self.drive(entry).await;
            let purchase = self.caller().purchase(id).await;
            let state = field(&purchase, "state").to_owned();
            if !matches!(state.as_str(), "submitted" | "pending") {
                return state;
            }
            self.clock.turn(step);
        }
        panic!("{id} is never answered");
    }
}

pub const MINUTE: Duration = Duration::from_secs(60);
