//! What tenants and operators are told of a suspension.

use std::time::Duration;

use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};
use shared::domain::guard::{State, Word};
use shared::store::GuardChange;

use super::{TOO_MANY, guarded, suspend, suspended};
use crate::functions::webhooks::{receiver, types};
use crate::support::purchases::{DELIVERED, FAILED, MINUTE, airtime, field, purchase_event};
use crate::support::tap::crash_at;
use crate::support::{Caller, Gateway, OTHER_KEY};

/// The events about services, oldest first.
async fn told(caller: &Caller) -> Vec<Value> {
    let events = caller.get("/events?limit=100").await.ok();
    let events = events["data"].as_array().unwrap().iter().rev();
    events.filter(|it| field(it, "type").starts_with("service.")).cloned().collect()
}

async fn told_types(caller: &Caller) -> Vec<String> {
    told(caller).await.iter().map(|it| field(it, "type").to_owned()).collect()
}

async fn tell(gateway: &Gateway, notify: &Entry) {
    for _ in 0..6 {
        gateway.clock.turn(Duration::from_secs(1));
        gateway.drive_queue("NotifyQueue", notify).await;
    }
}

impl Gateway {
    /// An operator changes a guard, as the operator's tool does.
    async fn operate(&self, make: impl Fn(&State) -> Option<State>) -> GuardChange {
        let (guards, seen) = (self.guards(), self.guard("mtn").await);
        guards.change(&self.outbox(), seen, make).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tenant_is_told_once_that_a_service_is_suspended_and_that_it_is_sold_again() {
    let (gateway, caller) = guarded().await;
    let (_tap, notify) = gateway.with_tap("notify").await;
    let hooks = receiver().await;
    gateway.other_caller().endpoint_at(&hooks).await;
    suspend(&caller).await;
    tell(&gateway, &notify).await;
    gateway.clock.turn(MINUTE);
    caller.bought("works", &airtime(DELIVERED)).await;
    tell(&gateway, &notify).await;
    // An announcement that comes once more tells nothing more.
    let again = json!({ "kind": "announced", "subject": "service", "service_id": "mtn",
                        "event": "service.suspended", "at_ms": 0, "step": 0 });
    let batch = json!({ "Records": [{ "messageId": "m", "body": again.to_string() }] });
    notify(batch.to_string(), crate::support::tap::context()).await.unwrap();
    for tenant in [&caller, &gateway.other_caller()] {
        assert_eq!(told_types(tenant).await, ["service.suspended", "service.resumed"]);
        let first = &told(tenant).await[0]["data"];
        assert_eq!((&first["service_id"], &first["on_sale"]), (&json!("mtn"), &json!(false)));
        let shown = gateway.guard("mtn").await.state.changes[0].at;
        assert_eq!(first["at"], shared::domain::time::to_iso(shown));
    }
    let operators = gateway.told_operator().await;
    let operators: Vec<_> = operators.iter().map(|it| field(it, "type")).collect();
    assert_eq!(operators, ["service.suspended", "service.resumed"], "and so is the operator");
    let (_tap, send) = gateway.with_tap("send-webhook").await;
    gateway.drive_queue("WebhookQueue", &send).await;
    let mut sent = types(&hooks);
    sent.sort_unstable();
    sent.dedup();
    assert_eq!(sent, ["service.resumed", "service.suspended"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_key_cannot_be_read_is_told_of_a_suspension_too() {
    let (gateway, caller) = guarded().await;
    let (_tap, notify) = gateway.with_tap("notify").await;
    gateway.set_key_kind(OTHER_KEY, "of_tomorrow").await;
    suspend(&caller).await;
    tell(&gateway, &notify).await;
    gateway.set_key_kind(OTHER_KEY, "test").await;
    assert_eq!(told_types(&gateway.other_caller()).await, ["service.suspended"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_anywhere_while_it_closes_tenants_are_told_what_is_stored() {
    for point in 0.. {
        let (gateway, caller) = guarded().await;
        let (_tap, notify) = gateway.with_tap("notify").await;
        for order in 0..TOO_MANY - 1 {
            caller.bought(&format!("failing-{order}"), &airtime(FAILED)).await;
        }
        let (tap, purchase) = gateway.with_tap("purchase").await;
        let last = purchase_event("last", &airtime(FAILED));
        let crashed = crash_at(&purchase, last, &tap, point).await;
        // Announcements that nothing was written for are looked at for three minutes.
        for _ in 0..6 {
            gateway.clock.turn(Duration::from_secs(121));
            gateway.drive_queue("NotifyQueue", &notify).await;
        }
        let expected: &[&str] =
            if gateway.sells("mtn").await { &[] } else { &["service.suspended"] };
        assert_eq!(told_types(&caller).await, expected, "point {point}");
        if !crashed {
            assert!(!gateway.sells("mtn").await);
            // Two reads, two counts, send, put, pay, announcement, update; at the guard: count,
            // announcement, close; what was counted is given back.
            assert!(point >= 2 * 13, "every call was crashed at: {point}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_word_of_an_operator_is_told_and_ends_at_its_time() {
    let (gateway, caller) = guarded().await;
    let (_tap, notify) = gateway.with_tap("notify").await;
    let now = || gateway.environment().clock.now();
    let word = |on_sale, minutes: Option<i64>| {
        let until = minutes.map(|minutes| now() + time::Duration::minutes(minutes));
        Word { on_sale, since: now(), until, because: "VTpass is maintained.".to_owned() }
    };
    gateway.operate(|state| Some(state.say(word(false, Some(10)), "ada"))).await;
    let refused = caller.buy("refused", &airtime(DELIVERED)).await;
    assert_eq!(suspended(&refused), 600);
    assert!(refused.text.contains("VTpass is maintained"), "{}", refused.text);
    gateway.clock.turn(10 * MINUTE);
    caller.bought("after", &airtime(DELIVERED)).await;
    tell(&gateway, &notify).await;
    assert_eq!(told_types(&caller).await, ["service.suspended", "service.resumed"]);
    assert_eq!(told(&caller).await[0]["data"]["reason"], "VTpass is maintained.");

    // Open: it is sold whatever happens, until the word is taken back.
    gateway.operate(|state| Some(state.say(word(true, None), "ada"))).await;
    for order in 0..2 * TOO_MANY {
        caller.bought(&format!("open-{order}"), &airtime(FAILED)).await;
    }
    let back = |state: &State| state.take_back("ada", "enough", now());
    assert!(matches!(gateway.operate(back).await, GuardChange::Made(_)));
    assert!(matches!(gateway.operate(back).await, GuardChange::Needless(_)));
    suspend(&caller).await;
    suspended(&caller.buy("closed", &airtime(DELIVERED)).await);
    let changes = gateway.guard("mtn").await.state.changes;
    let by: Vec<_> = changes.iter().map(|it| (it.by.as_str(), it.on_sale)).collect();
    let ada = |on_sale| ("ada", on_sale);
    let automatic = |on_sale| ("automatic", on_sale);
    assert_eq!(by, [ada(false), automatic(true), ada(true), ada(true), automatic(false)]);
}
