//! The requery chain: its steps, its deadline, its dead letters, and the answers it rejects.

use std::time::Duration;

use sandbox::{Options, Sandbox};
use serde_json::json;
use shared::domain::job::{Chain, Job, Step};
use shared::domain::purchase::{Purchase, STEP_GRACE};

use crate::support::Gateway;
use crate::support::purchases::{FAILED, MINUTE, PENDING, airtime, bundle, field};

const QUARTER: Duration = Duration::from_secs(900);

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_order_is_settled_by_asking() {
    let (gateway, caller) = Gateway::with_caller().await;
    let bought = caller.bought("k", &airtime(PENDING)).await;
    let id = field(&bought, "purchase_id");
    assert_eq!(gateway.until_answered(id, MINUTE).await, "delivered");
    let history = gateway.stored(id).await.history;
    let calls: Vec<String> = history.iter().map(|it| it.source.to_string()).collect();
    assert_eq!(calls, ["pay", "requery", "requery"]);
    assert_eq!((history[0].code.as_str(), history[2].concluded_name()), ("099", "delivered"));
    for end in ["failed", "reversed"] {
        let script =
            json!([{ "call": "pay", "code": "099", "status": "pending", "resolves_to": end }]);
        caller.script(script).await;
        let bought = caller.bought(end, &airtime(FAILED)).await;
        let id = field(&bought, "purchase_id");
        assert_eq!(gateway.until_answered(id, MINUTE).await, end);
        assert_eq!(caller.purchase(id).await["safe_to_refund"], true);
        assert_eq!(caller.buy(end, &airtime(FAILED)).await.status, 201);
    }
    gateway.clock.turn(QUARTER);
    gateway.until_messages("RequeryQueue", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_deadline_a_purchase_needs_review_and_its_chain_ends() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_, requery) = gateway.with_tap("requery").await;
    let bought = gateway.caller().bought_stuck("k").await;
    let (id, request_id) = (field(&bought, "purchase_id"), field(&bought, "request_id"));
    let state = gateway.drive_until_answered(&requery, id, QUARTER).await;
    assert_eq!(state, "needs_review");
    let purchase = caller.purchase(id).await;
    assert_eq!(purchase["safe_to_refund"], false);
    assert!(field(&purchase, "updated_at") >= field(&purchase, "deadline_at"));
    assert_eq!(caller.buy("k", &airtime(FAILED)).await.status, 202);
    for queue in ["RequeryQueue", "FollowUpQueue", "RequeryDeadLetterQueue"] {
        assert_eq!(gateway.messages(queue).await, 0, "{queue}");
    }

    // A message of an older version, which kept one for each of them, asks once more and is gone.
    let asked =
        || async { caller.order(request_id).await.unwrap()["requery_calls"].as_u64().unwrap() };
    let before = asked().await;
    let Purchase { tenant, purchase_id, chain, step, .. } = gateway.stored(id).await;
    let about = Chain { tenant, purchase_id, chain };
    let kept = Job::Purchase(Step { about, step: step + 1 });
    let kept = serde_json::to_string(&kept).unwrap();
    gateway.send_raw(&kept).await;
    gateway.drive(&requery).await;
    assert_eq!(asked().await, before + 1);
    assert_eq!(field(&caller.purchase(id).await, "state"), "needs_review");

    caller.script(json!([{ "call": "requery", "resolves_to": "delivered" }])).await;
    gateway.send_raw(&kept).await;
    gateway.drive(&requery).await;
    assert_eq!(field(&caller.purchase(id).await, "state"), "delivered");
    let before = asked().await;
    gateway.send_raw(&kept).await;
    gateway.drive(&requery).await;
    assert_eq!(asked().await, before, "a settled one is not asked about");
    assert_eq!(gateway.jobs().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_step_is_due_at_the_deadline_and_not_later() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought_stuck("k").await;
    let id = field(&bought, "purchase_id");
    let purchase = gateway.stored(id).await;
    let deadline = purchase.deadline();
    let Purchase { tenant, purchase_id, chain, .. } = purchase;
    // The waits of so late a step are minutes long.
    let late = Job::Purchase(Step { about: Chain { tenant, purchase_id, chain }, step: 60 });
    gateway.empty("RequeryQueue").await;
    gateway.send_raw(&serde_json::to_string(&late).unwrap()).await;
    let left = Duration::from_secs(100);
    gateway.clock.turn((deadline - gateway.clock.clock().now()).unsigned_abs() - left);
    gateway.drive(&requery).await;
    let due = gateway.stored(id).await.reconcile_at.expect("a next step") - STEP_GRACE;
    assert_eq!(due, deadline);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_a_person_is_the_reason_even_at_the_deadline() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought_stuck("k").await;
    let id = field(&bought, "purchase_id");
    gateway.clock.turn(Duration::from_secs(86_401));
    caller.script(json!([{ "call": "requery", "code": "044" }])).await;
    gateway.drive(&requery).await;
    let stored = gateway.stored(id).await;
    assert_eq!(stored.state.name(), "needs_review");
    let sources: Vec<_> = stored.history.iter().map(|it| it.source.to_string()).collect();
    assert_eq!(sources, ["pay", "requery"], "{:?}", stored.history);
    assert_eq!(stored.history[1].code, "044");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_and_a_need_for_the_providers_support_are_known_at_once() {
    let (gateway, caller) = Gateway::with_caller().await;
    caller.script(json!([{ "call": "pay", "code": "044" }])).await;
    let bought = caller.bought("k", &airtime(FAILED)).await;
    assert_eq!(field(&bought, "state"), "needs_review");
    assert_eq!(bought["safe_to_refund"], false);
    // The chain's first message still asks, and settles it.
    gateway.clock.turn(MINUTE);
    gateway.until_state(field(&bought, "purchase_id"), "delivered").await;

    // This reversal states another outer amount, as VTpass does.
    caller.script(json!([{ "call": "pay", "code": "040", "status": "reversed" }])).await;
    let bought = caller.bought("r", &bundle(FAILED)).await;
    assert_eq!((field(&bought, "state"), &bought["safe_to_refund"]), ("reversed", &json!(true)));
    assert_eq!(gateway.stored(field(&bought, "purchase_id")).await.history[0].code, "040");
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicate_and_foreign_messages_start_no_second_chain() {
    let gateway = Gateway::undriven().await;
    let (tap, requery) = gateway.with_tap("requery").await;
    let bought = gateway.caller().bought_stuck("k").await;
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
    // The step is the next one, so that only the chain is wrong.
    let foreign = field(&record, "body").replace(chain.as_str(), &"0".repeat(32));
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

    // Ten deliveries of the same step at once: all but one of the messages they send are dropped.
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
async fn a_message_that_cannot_be_read_reaches_the_dead_letter_queue_after_days() {
    let gateway = Gateway::undriven().await;
    let (_, requery) = gateway.with_tap("requery").await;
    gateway.send_raw("not JSON").await;
    gateway.send_raw(r#"{"kind":"unheard-of"}"#).await;
    let visibility = Duration::from_secs(360);
    for _ in 0..3 {
        gateway.drive(&requery).await;
        gateway.clock.turn(visibility);
        assert_eq!(gateway.messages("RequeryQueue").await, 2);
    }
    for _ in 3..1_000 {
        assert_eq!(gateway.receive("RequeryQueue").await.len(), 2);
        gateway.clock.turn(visibility);
    }
    assert!(gateway.receive("RequeryQueue").await.is_empty());
    assert_eq!(gateway.messages("RequeryDeadLetterQueue").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_an_hour_loses_no_chain() {
    let gateway = Gateway::undriven().await;
    let (tap, requery) = gateway.with_tap("requery").await;
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
    let (gateway, caller) = Gateway::with_caller().await;
    // Acknowledged, then forgotten.
    let known = caller.bought_stuck("known").await;
    caller.control("/forget", json!({ "request_id": known["request_id"] })).await;
    // Never taken: VTpass answered 502 and did not take the order.
    caller.script(json!([{ "call": "pay", "http_status": 502, "charge": false }])).await;
    let lost = caller.bought("lost", &airtime(FAILED)).await;
    assert_eq!(field(&lost, "state"), "pending");

    let state = gateway.until_answered(field(&lost, "purchase_id"), MINUTE).await;
    assert_eq!(state, "failed");
    let stored = gateway.stored(field(&lost, "purchase_id")).await;
    let age = stored.updated_at - stored.created_at;
    assert!(age >= time::Duration::minutes(6), "not before six minutes: {age}");
    let unknown = stored.history.iter().filter(|it| it.code == "015").count();
    assert!(unknown >= 3, "{:?}", stored.history);

    let state = gateway.until_answered(field(&known, "purchase_id"), QUARTER).await;
    assert_eq!(state, "needs_review");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_with_a_transaction_never_fails_by_being_forgotten() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    for code in ["016", "019", "030", "083", "999"] {
        let script = json!({ "call": "pay", "code": code, "status": "delivered", "charge": true });
        caller.script(json!([script])).await;
        let bought = caller.bought(code, &airtime(FAILED)).await;
        assert_eq!(field(&bought, "state"), "pending", "{code}");
        caller.control("/forget", json!({ "request_id": bought["request_id"] })).await;
        let state = gateway.until_answered(field(&bought, "purchase_id"), QUARTER).await;
        assert_eq!(state, "needs_review", "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_about_another_order_is_not_believed() {
    let (gateway, caller) = Gateway::with_caller().await;
    for (key, pointer, value, state) in [
        // Another request: nothing is concluded, and the requery settles it.
        ("request", "/requestId", json!("202601010000other"), "pending"),
        ("number", "unique_element", json!("08031234568"), "needs_review"),
        ("price", "amount", json!(99), "needs_review"),
        // Fields that are absent, or differ in the vendor's own examples, are not a mismatch.
        ("outer-amount", "/amount", json!("97.00"), "delivered"),
        ("no-request", "/requestId", json!(null), "delivered"),
    ] {
        let transaction = format!("/content/transactions/{pointer}");
        let pointer = if pointer.starts_with('/') { pointer } else { &transaction };
        let set = json!({ pointer: value });
        let script = json!({ "call": "pay", "code": "000", "status": "delivered", "set": set });
        caller.script(json!([script])).await;
        let bought = caller.bought(key, &airtime(FAILED)).await;
        assert_eq!(field(&bought, "state"), state, "{key}");
        if state == "pending" {
            let id = field(&bought, "purchase_id");
            assert_eq!(gateway.until_answered(id, MINUTE).await, "delivered");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_order_never_fails_while_its_pay_may_be_under_way() {
    let hurried = [("REQUERY_SCHEDULE_SECONDS", "1"), ("REQUERY_PATIENCE_SECONDS", "60")];
    let gateway = Gateway::with(&hurried).await;
    let caller = gateway.caller();
    caller.script(json!([{ "call": "pay", "http_status": 502, "charge": false }])).await;
    let bought = caller.bought("k", &airtime(FAILED)).await;
    let id = field(&bought, "purchase_id");
    assert_eq!(gateway.until_answered(id, Duration::from_secs(1)).await, "failed");
    let stored = gateway.stored(id).await;
    let age = stored.history.last().unwrap().at - stored.created_at;
    assert!(age >= Duration::from_secs(60), "{age}");

    let vars = [("REQUERY_PATIENCE_SECONDS".to_owned(), "59".to_owned())];
    let options = Options::new(vars.into_iter().collect(), 0, None);
    let problem = Sandbox::start(options).await.err().expect("it does not start").to_string();
    assert!(problem.contains("REQUERY_PATIENCE_SECONDS"), "{problem}");
}
