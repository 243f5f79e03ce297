//! VTpass gives no answer for an hour, while orders come in: callers are refused at once, nothing is
//! charged twice, and what VTpass does not delay goes on.

use std::sync::Arc;
use std::time::Duration;

use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};

use crate::functions::vtpass_callback::{callback, update};
use crate::support::mtn::ANSWER_TIME;
use crate::support::purchases::{DELIVERED, airtime, field, purchase_event};
use crate::support::tap::{Tap, context, crash_at};
use crate::support::{Caller, Gateway, KEY, event};

/// The hour, in parts of 20 seconds. 20 orders come in each.
const PARTS: usize = 180;
const PART: Duration = Duration::from_secs(20);
const ORDERS: usize = 20;

struct Outage {
    gateway: Gateway,
    caller: Caller,
    tap: Arc<Tap>,
    purchase: Entry,
    requery: Entry,
}

impl Outage {
    async fn begin() -> Self {
        let (gateway, caller) = Gateway::undriven_with_caller().await;
        let (tap, purchase) = gateway.with_tap("purchase").await;
        let requery = gateway.tapped("requery", &tap).await;
        Self { gateway, caller, tap, purchase, requery }
    }

    async fn order(&self, key: &str) -> Value {
        let event = purchase_event(key, &airtime(DELIVERED));
        (self.purchase)(event, context()).await.unwrap()
    }

    /// How often VTpass was called in one way.
    fn calls(&self, operation: &str) -> usize {
        self.tap.seen().iter().filter(|seen| *seen == operation).count()
    }

    /// An hour of orders without an answer of VTpass. Gives how many were taken; all others were
    /// refused at once.
    async fn hour(&self) -> usize {
        let mut taken = 0;
        for part in 0..PARTS {
            self.gateway.clock.turn(PART);
            for order in 0..ORDERS {
                let before = self.calls("/api/pay");
                let answer = self.order(&format!("k-{part}-{order}")).await;
                if self.calls("/api/pay") > before {
                    assert_eq!(answer["statusCode"], 202);
                    taken += 1;
                    continue;
                }
                assert_eq!(answer["statusCode"], 503, "{answer}");
                assert!(field(&answer, "body").contains("upstream_unavailable"), "{answer}");
                let wait: u64 = answer["headers"]["retry-after"].as_str().unwrap().parse().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
            }
            self.gateway.drive(&self.requery).await;
        }
        taken
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_without_vtpass_refuses_callers_bounds_calls_and_settles_afterwards() {
    let it = Outage::begin().await;
    it.tap.silence_vtpass(true);
    let taken = it.hour().await;
    // Five to find out. Then one in each pause, which is a minute at last.
    let most = 5 + 4 + 60;
    assert!((5..=most).contains(&taken), "{taken}");
    assert!((5..=most).contains(&it.calls("/api/requery")), "{}", it.calls("/api/requery"));
    let recorded = it.gateway.items("PurchasesTable").await;
    assert_eq!(recorded, taken, "nothing is recorded of what was refused");

    it.tap.silence_vtpass(false);
    for _ in 0..8 {
        it.gateway.clock.turn(Duration::from_secs(900));
        it.gateway.drive(&it.requery).await;
    }
    let orders = it.caller.ledger().await;
    assert_eq!(orders.len(), taken);
    for order in orders {
        assert_eq!((&order["pay_calls"], &order["charged_times"]), (&json!(1), &json!(1)));
    }
    assert_eq!(it.caller.listed("/purchases?state=delivered&limit=100").await.len(), taken);
    assert_eq!(it.order("after").await["statusCode"], 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_refused_at_once_is_not_counted() {
    let it = Outage::begin().await;
    it.tap.silence_vtpass(true);
    for key in 0..6 {
        it.order(&format!("k-{key}")).await;
    }
    let counted = it.gateway.scan("LimitsTable").await;
    assert_eq!(it.order("refused").await["statusCode"], 503);
    assert_eq!(it.gateway.scan("LimitsTable").await, counted);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlink_and_a_question_to_mtn_are_handled_meanwhile_and_a_hint_is_kept() {
    let it = Outage::begin().await;
    let bought = it.caller.bought("delivered", &airtime(DELIVERED)).await;
    it.tap.silence_vtpass(true);
    for key in 0..10 {
        it.order(&format!("k-{key}")).await;
    }
    // The requery knows that VTpass is down.
    it.gateway.clock.turn(Duration::from_secs(60));
    it.gateway.drive(&it.requery).await;

    let reversed = json!({ "request_id": bought["request_id"], "state": "reversed",
                           "webhook": false });
    it.caller.control("/resolve", reversed).await;
    callback(&it.caller, &update(field(&bought, "request_id"))).await.ok();
    let line = it.caller.line().await;
    it.caller.mtn_answers("recharges", &["lost", "now"]).await;
    let question = it.caller.asked(&line, "recharges").await;
    let leaving = it.caller.link("07082109281", "airtel").await;
    let (tap, consent) = it.gateway.with_tap("consent").await;
    let unlink = event(KEY, "POST /accounts/{id}/unlink", &[("id", &leaving)], "{}");
    assert!(crash_at(&consent, unlink, &tap, 10).await);

    it.gateway.clock.turn(ANSWER_TIME);
    it.gateway.drive_queue("FollowUpQueue", &it.requery).await;
    assert_eq!(it.caller.request(&question).await["state"], "available");
    assert_eq!(it.caller.consent_state(&leaving).await, "unlinked");
    assert_eq!(
        field(&it.caller.purchase(field(&bought, "purchase_id")).await, "state"),
        "delivered"
    );

    it.tap.silence_vtpass(false);
    it.gateway.clock.turn(Duration::from_secs(900));
    it.gateway.drive(&it.requery).await;
    it.gateway.clock.turn(Duration::from_secs(900));
    it.gateway.drive(&it.requery).await;
    assert_eq!(
        field(&it.caller.purchase(field(&bought, "purchase_id")).await, "state"),
        "reversed"
    );
}
