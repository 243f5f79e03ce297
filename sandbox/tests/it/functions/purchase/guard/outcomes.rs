//! Which outcomes count for and against a service.

use serde_json::{Value, json};

use super::{TOO_MANY, guarded, guarded_by, suspended};
use crate::functions::vtpass_callback::{callback, update};
use crate::support::Caller;
use crate::support::mtn::LINE;
use crate::support::purchases::{
    DELIVERED, FAILED, MINUTE, airtime, bundle, field, purchase_event,
};
use crate::support::tap::context;

/// An answer of VTpass that proves nothing and shows no order.
fn unclear() -> Value {
    json!({ "call": "pay", "code": "083", "body": { "code": "083" }, "charge": false })
}

/// VTpass has the order, and delivers it with this requery.
fn working_on_it(asks: u32) -> Value {
    json!({ "call": "pay", "code": "099", "status": "pending", "asks": asks,
            "resolves_to": "delivered" })
}

/// Sells one order for each of `answers` of VTpass.
async fn sold(caller: &Caller, name: &str, answers: Vec<Value>) {
    for (answer, order) in answers.into_iter().zip(0..) {
        caller.script(json!([answer])).await;
        caller.bought(&format!("{name}-{order}"), &airtime(DELIVERED)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_customer_the_tenant_and_ours_suspend_nothing() {
    let (gateway, caller) = guarded_by("bad=2,row=2").await;
    for code in ["010", "011", "012", "013", "017", "018", "022", "027", "028", "031", "085", "087"]
    {
        let answer = json!({ "call": "pay", "code": code });
        sold(&caller, code, vec![answer.clone(), answer]).await;
    }
    for code in ["014", "019"] {
        let answer = json!({ "call": "pay", "code": code, "body": { "code": code } });
        sold(&caller, code, vec![answer.clone(), answer]).await;
    }
    sold(&caller, "401", vec![json!({ "call": "pay", "http_status": 401 }); 2]).await;
    assert!(gateway.sells("mtn").await);
    assert!(gateway.guard("mtn").await.counts.by_minute.is_empty());
    let answer = json!({ "call": "pay", "code": "030" });
    sold(&caller, "030", vec![answer.clone(), answer]).await;
    assert!(!gateway.sells("mtn").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn unclear_outcomes_in_a_row_close_and_a_clear_one_ends_the_row() {
    let (gateway, caller) = guarded_by("bad=1000").await;
    sold(&caller, "a", vec![unclear(); 29]).await;
    assert_eq!(gateway.guard("mtn").await.counts.row, 29);
    sold(&caller, "clear", vec![json!({ "call": "pay" })]).await;
    sold(&caller, "b", vec![unclear(); 29]).await;
    assert!(gateway.sells("mtn").await);
    sold(&caller, "last", vec![unclear()]).await;
    assert!(!gateway.sells("mtn").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_outweigh_failures_up_to_half() {
    let (gateway, caller) = guarded().await;
    let (failed, delivered) = (json!({ "call": "pay", "code": "016" }), json!({ "call": "pay" }));
    sold(&caller, "first", vec![failed.clone()]).await;
    sold(&caller, "good", vec![delivered; 11]).await;
    sold(&caller, "bad", vec![failed.clone(); 9]).await;
    assert!(gateway.sells("mtn").await, "10 of 21 are bad");
    sold(&caller, "worse", vec![failed]).await;
    assert!(!gateway.sells("mtn").await, "11 of 22 are bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_suspends_nothing_even_where_failures_outweigh() {
    let (gateway, caller) = guarded().await;
    let (failed, delivered) = (json!({ "call": "pay", "code": "016" }), json!({ "call": "pay" }));
    sold(&caller, "first", vec![failed.clone()]).await;
    sold(&caller, "good", vec![delivered.clone(); 20]).await;
    gateway.clock.turn(5 * MINUTE);
    sold(&caller, "bad", vec![failed.clone(); 10]).await;
    assert!(gateway.sells("mtn").await, "11 of 31 are bad");
    gateway.clock.turn(5 * MINUTE);
    sold(&caller, "good-again", vec![delivered]).await;
    assert!(gateway.sells("mtn").await, "10 of 11 are bad, but the last one is good");
    sold(&caller, "bad-again", vec![failed]).await;
    assert!(!gateway.sells("mtn").await, "11 of 12 are bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_vtpass_works_on_counts_by_its_second_requery_and_not_again() {
    let (gateway, caller) = guarded().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    for order in 0..TOO_MANY - 1 {
        caller.bought_stuck(&format!("stuck-{order}")).await;
    }
    assert!(gateway.guard("mtn").await.counts.by_minute.is_empty(), "it is no outcome yet");
    gateway.clock.turn(MINUTE);
    gateway.drive(&requery).await;
    assert!(gateway.guard("mtn").await.counts.by_minute.is_empty(), "VTpass may just be slow");
    // Four steps more of each count once.
    for _ in 0..4 {
        gateway.clock.turn(MINUTE);
        gateway.drive(&requery).await;
    }
    let counts = gateway.guard("mtn").await.counts.by_minute;
    assert_eq!(counts.values().map(|it| (it.bad, it.good)).collect::<Vec<_>>(), [(9, 0)]);
    // One that is delivered by then speaks for the service.
    caller.script(json!([working_on_it(1)])).await;
    caller.bought("delivered", &airtime(DELIVERED)).await;
    gateway.clock.turn(MINUTE);
    gateway.drive(&requery).await;
    assert!(gateway.sells("mtn").await);
    caller.bought_stuck("last").await;
    for sells in [true, false] {
        gateway.clock.turn(MINUTE);
        gateway.drive(&requery).await;
        assert_eq!(gateway.sells("mtn").await, sells);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_whose_first_requery_could_not_be_made_is_decided_by_the_second() {
    let (gateway, caller) = guarded().await;
    let (tap, requery) = gateway.with_tap("requery").await;
    super::suspend(&caller).await;
    gateway.clock.turn(MINUTE);
    caller.script(json!([working_on_it(1)])).await;
    caller.bought("probe", &airtime(FAILED)).await;
    gateway.clock.turn(MINUTE);
    // The purchase cannot be read, so nobody is asked.
    tap.fail_store(true);
    gateway.drive(&requery).await;
    tap.fail_store(false);
    gateway.clock.turn(MINUTE);
    gateway.drive(&requery).await;
    assert!(gateway.sells("mtn").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_delivers_slowly_stays_open() {
    let (gateway, caller) = guarded().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    sold(&caller, "slow", vec![working_on_it(2); TOO_MANY]).await;
    for _ in 0..2 {
        gateway.clock.turn(MINUTE);
        gateway.drive(&requery).await;
        assert!(gateway.sells("mtn").await);
    }
    assert_eq!(caller.listed("/purchases?state=delivered").await.len(), TOO_MANY);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_webhook_leads_to_counts_as_a_requery_does() {
    let (gateway, caller) = guarded().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    let settled = async |key: String, state: &str| {
        caller.script(json!([working_on_it(1_000)])).await;
        let bought = caller.bought(&key, &airtime(FAILED)).await;
        let resolved =
            json!({ "request_id": bought["request_id"], "state": state, "webhook": false });
        caller.control("/resolve", resolved).await;
        callback(&caller, &update(field(&bought, "request_id"))).await.ok();
        gateway.drive_queue("FollowUpQueue", &requery).await;
        assert_eq!(caller.purchase(field(&bought, "purchase_id")).await["state"], state);
    };
    for order in 0..TOO_MANY {
        settled(format!("failed-{order}"), "failed").await;
    }
    assert!(!gateway.sells("mtn").await);
    gateway.clock.turn(MINUTE);
    settled("probe".to_owned(), "delivered").await;
    assert!(gateway.sells("mtn").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_vtpass_works_on_is_decided_by_its_second_requery_at_last() {
    // How often VTpass is asked until it has delivered, and after which requery it is decided.
    for (asks, opens, decided) in [(1, true, 1), (2, true, 2), (1_000, false, 2)] {
        let (gateway, caller) = guarded().await;
        let (_tap, requery) = gateway.with_tap("requery").await;
        super::suspend(&caller).await;
        gateway.clock.turn(MINUTE);
        caller.script(json!([working_on_it(asks)])).await;
        assert_eq!(caller.bought("probe", &airtime(FAILED)).await["state"], "pending");
        for requery_of in 0..decided {
            let word = format!("{asks}: before requery {requery_of}");
            assert!(gateway.guard("mtn").await.state.closed.unwrap().probe.is_some(), "{word}");
            suspended(&caller.buy(&word.replace(' ', "-"), &airtime(DELIVERED)).await);
            gateway.clock.turn(MINUTE);
            gateway.drive(&requery).await;
        }
        assert_eq!(gateway.sells("mtn").await, opens, "{asks}");
        let closed = gateway.guard("mtn").await.state.closed;
        assert_eq!(closed.map(|it| it.failed_probes), (!opens).then_some(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_is_refused_for_another_reason_makes_room_for_the_next() {
    let (gateway, caller) = guarded().await;
    for order in 0..TOO_MANY {
        caller.bought(&format!("failing-{order}"), &bundle(FAILED)).await;
    }
    gateway.clock.turn(MINUTE);
    let mut other = bundle(DELIVERED);
    other["variation_code"] = json!("no-such-bundle");
    caller.buy("other", &other).await.refused(400, "invalid_request");
    assert!(gateway.guard("etisalat-data").await.state.closed.unwrap().probe.is_none());
    assert_eq!(caller.bought("next", &bundle(DELIVERED)).await["state"], "delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_says_nothing_makes_room_for_the_next() {
    let (gateway, caller) = guarded().await;
    super::suspend(&caller).await;
    gateway.clock.turn(MINUTE);
    sold(&caller, "poor", vec![json!({ "call": "pay", "code": "018" })]).await;
    assert!(gateway.guard("mtn").await.state.closed.unwrap().probe.is_none());
    assert_eq!(caller.bought("next", &airtime(DELIVERED)).await["state"], "delivered");
    assert!(gateway.sells("mtn").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn refills_that_nobody_can_ask_about_suspend_refills_only() {
    let (gateway, caller) = guarded_by("bad=4").await;
    let refill = json!({ "service_id": "mtn-refill", "phone": LINE, "amount_kobo": 50_000,
                         "refill_type": "voucherless", "refill_profile_id": "P1" });
    let buy = async |key: &str, answer: Value| {
        caller.mtn_script(answer).await;
        let bought = caller.bought(key, &refill).await;
        field(&bought, "state").to_owned()
    };
    let error = |status: u16, code: &str| {
        json!({ "operation": "refill", "answer": "error", "http_status": status,
                "status_code": code })
    };
    for code in ["1000", "5000"] {
        assert_eq!(buy(code, error(400, code)).await, "failed");
    }
    assert!(gateway.guard("mtn-refill").await.counts.by_minute.is_empty());
    for key in ["a", "b", "c", "d"] {
        assert!(gateway.sells("mtn-refill").await);
        assert_eq!(buy(key, error(500, "3001")).await, "needs_review");
    }
    suspended(&caller.buy("refused", &refill).await);
    caller.bought("airtime", &airtime(DELIVERED)).await;
}

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn is_below(&mut self, percent: u64) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % 100 < percent
    }
}

/// A hundred hours in which 25 orders come within ten minutes, again and again, and 5 % of them fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_healthy_hours_do_not_close() {
    let (gateway, caller) = guarded().await;
    let (_tap, purchase) = gateway.with_tap("purchase").await;
    let (mut dice, mut failed) = (Dice(7), 0);
    for order in 0..500 {
        // Together 6,000 minutes.
        let pause = if order % 25 == 0 { 291 * MINUTE } else { MINUTE * 3 / 8 };
        gateway.clock.turn(pause);
        let fails = dice.is_below(5);
        failed += u32::from(fails);
        let body = airtime(if fails { FAILED } else { DELIVERED });
        let answer = purchase(purchase_event(&format!("{order}"), &body), context()).await.unwrap();
        assert_eq!(answer["statusCode"], 201, "{answer}");
    }
    assert!((12..40).contains(&failed), "{failed}");
    let guard = gateway.guard("mtn").await;
    assert!(guard.state.changes.is_empty());
    assert!(guard.counts.by_minute.len() <= 11, "what is outdated is removed: {:?}", guard.counts);
    assert_eq!(caller.ledger().await.len(), 500);
}
