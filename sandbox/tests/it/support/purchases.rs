//! Buys, scripts the simulated VTpass, drives the requery queue, and turns the clock until a
//! purchase is answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sandbox::Options;
use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};
use shared::domain::ids::PurchaseId;
use shared::platform::crypto::hashed;
use shared::platform::environment::Environment;

use super::tap::Tap;
use crate::support::{Caller, Gateway, KEY, Reply, event, tenant_of};

/// VTpass's number that is delivered at once.
pub const DELIVERED: &str = "08011111111";
/// A number that VTpass's sandbox refuses.
pub const FAILED: &str = "08031234567";
/// VTpass's number that stays pending for a while.
pub const PENDING: &str = "201000000000";

/// The variables of the services whose calls are tapped, with the path at the end of their URLs.
const TAPPED: [(&str, &str); 5] = [
    ("AWS_ENDPOINT_URL_DYNAMODB", ""),
    ("AWS_ENDPOINT_URL_SECRETS_MANAGER", ""),
    ("AWS_ENDPOINT_URL_SQS", ""),
    ("MTN_BASE_URL", ""),
    ("VTPASS_BASE_URL", "/api"),
];

pub fn airtime(phone: &str) -> Value {
    json!({ "service_id": "mtn", "phone": phone, "amount_kobo": 10_000 })
}

pub fn bundle(phone: &str) -> Value {
    json!({ "service_id": "etisalat-data", "phone": phone, "variation_code": "eti-100" })
}

/// The event of a `POST /purchases` of the first tenant.
pub fn purchase_event(key: &str, body: &Value) -> String {
    let event = event(KEY, "POST /purchases", &[], &body.to_string());
    let mut event: Value = serde_json::from_str(&event).unwrap();
    event["headers"]["idempotency-key"] = json!(key);
    event.to_string()
}

/// A purchase's id as the store takes it.
pub fn purchase_id(id: &str) -> PurchaseId {
    PurchaseId::parse(id).expect("the id of a purchase")
}

/// The id of a purchase of the first tenant.
pub fn id_of(key: &str) -> String {
    let tenant = shared::domain::ids::TenantId::parse(&tenant_of(KEY)).unwrap();
    shared::domain::purchase::Purchase::id(&tenant, key).to_string()
}

/// Waits until something holds, for half a minute on a busy machine.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it never happens: {what}");
}

/// A purchase as the list, an order and an event show it.
pub fn without_history(mut purchase: Value) -> Value {
    for field in ["history", "next_check_at"] {
        purchase.as_object_mut().unwrap().remove(field).expect("only one purchase has it");
    }
    purchase
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

    /// Follows `next` from a first page to the end and gives the ids in order.
    pub async fn listed(&self, first: &str) -> Vec<String> {
        let (mut ids, mut url) = (Vec::new(), Some(first.to_owned()));
        let limit = first.split_once("limit=").map_or("20", |(_, rest)| rest);
        let limit: usize = limit.split('&').next().unwrap().parse().unwrap();
        while let Some(page) = url {
            let page = self.get(&page).await.ok();
            assert_eq!(page["status"], "successful");
            let data = page["data"].as_array().unwrap();
            assert!(data.len() <= limit, "{} on a page of {limit}", data.len());
            for purchase in data {
                let id = field(purchase, "purchase_id").to_owned();
                assert!(!ids.contains(&id), "{id} is listed twice");
                ids.push(id);
            }
            url = page["paging"]["next"].as_str().map(str::to_owned);
            assert!(url.iter().all(|next| next.starts_with(&self.base_url)), "{url:?}");
        }
        ids
    }

    /// Scripts the next outcomes of the simulated VTpass.
    pub async fn script(&self, scripts: Value) {
        self.control("/next", scripts).await;
    }

    /// Buys what VTpass works on for ever.
    pub async fn bought_stuck(&self, key: &str) -> Value {
        let script =
            json!({ "call": "pay", "code": "099", "status": "pending", "asks": 1_000_000 });
        self.script(json!([script])).await;
        let bought = self.bought(key, &airtime(FAILED)).await;
        assert_eq!(field(&bought, "state"), "pending");
        bought
    }

    pub async fn control(&self, path: &str, body: Value) {
        self.console("POST", &format!("vtpass{path}"), &body).await;
    }

    /// What the simulated VTpass knows of its orders.
    pub async fn ledger(&self) -> Vec<Value> {
        self.console("GET", "vtpass/ledger", &Value::Null).await.as_array().unwrap().clone()
    }

    pub async fn order(&self, request_id: &str) -> Option<Value> {
        self.ledger().await.into_iter().find(|order| order["request_id"] == request_id)
    }
}

