//! The requery chain: its steps, its deadline, its dead letters, and what it does not believe.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::purchase::{Attempt, State};
use shared::requery::{ChainStep, Message};
use shared::store::Change;

use super::rig::{DELIVERED, FAILED, MINUTE, PENDING, airtime, bundle, field};
use super::tap::Tap;
use crate::support::Gateway;

const QUARTER: Duration = Duration::from_secs(900);

/// A purchase that VTpass works on for ever.
async fn stuck(gateway: &Gateway, key: &str) -> Value {
    let caller = gateway.caller();
    caller
        .script(json!([{ "call": "pay", "code": "099", "status": "pending", "asks": 1_000_000 }]))
        .await;
    let bought = caller.bought(key, &airtime(FAILED)).await;
    assert_eq!(field(&bought, "state"), "pending");
    bought
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_order_is_settled_by_asking() {
    let gateway = Gateway::start().await;
    let bought = gateway.caller().bought("k", &airtime(PENDING)).await;
    let id = field(&bought, "purchase_id");
    assert_eq!(gateway.until_answered(id, MINUTE).await, "delivered");
    let history = gateway.stored(id).await.history;
    let calls: Vec<&str> = history.iter().map(|it| it.call.as_str()).collect();
    assert_eq!(calls, ["pay", "requery", "requery"]);
    assert_eq!((history[0].code.as_str(), history[2].concluded.as_str()), ("099", "delivered"));
    gateway.clock.turn(QUARTER);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(gateway.messages("RequeryQueue").await, 0, "a settled chain ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_failure_and_a_reversal_are_found_out() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    for (key, end) in [("a", "failed"), ("b", "reversed")] {
        let script =
            json!([{ "call": "pay", "code": "099", "status": "pending", "resolves_to": end }]);
        caller.script(script).await;
        let bought = caller.bought(key, &airtime(FAILED)).await;
        let id = field(&bought, "purchase_id");
        assert_eq!(gateway.until_answered(id, MINUTE).await, end);
        assert_eq!(caller.purchase(id).await["safe_to_refund"], true);
        assert_eq!(caller.buy(key, &airtime(FAILED)).await.status, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_deadline_a_person_must_look_and_a_redrive_asks_once() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let bought = stuck(&gateway, "k").await;
    let (id, request_id) = (field(&bought, "purchase_id"), field(&bought, "request_id"));
    assert_eq!(gateway.until_answered(id, QUARTER).await, "needs_review");
    let purchase = caller.purchase(id).await;
    assert_eq!(purchase["safe_to_refund"], false);
    assert!(field(&purchase, "updated_at") >= field(&purchase, "deadline_at"));
    assert_eq!(caller.buy("k", &airtime(FAILED)).await.status, 202);
    until_messages(&gateway, "RequeryDeadLetterQueue", 1).await;
    until_messages(&gateway, "RequeryQueue", 0).await;

    let asked =
        || async { caller.order(request_id).await.unwrap()["requery_calls"].as_u64().unwrap() };
    let before = asked().await;
    gateway.redrive().await;
    until_messages(&gateway, "RequeryDeadLetterQueue", 1).await;
    until_messages(&gateway, "RequeryQueue", 0).await;
    assert_eq!(asked().await, before + 1, "asked once, and gone back");

    caller.script(json!([{ "call": "requery", "resolves_to": "delivered" }])).await;
    gateway.redrive().await;
    gateway.until_state(id, "delivered").await;
    until_messages(&gateway, "RequeryDeadLetterQueue", 0).await;
    let before = asked().await;
    gateway.send_step(id, u32::MAX - 1).await;
    until_messages(&gateway, "RequeryQueue", 0).await;
    assert_eq!(asked().await, before, "redriving a settled one does nothing");
}

async fn until_messages(gateway: &Gateway, queue: &str, count: usize) {
    for _ in 0..400 {
        if gateway.messages(queue).await == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{queue} never holds {count} messages");
}

impl Gateway {
    async fn redrive(&self) {
        for (record, receipt) in self.receive("RequeryDeadLetterQueue").await {
            self.send_raw(record["body"].as_str().unwrap()).await;
            self.delete("RequeryDeadLetterQueue", &receipt).await;
        }
    }

    /// Sends a message of the purchase's own chain at any step.
    async fn send_step(&self, id: &str, step: u32) {
        let purchase = self.stored(id).await;
        let step = ChainStep {
            tenant: purchase.tenant,
            purchase_id: purchase.purchase_id,
            chain: purchase.chain,
            step,
        };
        self.send_raw(&serde_json::to_string(&Message::Purchase(step)).unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_asks_a_person_about_needs_one_at_once() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    caller.script(json!([{ "call": "pay", "code": "044" }])).await;
    let bought = caller.bought("k", &airtime(FAILED)).await;
    assert_eq!(field(&bought, "state"), "needs_review");
    assert_eq!(bought["safe_to_refund"], false);
    // The chain's first message still asks, and settles it.
    gateway.clock.turn(MINUTE);
    gateway.until_state(field(&bought, "purchase_id"), "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_and_strangers_start_no_second_chain() {
    let gateway = Gateway::undriven().await;
    let tap = Arc::new(Tap::default());
    let requery = gateway.tapped("requery", &tap).await;
    let bought = stuck(&gateway, "k").await;
    let id = field(&bought, "purchase_id");
    gateway.clock.turn(MINUTE);
    let (record, receipt) = gateway.receive("RequeryQueue").await.remove(0);
    gateway.delete("RequeryQueue", &receipt).await;
    let event = json!({ "Records": [record] }).to_string();
    let send = |event: String| requery(event, lambda_runtime::Context::default());

    send(event.clone()).await.unwrap();
    assert_eq!(gateway.messages("RequeryQueue").await, 1);
    tap.hold_at(None);
    for _ in 0..10 {
        send(event.clone()).await.unwrap();
    }
    assert_eq!(tap.seen(), vec!["GetItem"; 10], "a step behind is dropped after one read");
    assert_eq!(gateway.messages("RequeryQueue").await, 1);

    let chain = gateway.stored(id).await.chain;
    // At a step that would be the next one's turn: only the chain is wrong.
    let foreign = field(&record, "body").replace(&chain, &"0".repeat(32));
    let foreign = foreign.replace("\"step\":0", "\"step\":1");
    assert!(foreign.contains("\"step\":1"), "{foreign}");
    let absent = field(&record, "body").replace(id, &"1".repeat(32));
    let other = field(&record, "body").replace("sandbox-", "nobody-");
    tap.hold_at(None);
    for body in [foreign, absent, other] {
        let event = json!({ "Records": [{ "messageId": "m", "body": body }] }).to_string();
        send(event).await.unwrap();
    }
    assert_eq!(tap.seen(), vec!["GetItem"; 3]);
    assert_eq!(gateway.messages("RequeryQueue").await, 1);

    // Ten deliveries of the same step at once: what they send in common dies out by itself.
    gateway.clock.turn(Duration::from_secs(120));
    let (record, receipt) = gateway.receive("RequeryQueue").await.remove(0);
    gateway.delete("RequeryQueue", &receipt).await;
    let event = json!({ "Records": [record] }).to_string();
    futures_util::future::join_all((0..10).map(|_| send(event.clone()))).await;
    let step = gateway.stored(id).await.step;
    assert_eq!(step, 2, "one of them took the step");
    for _ in 0..3 {
        gateway.clock.turn(QUARTER);
        gateway.drive(&requery).await;
    }
    assert_eq!(gateway.messages("RequeryQueue").await, 1, "one chain is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_reaches_the_dead_letter_queue() {
    let gateway = Gateway::start().await;
    gateway.send_raw("not JSON").await;
    gateway.send_raw(r#"{"kind":"unheard-of"}"#).await;
    for _ in 0..8 {
        gateway.clock.turn(Duration::from_secs(360));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    until_messages(&gateway, "RequeryDeadLetterQueue", 2).await;
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_store_failing_for_an_hour_loses_no_chain() {
    let gateway = Gateway::undriven().await;
    let tap = Arc::new(Tap::default());
    let requery = gateway.tapped("requery", &tap).await;
    let bought = gateway.caller().bought("k", &airtime(PENDING)).await;
    let id = field(&bought, "purchase_id");
    tap.fail_store(true);
    let before = gateway.stored(id).await;
    for _ in 0..8 {
        gateway.clock.turn(Duration::from_secs(450));
        gateway.drive(&requery).await;
        assert_eq!(gateway.messages("RequeryQueue").await, 1);
    }
    assert_eq!(gateway.stored(id).await.step, before.step);
    tap.fail_store(false);
    assert_eq!(gateway.drive_until_answered(&requery, id, QUARTER).await, "delivered");
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_order_fails_only_if_it_was_never_acknowledged() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    // Acknowledged, then forgotten.
    let known = stuck(&gateway, "known").await;
    caller.control("/forget", json!({ "request_id": known["request_id"] })).await;
    // Never taken: the connection broke before.
    caller.script(json!([{ "call": "pay", "http_status": 502, "charge": false }])).await;
    let lost = caller.bought("lost", &airtime(FAILED)).await;
    assert_eq!(field(&lost, "state"), "pending");

    let state = gateway.until_answered(field(&lost, "purchase_id"), MINUTE).await;
    assert_eq!(state, "failed");
    let stored = gateway.stored(field(&lost, "purchase_id")).await;
    let age = stored.updated_ms - stored.created_ms;
    assert!(age >= 360_000, "not before six minutes: {age} ms");
    let unknown = stored.history.iter().filter(|it| it.code == "015").count();
    assert!(unknown >= 3, "{:?}", stored.history);

    let state = gateway.until_answered(field(&known, "purchase_id"), QUARTER).await;
    assert_eq!(state, "needs_review");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_about_something_else_are_not_believed() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let pay =
        |set: Value| json!([{ "call": "pay", "code": "000", "status": "delivered", "set": set }]);

    // Another request: nothing is concluded, and the requery settles it.
    caller.script(pay(json!({ "/requestId": "202601010000other" }))).await;
    let bought = caller.bought("request", &airtime(FAILED)).await;
    assert_eq!(field(&bought, "state"), "pending");
    let id = field(&bought, "purchase_id");
    assert_eq!(gateway.until_answered(id, MINUTE).await, "delivered");

    for (key, set) in [
        ("number", json!({ "/content/transactions/unique_element": "08031234568" })),
        ("price", json!({ "/content/transactions/amount": 99 })),
        ("odd price", json!({ "/content/transactions/amount": "N100" })),
    ] {
        caller.script(pay(set)).await;
        let bought = caller.bought(&key.replace(' ', "-"), &airtime(FAILED)).await;
        assert_eq!(field(&bought, "state"), "needs_review", "{key}");
    }
    // What differs in the vendor's own examples, or is absent, is no mismatch.
    for (key, set) in [
        ("account-phone", json!({ "/content/transactions/phone": "07061933309" })),
        ("outer-amount", json!({ "/amount": "97.00" })),
        ("no-request", json!({ "/requestId": null })),
        ("no-number", json!({ "/content/transactions/unique_element": null })),
        ("no-price", json!({ "/content/transactions/amount": null })),
        ("other-form", json!({ "/content/transactions/unique_element": "2348031234567" })),
        ("text-price", json!({ "/content/transactions/amount": "100.00" })),
    ] {
        caller.script(pay(set)).await;
        let bought = caller.bought(key, &airtime(FAILED)).await;
        assert_eq!(field(&bought, "state"), "delivered", "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_with_another_outer_amount_is_believed() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    caller.script(json!([{ "call": "pay", "code": "040", "status": "reversed" }])).await;
    let bought = caller.bought("k", &bundle(FAILED)).await;
    assert_eq!((field(&bought, "state"), &bought["safe_to_refund"]), ("reversed", &json!(true)));
    assert_eq!(gateway.stored(field(&bought, "purchase_id")).await.history[0].code, "040");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_proofs_at_once_the_first_stands_but_a_reversal_counts() {
    let gateway = Gateway::undriven().await;
    let caller = gateway.caller();
    for (key, late, end) in [
        ("a", State::Reversed, "reversed"),
        ("b", State::Failed, "delivered"),
        ("c", State::Delivered, "delivered"),
    ] {
        let bought = caller.bought(key, &airtime(DELIVERED)).await;
        let id = field(&bought, "purchase_id");
        // A requery that read the purchase while it was open, and writes when it no longer is.
        let attempt = Attempt {
            at: "now".to_owned(),
            call: "requery".to_owned(),
            code: "000".to_owned(),
            concluded: late.as_str().to_owned(),
            note: "late".to_owned(),
        };
        let change = Change {
            from: State::OPEN.to_vec(),
            to: Some(late),
            attempts: vec![attempt],
            ..Change::default()
        };
        let now = gateway.clock.clock().now();
        let met = gateway.purchases().apply(id, &change, now).await.unwrap();
        assert_eq!(met.state.as_str(), end);
        let noted = gateway.stored(id).await.history.iter().any(|it| it.note == "late");
        assert_eq!(noted, late != State::Delivered, "what contradicts is written down");
        assert_eq!(field(&caller.purchase(id).await, "state"), end);
    }
}
