//! Hints, which ask once beside the chain, and concurrent changes of one purchase.

use std::time::Duration;

use serde_json::json;
use shared::domain::purchase::{
    Evidence, Outcome, ReconcileAfter, Source, State, Transition, Verdict, transition,
};
use shared::domain::schedule::Patience;
use shared::platform::config::Vars;
use shared::store::Changed;

use crate::functions::vtpass_callback::{callback, update};
use crate::support::purchases::{DELIVERED, FAILED, MINUTE, PENDING, airtime, field, until};
use crate::support::tap::context;
use crate::support::{Gateway, KEY, tenant_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_asks_once_and_does_not_continue_the_chain() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (tap, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    callback(&caller, &update(field(&bought, "request_id"))).await.ok();
    tap.hold_at(None);
    gateway.drive(&requery).await;
    assert_eq!(tap.seen(), ["GetItem", "/api/requery"], "asked of a final purchase too, once");
    // The first message of its chain is not due yet; it is dropped later.
    assert_eq!(gateway.jobs().await, 1);
    gateway.clock.turn(Duration::from_secs(60));
    gateway.drive(&requery).await;
    assert_eq!(gateway.jobs().await, 0);
}

/// A lost answer of SQS leaves copies of a step. They end as soon as one of them has sent the next step.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_copies_of_a_hints_step_one_asks_and_goes_on() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (tap, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let id = field(&bought, "purchase_id");
    gateway.empty("RequeryQueue").await;
    let unclear = json!({ "call": "requery", "http_status": 502 });
    caller.script(json!(vec![unclear; 3])).await;
    let hint = |step| {
        let job = json!({ "kind": "hint", "tenant": tenant_of(KEY), "purchase_id": id,
                          "step": step });
        json!({ "Records": [{ "messageId": "m", "body": job.to_string() }] }).to_string()
    };
    tap.hold_at(None);
    for _ in 0..5 {
        requery(hint(1), context()).await.unwrap();
    }
    let asked = || tap.seen().iter().filter(|it| *it == "/api/requery").count();
    assert_eq!((asked(), gateway.jobs().await), (1, 1));
    // A new webhook asks at once; the step that is on its way goes on for it.
    requery(hint(0), context()).await.unwrap();
    assert_eq!((asked(), gateway.jobs().await), (2, 1));
    // The step that is due asks and goes on.
    gateway.clock.turn(Duration::from_secs(900));
    gateway.drive(&requery).await;
    assert_eq!((asked(), gateway.jobs().await), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_acknowledged_to_a_hint_never_fails_by_being_unknown() {
    let (gateway, caller) = Gateway::with_caller().await;
    // VTpass acknowledges this order once, to a hint, and otherwise does not know it.
    caller.script(json!([{ "call": "pay", "http_status": 502, "charge": false }])).await;
    let bought = caller.bought("k", &airtime(FAILED)).await;
    let id = field(&bought, "purchase_id");
    caller.script(json!([{ "call": "requery", "code": "099", "status": "pending" }])).await;
    callback(&caller, &update(field(&bought, "request_id"))).await.ok();
    until("the acknowledgement", async || gateway.stored(id).await.acknowledged).await;
    assert_eq!(gateway.until_answered(id, Duration::from_secs(900)).await, "needs_review");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_in_between_stops_a_failure_by_unknown_id() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(PENDING)).await;
    let id = field(&bought, "purchase_id");
    let stored = gateway.stored(id).await;
    assert!(stored.acknowledged);
    // A requery that read the purchase before that, and writes after it.
    let change = Transition {
        from: State::OPEN.to_vec(),
        unless_acknowledged: true,
        to: Some(State::Failed),
        ..Transition::default()
    };
    let unknown = Outcome { unknown_reference: true, ..Outcome::unclear("015", "") };
    let evidence = evidence(&gateway, unknown);
    let met =
        gateway.purchases().apply(&gateway.outbox(), &stored, &change, &evidence).await.unwrap();
    assert_eq!(met.state, State::Pending);

    // An acknowledgement is kept even if its change is refused.
    caller.script(json!([{ "call": "pay", "http_status": 502, "charge": false }])).await;
    let bought = caller.bought("refused", &airtime(FAILED)).await;
    let id = field(&bought, "purchase_id");
    for acknowledged in [false, true] {
        let stored = gateway.stored(id).await;
        assert!(!stored.acknowledged);
        // Another delivery of the same step was faster.
        let change = Transition {
            from: State::OPEN.to_vec(),
            at_step: Some(7),
            acknowledged,
            ..Transition::default()
        };
        let now = gateway.clock.clock().now();
        let changed =
            gateway.purchases().change(&gateway.outbox(), &stored, &change, now).await.unwrap();
        assert!(matches!(changed, Changed::Refused(_)));
        let stored = gateway.stored(id).await;
        assert_eq!((stored.acknowledged, stored.step), (acknowledged, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_goes_on_after_a_proof_that_came_too_late() {
    for acknowledged in [false, true] {
        let (gateway, caller) = Gateway::undriven_with_caller().await;
        let (tap, requery) = gateway.with_tap("requery").await;
        caller.script(json!([{ "call": "pay", "http_status": 502, "charge": false }])).await;
        let bought = caller.bought("k", &airtime(FAILED)).await;
        let id = field(&bought, "purchase_id");
        for _ in 0..2 {
            gateway.clock.turn(5 * MINUTE);
            gateway.drive(&requery).await;
        }
        gateway.clock.turn(5 * MINUTE);
        let (record, receipt) = gateway.receive("RequeryQueue").await.remove(0);
        // The purchase is read, and VTpass is not asked yet.
        tap.hold_at(Some(2));
        let meanwhile = async {
            tap.held().await;
            if acknowledged {
                let stored = gateway.stored(id).await;
                let from = State::OPEN.to_vec();
                let change = Transition { from, acknowledged, ..Transition::default() };
                let (purchases, now) = (gateway.purchases(), gateway.clock.clock().now());
                purchases.change(&gateway.outbox(), &stored, &change, now).await.unwrap();
            }
            tap.release();
        };
        let event = json!({ "Records": [record] }).to_string();
        let (report, ()) = tokio::join!(requery(event, context()), meanwhile);
        assert_eq!(report.unwrap()["batchItemFailures"], json!([]));
        gateway.delete("RequeryQueue", &receipt).await;
        let (state, steps) = if acknowledged { ("pending", 1) } else { ("failed", 0) };
        assert_eq!(gateway.stored(id).await.state.name(), state);
        assert_eq!(gateway.messages("RequeryQueue").await, steps, "{state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unclear_answer_to_a_hint_is_asked_for_again_whoever_knew_the_order() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    caller.script(json!([{ "call": "pay", "http_status": 502, "charge": false }])).await;
    let unknown = caller.bought("unknown", &airtime(FAILED)).await;
    let known = caller.bought("known", &airtime(PENDING)).await;
    for (bought, acknowledged) in [(unknown, false), (known, true)] {
        let id = field(&bought, "purchase_id");
        assert_eq!(gateway.stored(id).await.acknowledged, acknowledged);
        caller.script(json!([{ "call": "requery", "http_status": 502 }])).await;
        callback(&caller, &update(field(&bought, "request_id"))).await.ok();
        gateway.drive_queue("FollowUpQueue", &requery).await;
        assert_eq!(gateway.messages("FollowUpQueue").await, 1, "the next step of the hint");
        assert!(gateway.stored(id).await.hint_again_at.is_some());
        gateway.empty("FollowUpQueue").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_answer_to_a_hint_is_asked_for_again_where_no_chain_asks() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    for (key, state, steps) in [("a", "pending", 0), ("b", "needs_review", 1)] {
        let bought = caller.bought(key, &airtime(PENDING)).await;
        let id = field(&bought, "purchase_id");
        gateway.set_state(id, state).await;
        callback(&caller, &update(field(&bought, "request_id"))).await.ok();
        gateway.drive_queue("FollowUpQueue", &requery).await;
        assert_eq!(gateway.messages("FollowUpQueue").await, steps, "{state}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_proofs_at_once_the_first_stands_but_a_reversal_counts() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    for (key, verdict, end) in [
        ("a", Verdict::Reversed, "reversed"),
        ("b", Verdict::Failed, "delivered"),
        ("c", Verdict::Delivered, "delivered"),
    ] {
        let bought = caller.bought(key, &airtime(DELIVERED)).await;
        let id = field(&bought, "purchase_id");
        // A requery that read the purchase while it was open, and writes when it no longer is.
        let evidence = evidence(&gateway, Outcome::new(verdict, "000", "late"));
        let mut open = gateway.stored(id).await;
        open.state = State::Pending;
        let change = transition(&open, &evidence);
        let id = &open.purchase_id;
        let met =
            gateway.purchases().apply(&gateway.outbox(), &open, &change, &evidence).await.unwrap();
        assert_eq!(met.state.name(), end);
        let stored = gateway.stored(id.as_str()).await;
        let noted = stored.history.iter().any(|it| it.note == "late");
        assert_eq!(noted, verdict != Verdict::Delivered, "a contradiction is written down");
        assert_eq!(field(&caller.purchase(id.as_str()).await, "state"), end);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_contradictions_are_written_once_however_often_they_alternate() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    let bought = caller.bought("k", &airtime(FAILED)).await;
    let id = field(&bought, "purchase_id");
    assert_eq!(field(&bought, "state"), "failed");
    // VTpass says in turn that it delivered and that it gave the money back.
    for status in ["delivered", "reversed"].repeat(3) {
        let script = json!([{ "call": "requery", "code": "000", "status": status }]);
        caller.script(script).await;
        gateway.clock.turn(Duration::from_secs(60));
        callback(&caller, &update(field(&bought, "request_id"))).await.ok();
        gateway.drive(&requery).await;
    }
    let history = gateway.stored(id).await.history;
    let hints = history.iter().filter(|line| line.source == Source::Hint);
    assert_eq!(hints.count(), 2, "{history:?}");
    assert_eq!(field(&caller.purchase(id).await, "state"), "failed");
}

/// The outcome of a requery, learnt now.
fn evidence(gateway: &Gateway, outcome: Outcome) -> Evidence {
    let patience = Patience::from_vars(&Vars::default()).unwrap();
    let (at, look_back) = (gateway.clock.clock().now(), ReconcileAfter::default());
    Evidence { source: Source::Requery, outcome, at, patience, look_back }
}