/// A text field of a JSON object.
pub fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

impl Gateway {
    /// A gateway whose requery and reconcile run only when a test drives them.
    pub async fn undriven() -> Self {
        Self::undriven_with(&[]).await
    }

    /// The same with more variables.
    pub async fn undriven_with(vars: &[(&str, &str)]) -> Self {
        Self::with_options(vars, |mut options| {
            for (trigger, count) in [("BatchSize: 10\n", 3), ("BatchSize: 1\n", 1)] {
                assert_eq!(options.template.matches(trigger).count(), count);
                let disabled = format!("{trigger}            Enabled: false\n");
                options.template = options.template.replace(trigger, &disabled);
            }
            without_schedule(options)
        })
        .await
    }

    /// A gateway whose reconcile runs only when a test drives it.
    pub async fn without_schedule() -> Self {
        Self::with_options(&[], without_schedule).await
    }

    /// The same, and a client with the first key.
    pub async fn undriven_with_caller() -> (Self, Caller) {
        let gateway = Self::undriven().await;
        let caller = gateway.caller();
        (gateway, caller)
    }

    /// The state of a purchase that is no longer open.
    async fn answered(&self, id: &str) -> Option<String> {
        let state = field(&self.caller().purchase(id).await, "state").to_owned();
        (!matches!(state.as_str(), "submitted" | "pending")).then_some(state)
    }

    /// Turns the clock, a step at a time, until the purchase is no longer open.
    pub async fn until_answered(&self, id: &str, step: Duration) -> String {
        self.turn_until(step, Duration::from_millis(40), async || self.answered(id).await).await
    }

    /// Waits, without turning the clock, until a purchase is in a state.
    pub async fn until_state(&self, id: &str, wanted: &str) {
        let caller = self.caller();
        until(wanted, async || field(&caller.purchase(id).await, "state") == wanted).await;
    }

    /// A purchase as stored, with its history.
    pub async fn stored(&self, id: &str) -> shared::domain::purchase::Purchase {
        self.purchases().by_id(&purchase_id(id)).await.unwrap().expect("the purchase is stored")
    }

    /// The purchases table.
    pub fn purchases(&self) -> shared::store::Purchases {
        let vars = self.vars_of("requery");
        shared::store::Purchases::from_vars(&vars, &self.dynamodb()).unwrap()
    }

    /// Where changes are announced.
    pub fn outbox(&self) -> shared::store::Outbox {
        shared::store::Outbox::from_vars(&self.vars_of("requery"), &Environment::real()).unwrap()
    }

    /// A function of the template behind a tap of its own.
    pub async fn with_tap(&self, function: &str) -> (Arc<Tap>, Entry) {
        let tap = Arc::new(Tap::default());
        let entry = self.tapped(function, &tap).await;
        (tap, entry)
    }

    /// A function of the template, built anew with every call but Mono's going through `tap`.
    pub async fn tapped(&self, function: &str, tap: &Arc<Tap>) -> Entry {
        self.tapped_at(function, tap, &TAPPED).await
    }

    /// The same, with the calls to Mono.
    pub async fn tapped_with_mono(&self, function: &str, tap: &Arc<Tap>) -> Entry {
        self.tapped_at(function, tap, &[&TAPPED[..], &[("MONO_BASE_URL", "")]].concat()).await
    }

