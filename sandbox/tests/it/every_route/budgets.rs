//! What each flow may cost: calls, units and bytes. A change that makes a flow dearer fails here, and one
//! that makes it cheaper has to lower the budget.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};

use crate::functions::purchase::guard::guarded;
use crate::support::purchases::{DELIVERED, PENDING, airtime, bundle};
use crate::support::spent::Spent;
use crate::support::tap::{Tap, context};
use crate::support::{Gateway, KEY, event};

/// A flow, with reads, writes, sends and calls to providers; read and write units; and at most so many
/// bytes to and from AWS.
type Budget = (&'static str, [usize; 4], [f64; 2], usize);

/// The request path first, then what follows behind the queues. MTN's call for a token is among the calls
/// to providers.
const BUDGETS: [Budget; 21] = [
    ("authorizer", [1, 0, 0, 0], [1.0, 0.0], 500),
    ("auth", [0, 4, 0, 1], [0.0, 4.0], 4_600),
    ("verify", [0, 3, 0, 1], [0.0, 5.0], 2_100),
    ("exchange", [1, 3, 1, 1], [1.0, 5.0], 3_400),
    ("read of Mono", [1, 2, 0, 1], [1.0, 3.0], 3_000),
    ("question to MTN, answered at once", [1, 4, 2, 2], [1.0, 6.0], 6_400),
    ("unlink", [3, 4, 2, 1], [2.5, 5.0], 5_900),
    ("airtime, delivered at once", [2, 4, 2, 1], [1.5, 10.0], 7_350),
    ("bundle, delivered at once", [3, 4, 2, 1], [2.5, 10.0], 8_250),
    ("airtime, pending", [2, 4, 1, 1], [1.5, 9.0], 7_050),
    ("repeat of a purchase", [2, 0, 0, 0], [1.5, 0.0], 1_850),
    ("one purchase", [1, 2, 0, 0], [1.0, 2.0], 3_100),
    ("list of purchases", [2, 2, 0, 0], [3.5, 2.0], 6_500),
    ("list of one state", [3, 2, 0, 0], [2.5, 2.0], 4_300),
    ("list of one number", [2, 2, 0, 0], [1.5, 2.0], 4_000),
    ("webhook of VTpass", [1, 1, 1, 0], [1.0, 1.0], 3_250),
    ("first requery, still pending", [1, 1, 1, 1], [1.0, 4.0], 4_250),
    ("requery of a settled purchase", [1, 0, 0, 0], [1.0, 0.0], 1_350),
    ("event, without a webhook", [2, 1, 0, 0], [2.0, 2.0], 2_650),
    ("reconcile, with nothing to do", [20, 2, 0, 0], [10.5, 2.0], 7_650),
    ("books, with nothing to close or tell", [4, 1, 0, 1], [14.0, 1.0], 6_000),
];

/// Runs flows and notes what each costs.
struct Meter {
    gateway: Gateway,
    entries: BTreeMap<&'static str, (Arc<Tap>, Entry)>,
    spent: BTreeMap<&'static str, Spent>,
}

impl Meter {
    async fn start() -> Self {
        let (gateway, _) = guarded().await;
        Self { gateway, entries: BTreeMap::new(), spent: BTreeMap::new() }
    }

    /// Gives the function an event, and notes the costs under the flow's name.
    async fn run(&mut self, flow: &'static str, function: &'static str, event: &str) -> Value {
        if !self.entries.contains_key(function) {
            let tap = Arc::new(Tap::default());
            let entry = self.gateway.tapped_with_mono(function, &tap).await;
            self.entries.insert(function, (tap, entry));
        }
        let (tap, entry) = &self.entries[function];
        tap.count_costs();
        let answer = entry(event.to_owned(), context()).await.unwrap();
        self.spent.insert(flow, tap.spent());
        answer
    }

    /// The same for a request of the first tenant, which must succeed.
    async fn ask(
        &mut self,
        flow: &'static str,
        function: &'static str,
        route: &str,
        (id, headers): (&str, Value),
        body: Value,
    ) -> Value {
        let path = ["id", "purchase_id"].map(|name| (name, id));
        let event = event(KEY, route, &path, &body.to_string());
        let mut event: Value = serde_json::from_str(&event).unwrap();
        event["headers"] = headers;
        let answer = self.run(flow, function, &event.to_string()).await;
        assert!(answer["statusCode"].as_u64() < Some(300), "{flow}: {answer}");
        serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
    }

    /// The same for the one message that is due in a queue.
    async fn message(&mut self, flow: &'static str, function: &'static str, queue: &str) {
        let mut due = self.gateway.receive(queue).await;
        assert_eq!(due.len(), 1, "{flow}: messages in {queue}");
        let (record, receipt) = due.remove(0);
        let report = self.run(flow, function, &json!({ "Records": [record] }).to_string()).await;
        assert_eq!(report["batchItemFailures"], json!([]), "{flow}");
        self.gateway.delete(queue, &receipt).await;
    }

    async fn buy(&mut self, flow: &'static str, key: &str, body: Value) -> Value {
        let with = ("", json!({ "idempotency-key": key }));
        self.ask(flow, "purchase", "POST /purchases", with, body).await["data"].take()
    }
}

fn plain(id: &str) -> (&str, Value) {
    (id, json!({}))
}

/// A customer gives access, is read and asked about, and takes the access back.
async fn consents(meter: &mut Meter) {
    let (caller, phone) = (meter.gateway.caller(), "08031234567");
    meter.run("authorizer", "authorizer", &json!({ "identitySource": [KEY] }).to_string()).await;
    let body = json!({ "phone": phone, "provider": "mtn" });
    let auth = meter.ask("auth", "auth", "POST /v2/telecom/auth", plain(""), body).await;
    let session = ("", json!({ "x-session-id": auth["data"]["session_id"] }));
    let otp = json!({ "otp": caller.otp(phone).await });
    let code = meter.ask("verify", "verify", "POST /v2/telecom/verify", session, otp).await;
    let route = "POST /account/auth";
    let account = meter.ask("exchange", "exchange", route, plain(""), code["data"].clone()).await;
    let id = account["id"].as_str().unwrap();
    let read = "GET /accounts/{id}";
    meter.ask("read of Mono", "fetch-data", read, plain(id), json!({})).await;
    let (flow, route) = ("question to MTN, answered at once", "GET /accounts/{id}/mtn/balance");
    meter.ask(flow, "fetch-data", route, plain(id), json!({})).await;
    let route = "POST /accounts/{id}/unlink";
    meter.ask("unlink", "consent", route, plain(id), json!({})).await;
    for queue in ["FollowUpQueue", "NotifyQueue"] {
        meter.gateway.empty(queue).await;
    }
}

/// Orders that are delivered at once or later, and looked at.
async fn purchases(meter: &mut Meter) {
    let none = || json!({});
    // The catalogue is in the cache afterwards.
    meter.buy("bundle, delivered at once", "cold", bundle(DELIVERED)).await;
    meter.buy("bundle, delivered at once", "warm", bundle(DELIVERED)).await;
    for queue in ["RequeryQueue", "NotifyQueue"] {
        meter.gateway.empty(queue).await;
    }
    let bought = meter.buy("airtime, delivered at once", "airtime", airtime(DELIVERED)).await;
    meter.buy("repeat of a purchase", "airtime", airtime(DELIVERED)).await;
    let id = bought["purchase_id"].as_str().unwrap();
    let route = "GET /purchases/{purchase_id}";
    meter.ask("one purchase", "purchase", route, plain(id), none()).await;
    meter.ask("list of purchases", "purchase", "GET /purchases", plain(""), none()).await;
    let update = json!({ "type": "transaction-update",
                         "data": { "requestId": bought["request_id"] } });
    let route = "POST /callbacks/vtpass";
    meter.ask("webhook of VTpass", "vtpass-callback", route, plain(""), update).await;
    meter.gateway.empty("FollowUpQueue").await;
    meter.gateway.clock.turn(Duration::from_secs(1));
    meter.message("event, without a webhook", "notify", "NotifyQueue").await;
    meter.gateway.clock.turn(Duration::from_secs(60));
    meter.message("requery of a settled purchase", "requery", "RequeryQueue").await;
    meter.buy("airtime, pending", "pending", airtime(PENDING)).await;
    meter.gateway.clock.turn(Duration::from_secs(60));
    meter.message("first requery, still pending", "requery", "RequeryQueue").await;
    for (flow, query) in [
        ("list of one state", "state=pending".to_owned()),
        ("list of one number", format!("phone={PENDING}")),
    ] {
        let mut list: Value = serde_json::from_str(&event(KEY, "GET /purchases", &[], "")).unwrap();
        list["rawQueryString"] = json!(query);
        let answer = meter.run(flow, "purchase", &list.to_string()).await;
        let answer: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(answer["data"].as_array().map(Vec::len), Some(1), "{flow}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_flow_costs_more_than_its_budget() {
    let mut meter = Meter::start().await;
    // It also completes the index by state.
    meter.run("reconcile, with nothing to do", "reconcile", "{}").await;
    for _ in 0..2 {
        // The first run closes the day before.
        meter.run("books, with nothing to close or tell", "books", "{}").await;
    }
    consents(&mut meter).await;
    purchases(&mut meter).await;
    assert_eq!(meter.spent.len(), BUDGETS.len());
    for (flow, calls, units, bytes) in BUDGETS {
        let spent = meter.spent[flow];
        let made = [spent.reads, spent.writes, spent.sends, spent.upstream];
        assert_eq!((made, [spent.read_units, spent.write_units]), (calls, units), "{flow}");
        assert!(spent.bytes <= bytes, "{flow}: {} bytes", spent.bytes);
    }
}
