//! Looking back: what a provider changed its mind about without telling anybody is found within a day
//! and a quarter.

use std::time::Duration;

use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};
use shared::domain::purchase::Settled;
use shared::store::{Changed, Settlement};

use crate::functions::vtpass_callback::{callback, update};
use crate::support::purchases::{DELIVERED, FAILED, airtime, field, without_history};
use crate::support::tap::crash_at;
use crate::support::{Caller, Gateway};

const HOUR: Duration = Duration::from_secs(3_600);

/// A gateway that a test drives, with what the tests here need.
struct Undriven {
    gateway: Gateway,
    caller: Caller,
    requery: Entry,
}

impl Undriven {
    async fn start() -> Self {
        let (gateway, caller) = Gateway::undriven_with_caller().await;
        let (_, requery) = gateway.with_tap("requery").await;
        Self { gateway, caller, requery }
    }

    /// Lets so much time pass, with a run of reconcile and of the requery in each hour.
    async fn pass(&self, time: Duration) {
        for _ in 0..time.as_secs() / 3_600 {
            self.gateway.clock.turn(HOUR);
            self.run().await;
        }
    }

    /// The same for days, with four runs a day.
    async fn pass_days(&self, days: u32) {
        for _ in 0..days * 4 {
            self.gateway.clock.turn(6 * HOUR);
            self.run().await;
        }
    }

    async fn run(&self) -> Value {
        let done = self.gateway.reconcile().await;
        self.gateway.drive(&self.requery).await;
        done
    }

    /// VTpass changes an order without a webhook.
    async fn resolve(&self, bought: &Value, state: &str) {
        let body = json!({ "request_id": bought["request_id"], "state": state, "webhook": false });
        self.caller.control("/resolve", body).await;
    }

    /// An operator settles a purchase that waits for a person.
    async fn settle(&self, bought: &Value, outcome: Settled) {
        let purchase = self.gateway.stored(field(bought, "purchase_id")).await;
        let at = self.gateway.clock.clock().now();
        let settlement = Settlement { outcome, by: "ada", reason: "as VTpass says", at };
        let (purchases, outbox) = (self.gateway.purchases(), self.gateway.outbox());
        let changed = purchases.settle(&outbox, &purchase, &settlement).await.unwrap();
        assert!(matches!(changed, Changed::Written(settled) if settled.state == outcome.into()));
    }

    async fn asked(&self, bought: &Value) -> u64 {
        let order = self.caller.order(field(bought, "request_id")).await.unwrap();
        order["requery_calls"].as_u64().unwrap()
    }