    async fn tapped_at(&self, function: &str, tap: &Arc<Tap>, names: &[(&str, &str)]) -> Entry {
        let mut all = self.variables_of(function);
        for (name, path) in names {
            let Some(url) = all.get_mut(*name) else { continue };
            let server = url.trim_end_matches(path);
            *url = format!("{}{path}", tap.before(server, name.ends_with("DYNAMODB")).await);
        }
        let start = &sandbox::functions::registry()[function];
        start(all.into_iter().collect(), self.environment()).await.unwrap()
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let vars = self.sandbox.lambda_vars.clone().into_iter().collect();
        shared::platform::aws::sqs(&vars, &Environment::real()).unwrap()
    }

    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/000000000000/{name}", self.sandbox.sqs_url)
    }

    /// The messages of a queue that are due, as an event and with their receipts.
    pub async fn receive(&self, queue: &str) -> Vec<(Value, String)> {
        let receive = self.sqs().receive_message().queue_url(self.queue_url(queue));
        let receive = receive.message_system_attribute_names("ApproximateReceiveCount".into());
        let answer = receive.max_number_of_messages(10).send().await.unwrap();
        let record = |message: aws_sdk_sqs::types::Message| {
            let known = message.attributes.unwrap_or_default().into_iter();
            let attributes: BTreeMap<String, String> =
                known.map(|(name, value)| (name.to_string(), value)).collect();
            let record = json!({ "messageId": message.message_id, "body": message.body,
                                 "attributes": attributes });
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

    /// How many jobs wait in both queues.
    pub async fn jobs(&self) -> usize {
        self.messages("RequeryQueue").await + self.messages("FollowUpQueue").await
    }

    /// Loses every message of a queue.
    pub async fn empty(&self, queue: &str) {
        // A message that waits can be received once its delay is over.
        self.clock.turn(Duration::from_secs(900));
        loop {
            let batch = self.receive(queue).await;
            if batch.is_empty() {
                return;
            }
            for (_, receipt) in batch {
                self.delete(queue, &receipt).await;
            }
        }
    }

    /// Runs reconcile once, and gives its counts.
    pub async fn reconcile(&self) -> Value {
        self.sandbox.functions["reconcile"].invoke(&json!({})).await.expect("reconcile runs")
    }

    /// How many messages a queue holds: visible, in flight and delayed.
    pub async fn counts(&self, queue: &str) -> [usize; 3] {
        let get = self.sqs().get_queue_attributes().queue_url(self.queue_url(queue));
        let answer = get.attribute_names("All".into()).send().await.unwrap();
        let attributes = answer.attributes.unwrap();
        ["", "NotVisible", "Delayed"].map(|kind| {
            let name = format!("ApproximateNumberOfMessages{kind}");
            attributes[&name.as_str().into()].parse().unwrap()
        })
    }

    /// How many messages a queue holds in all.
    pub async fn messages(&self, queue: &str) -> usize {
        self.counts(queue).await.iter().sum()
    }

    /// Waits until a queue holds so many messages.
    pub async fn until_messages(&self, queue: &str, count: usize) {
        until(queue, async || self.messages(queue).await == count).await;
    }

    /// Hands everything that is due in both queues to `entry`, as the triggers would.
    pub async fn drive(&self, entry: &Entry) {
        for queue in ["FollowUpQueue", "RequeryQueue"] {
            self.drive_queue(queue, entry).await;
        }
    }

    /// The same for one queue.
    pub async fn drive_queue(&self, queue: &str, entry: &Entry) {
        loop {
            let batch = self.receive(queue).await;
            if batch.is_empty() {
                return;
            }
            for (record, receipt) in batch {
                let event = json!({ "Records": [record] }).to_string();
                let report = entry(event, lambda_runtime::Context::default()).await.unwrap();
                if report["batchItemFailures"].as_array().unwrap().is_empty() {
                    self.delete(queue, &receipt).await;
                }
            }
        }
    }

    /// Turns the clock and drives until the purchase is answered.
    pub async fn drive_until_answered(&self, entry: &Entry, id: &str, step: Duration) -> String {
        let find = async || {
            self.drive(entry).await;
            self.answered(id).await
        };
        self.turn_until(step, Duration::ZERO, find).await
    }
}

fn without_schedule(mut options: Options) -> Options {
    for rate in ["!Ref ReconcileRate", "rate(15 minutes)"] {
        let schedule = format!("ScheduleExpression: {rate}\n");
        assert!(options.template.contains(&schedule));
        let disabled = format!("{schedule}      State: DISABLED\n");
        options.template = options.template.replace(&schedule, &disabled);
    }
    options
}

pub const MINUTE: Duration = Duration::from_secs(60);

impl Gateway {
    /// Gives a stored purchase a state that no version knows.
    pub async fn spoil(&self, id: &str) {
        self.set_state(id, "of_tomorrow").await;
    }

    /// Writes the kind of a stored key. This version cannot read `of_tomorrow`.
    pub async fn set_key_kind(&self, key: &str, kind: &str) {
        use aws_sdk_dynamodb::types::AttributeValue::S;
        let table = self.vars_of("books").required("TENANTS_TABLE").unwrap().to_owned();
        let update = self.dynamodb().update_item().table_name(table);
        let update = update.key("key_hash", S(hashed(key))).update_expression("SET kind = :kind");
        let update = update.expression_attribute_values(":kind", S(kind.to_owned()));
        update.send().await.unwrap();
    }

    /// Writes a state into a stored purchase, without any check.
    pub async fn set_state(&self, id: &str, state: &str) {
        use aws_sdk_dynamodb::types::AttributeValue::S;
        let table = self.vars_of("requery").required("PURCHASES_TABLE").unwrap().to_owned();
        let update = self.dynamodb().update_item().table_name(table);
        let update = update.key("purchase_id", S(id.to_owned())).update_expression("SET #s = :s");
        let update = update.expression_attribute_names("#s", "state");
        update.expression_attribute_values(":s", S(state.to_owned())).send().await.unwrap();
    }
}