    async fn purchase(&self, bought: &Value) -> Value {
        self.caller.purchase(field(bought, "purchase_id")).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_without_a_webhook_is_found_within_a_day_and_a_quarter() {
    let it = Undriven::start().await;
    let bought = it.caller.bought("k", &airtime(DELIVERED)).await;
    it.resolve(&bought, "reversed").await;
    it.pass(23 * HOUR).await;
    assert_eq!(it.purchase(&bought).await["reconciled_at"], Value::Null);
    assert_eq!(it.asked(&bought).await, 0);
    it.pass(7 * HOUR).await;
    let purchase = it.purchase(&bought).await;
    assert_eq!(
        (field(&purchase, "state"), &purchase["safe_to_refund"]),
        ("reversed", &json!(true))
    );
    assert!(field(&purchase, "reconciled_at") >= field(&purchase, "deadline_at"));
    let stored = it.gateway.stored(field(&bought, "purchase_id")).await;
    assert_eq!(stored.history.last().unwrap().source.to_string(), "look_back");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_stays_delivered_is_asked_about_once_more_and_never_again() {
    let it = Undriven::start().await;
    let bought = it.caller.bought("k", &airtime(DELIVERED)).await;
    it.pass_days(3).await;
    assert_eq!(it.asked(&bought).await, 1);
    let purchase = it.purchase(&bought).await;
    assert_eq!(field(&purchase, "state"), "delivered");
    assert!(purchase["reconciled_at"].is_string());
    let stored = it.gateway.stored(field(&bought, "purchase_id")).await;
    assert_eq!(stored.reconcile_at, None);
    assert_eq!(stored.history.len(), 1, "an answer without news is not written down");
    let listed = it.caller.get("/purchases").await.ok()["data"][0].take();
    assert_eq!(listed, without_history(purchase));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_settles_a_purchase_moves_it_to_its_look_back() {
    let it = Undriven::start().await;
    let comes_back = async |bought: &Value| {
        let stored = it.gateway.stored(field(bought, "purchase_id")).await;
        assert!(stored.state.is_final(), "{:?}", stored.state);
        stored.reconcile_at.unwrap() - stored.created_at
    };
    let delivered = it.caller.bought("delivered", &airtime(DELIVERED)).await;
    let failed = it.caller.bought("failed", &airtime(FAILED)).await;
    let stuck = it.caller.bought_stuck("stuck").await;
    it.resolve(&stuck, "delivered").await;
    it.gateway.clock.turn(HOUR);
    it.gateway.drive(&it.requery).await;
    for bought in [delivered, failed, stuck] {
        assert_eq!(comes_back(&bought).await, 24 * HOUR, "it was not visited by reconcile");
    }
    let reviewed = it.caller.bought_stuck("reviewed").await;
    it.gateway.clock.turn(24 * HOUR);
    it.gateway.drive(&it.requery).await;
    it.settle(&reviewed, Settled::Failed).await;
    assert_eq!(comes_back(&reviewed).await, 30 * HOUR);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_settled_late_is_looked_back_on_a_quarter_of_a_day_later() {
    let it = Undriven::start().await;
    let bought = it.caller.bought_stuck("k").await;
    it.pass(23 * HOUR).await;
    it.resolve(&bought, "delivered").await;
    it.pass(HOUR).await;
    assert_eq!(field(&it.purchase(&bought).await, "state"), "delivered");
    it.resolve(&bought, "reversed").await;
    it.pass(6 * HOUR).await;
    assert_eq!(field(&it.purchase(&bought).await, "state"), "reversed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_proves_nothing_is_asked_for_again_an_hour_later() {
    let it = Undriven::start().await;
    let bought = it.caller.bought("k", &airtime(DELIVERED)).await;
    it.resolve(&bought, "reversed").await;
    it.pass(23 * HOUR).await;
    // It was acknowledged, so that it is unknown proves nothing; nor that a person must look.
    let broken = json!({ "call": "requery", "http_status": 502 });
    let unknown = json!({ "call": "requery", "code": "015" });
    let review = json!({ "call": "requery", "code": "044" });
    it.caller.script(json!([broken, unknown, review])).await;
    it.pass(3 * HOUR).await;
    assert_eq!(field(&it.purchase(&bought).await, "state"), "delivered");
    assert_eq!(it.purchase(&bought).await["reconciled_at"], Value::Null);
    it.pass(2 * HOUR).await;
    assert_eq!(field(&it.purchase(&bought).await, "state"), "reversed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_reference_beside_its_transaction_is_no_answer_about_a_failed_order() {
    let it = Undriven::start().await;
    it.caller.script(json!([{ "call": "pay", "code": "016" }])).await;
    let bought = it.caller.bought("k", &airtime(FAILED)).await;
    assert_eq!(field(&bought, "state"), "failed");
    let beside = json!({ "call": "requery", "code": "015", "status": "pending" });
    it.caller.script(json!([beside])).await;
    it.pass(24 * HOUR).await;
    assert_eq!(it.asked(&bought).await, 1);
    assert_eq!(it.purchase(&bought).await["reconciled_at"], Value::Null);
    it.pass(2 * HOUR).await;
    assert!(it.purchase(&bought).await["reconciled_at"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn once_an_operator_settled_it_a_record_with_another_price_counts_for_what_it_says() {
    let number = ("/content/transactions/unique_element", json!("08039999999"));
    for (status, also, state, contradicts) in [
        ("delivered", None, "delivered", false),
        ("reversed", None, "reversed", false),
        ("failed", None, "delivered", true),
        // It may be the record of another order.
        ("reversed", Some(("/requestId", Value::Null)), "delivered", false),
        ("reversed", Some(number.clone()), "delivered", false),
        ("delivered", Some(number), "delivered", false),
    ] {
        let counts = also.is_none();
        let it = Undriven::start().await;
        let other_price = |call: &str, code: &str, status: &str| {
            let mut set = json!({ "/content/transactions/amount": 99 });
            if let Some((pointer, value)) = also.clone().filter(|_| call == "requery") {
                set[pointer] = value;
            }
            json!({ "call": call, "code": code, "status": status, "set": set })
        };
        it.caller.script(json!([other_price("pay", "099", "pending")])).await;
        let bought = it.caller.bought("k", &airtime(FAILED)).await;
        assert_eq!(field(&bought, "state"), "needs_review");
        it.settle(&bought, Settled::Delivered).await;

        it.caller.script(json!([(); 9].map(|()| other_price("requery", "000", status)))).await;
        it.pass(30 * HOUR).await;
        let purchase = it.purchase(&bought).await;
        assert_eq!(field(&purchase, "state"), state, "{status}");
        assert_eq!(purchase["reconciled_at"].is_string(), counts, "{status}");
        assert_eq!(it.asked(&bought).await == 1, counts, "{status}");
        let last = purchase["history"].as_array().unwrap().last().unwrap();
        assert_eq!(last["meaning"] == "contradiction", contradicts, "{status}");
        let cost_counts = counts && status != "failed";
        assert_eq!(purchase["cost_kobo"].is_u64(), cost_counts, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_of_an_order_with_another_price_is_recorded_once_and_ends_the_questions() {
    let it = Undriven::start().await;
    let set = json!({ "/content/transactions/amount": 99 });
    let pending = json!({ "call": "pay", "code": "099", "status": "pending", "set": set });
    it.caller.script(json!([pending])).await;
    let bought = it.caller.bought("k", &airtime(FAILED)).await;
    it.settle(&bought, Settled::Delivered).await;
    // The webhook's hint records it; the look back finds the same record again.
    let reversed = json!({ "call": "requery", "code": "040", "status": "reversed", "set": set });
    it.caller.script(json!([reversed, reversed])).await;
    callback(&it.caller, &update(field(&bought, "request_id"))).await.ok();
    it.gateway.drive(&it.requery).await;
    let purchase = it.purchase(&bought).await;
    assert_eq!(field(&purchase, "state"), "reversed");
    let last = purchase["history"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["meaning"], &last["state"]), (&json!("reversed"), &json!("reversed")));
    it.pass(30 * HOUR).await;
    assert!(it.purchase(&bought).await["reconciled_at"].is_string());
    assert_eq!(it.asked(&bought).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_settled_a_purchase_does_not_end_the_questions_about_it() {
    let it = Undriven::start().await;
    let bought = it.caller.bought_stuck("k").await;
    it.pass(25 * HOUR).await;
    assert_eq!(field(&it.purchase(&bought).await, "state"), "needs_review");
    it.settle(&bought, Settled::Delivered).await;

    it.resolve(&bought, "reversed").await;
    let before = it.asked(&bought).await;
    it.caller.script(json!([{ "call": "requery", "code": "044" }])).await;
    it.pass(30 * HOUR).await;
    assert_eq!(it.asked(&bought).await - before, 2);
    assert_eq!(field(&it.purchase(&bought).await, "state"), "reversed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_look_back_is_sent_again() {
    let it = Undriven::start().await;
    let bought = it.caller.bought("k", &airtime(DELIVERED)).await;
    it.resolve(&bought, "reversed").await;
    it.pass(24 * HOUR).await;
    it.gateway.clock.turn(HOUR);
    it.gateway.reconcile().await;
    it.gateway.empty("FollowUpQueue").await;
    it.pass(2 * HOUR).await;
    assert_eq!(field(&it.purchase(&bought).await, "state"), "reversed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_waits_for_a_person_is_asked_about_daily_and_settles() {
    let it = Undriven::start().await;
    let bought = it.caller.bought_stuck("k").await;
    it.pass(25 * HOUR).await;
    assert_eq!(field(&it.purchase(&bought).await, "state"), "needs_review");
    let before = it.asked(&bought).await;
    it.pass_days(5).await;
    assert!((4..=6).contains(&(it.asked(&bought).await - before)));
    it.resolve(&bought, "failed").await;
    it.pass_days(2).await;
    let purchase = it.purchase(&bought).await;
    assert_eq!((field(&purchase, "state"), &purchase["safe_to_refund"]), ("failed", &json!(true)));

    // It is settled by now. Another one is given up after two weeks.
    let bought = it.caller.bought_stuck("never").await;
    it.pass_days(16).await;
    let stored = it.gateway.stored(field(&bought, "purchase_id")).await;
    assert_eq!((stored.state.name(), stored.reconcile_at), ("needs_review", None));
    it.settle(&bought, Settled::Failed).await;
    let settled = it.gateway.stored(field(&bought, "purchase_id")).await;
    assert_eq!(settled.reconcile_at, None, "nobody looks back on so old a purchase");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_look_back_can_be_switched_off() {
    let gateway = Gateway::undriven_with(&[("RECONCILE_AFTER_SECONDS", "0")]).await;
    let bought = gateway.caller().bought("k", &airtime(DELIVERED)).await;
    gateway.clock.turn(HOUR);
    assert_eq!(gateway.reconcile().await["finished"], 1);
    assert_eq!(gateway.stored(field(&bought, "purchase_id")).await.reconcile_at, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_anywhere_in_a_look_back_loses_no_reversal() {
    for point in 0.. {
        let it = Undriven::start().await;
        let bought = it.caller.bought("k", &airtime(DELIVERED)).await;
        it.resolve(&bought, "reversed").await;
        it.gateway.clock.turn(25 * HOUR);
        it.gateway.reconcile().await;
        let (tap, requery) = it.gateway.with_tap("requery").await;
        let (record, receipt) = it.gateway.receive("FollowUpQueue").await.remove(0);
        let event = json!({ "Records": [record] }).to_string();
        let crashed = crash_at(&requery, event, &tap, point).await;
        // Even if the message is lost with the crash.
        it.gateway.delete("FollowUpQueue", &receipt).await;
        it.gateway.drive(&it.requery).await;
        for _ in 0..3 {
            it.gateway.clock.turn(4 * HOUR);
            it.run().await;
        }
        let purchase = it.purchase(&bought).await;
        assert_eq!(field(&purchase, "state"), "reversed", "point {point}");
        assert!(purchase["reconciled_at"].is_string(), "point {point}");
        if !crashed {
            assert_eq!(point, 12, "read, remind, ask, announce, write, mark");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_failed_and_was_delivered_after_all_is_found() {
    let it = Undriven::start().await;
    it.caller.script(json!([{ "call": "pay", "code": "016" }])).await;
    let bought = it.caller.bought("k", &airtime(FAILED)).await;
    assert_eq!(field(&bought, "state"), "failed");
    it.resolve(&bought, "delivered").await;
    it.pass(26 * HOUR).await;
    let purchase = it.purchase(&bought).await;
    assert_eq!(field(&purchase, "state"), "failed", "a person decides");
    assert!(purchase["reconciled_at"].is_string());
    let history = it.gateway.stored(field(&bought, "purchase_id")).await.history;
    let last = history.last().unwrap();
    assert_eq!((last.source.to_string().as_str(), last.concluded), ("look_back", None));
}
