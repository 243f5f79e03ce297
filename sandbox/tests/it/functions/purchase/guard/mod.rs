//! A service whose orders mostly fail or stay unclear is not sold, until one order shows that it works
//! again.

mod events;
mod outcomes;

use std::sync::Arc;
use std::time::Duration;

use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};
use shared::domain::guard::{Guard, Sale};
use shared::platform::environment::Environment;
use shared::store::Guards;

use crate::support::purchases::{
    DELIVERED, FAILED, MINUTE, airtime, bundle, field, purchase_event,
};
use crate::support::tap::{Tap, context};
use crate::support::{Caller, Gateway, Reply};

/// How many failed orders suspend a service.
pub const TOO_MANY: usize = 10;
const PAUSE: Duration = Duration::from_secs(30);

/// A gateway with a guard, which the tests' other gateways do not have.
pub async fn guarded() -> (Gateway, Caller) {
    guarded_by("").await
}

/// The same with thresholds of its own.
pub async fn guarded_by(thresholds: &str) -> (Gateway, Caller) {
    let gateway = Gateway::undriven_with(&[("GUARD", thresholds)]).await;
    let caller = gateway.caller();
    (gateway, caller)
}

pub fn glo(phone: &str) -> Value {
    json!({ "service_id": "glo", "phone": phone, "amount_kobo": 10_000 })
}

/// Airtime of MTN fails at VTpass so often that it is suspended.
pub async fn suspend(caller: &Caller) {
    for order in 0..TOO_MANY {
        let bought = caller.bought(&format!("failing-{order}"), &airtime(FAILED)).await;
        assert_eq!(bought["state"], "failed");
    }
}

/// Asserts that an order was refused because its service is suspended, and gives the seconds to wait.
pub fn suspended(reply: &Reply) -> u64 {
    let message = reply.refused(503, "upstream_unavailable");
    assert!(message.contains("is suspended"), "{message}");
    reply.retry_after.as_deref().unwrap().parse().unwrap()
}

impl Gateway {
    pub fn guards(&self) -> Guards {
        let environment = Environment { clock: self.clock.clock(), ..Environment::real() };
        Guards::from_vars(&self.vars_of("purchase"), &environment, &self.dynamodb()).unwrap()
    }

    pub async fn guard(&self, service_id: &str) -> Guard {
        self.guards().get(service_id).await.unwrap()
    }

    /// Whether a service is sold, by what is stored.
    pub async fn sells(&self, service_id: &str) -> bool {
        self.guards().seen(&[service_id]).await.unwrap()[0].sale == Sale::On
    }

    async fn instances(&self, count: usize) -> Vec<(Arc<Tap>, Entry)> {
        let mut instances = Vec::new();
        for _ in 0..count {
            instances.push(self.with_tap("purchase").await);
        }
        instances
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_a_suspended_service_are_refused_before_anything_is_recorded() {
    let (gateway, caller) = guarded().await;
    suspend(&caller).await;
    assert!(!gateway.sells("mtn").await);
    let counted = async || {
        let mut items = gateway.scan("LimitsTable").await;
        items.retain(|item| !field(item, "pk").starts_with("guard#"));
        (items, gateway.items("PurchasesTable").await, gateway.messages("RequeryQueue").await)
    };
    let before = counted().await;
    let refused = caller.buy("refused", &airtime(DELIVERED)).await;
    assert_eq!(suspended(&refused), 30);
    assert_eq!(counted().await, before);
    assert_eq!(before.1, TOO_MANY);
    assert_eq!(caller.ledger().await.len(), TOO_MANY, "VTpass heard of no more");

    // What was bought before is answered.
    let repeated = caller.bought("failing-0", &airtime(FAILED)).await;
    assert_eq!(repeated["state"], "failed");
    let other = caller.buy("failing-0", &airtime(DELIVERED)).await;
    other.refused(409, "idempotency_conflict");
    // A service that works is sold.
    for body in [glo(DELIVERED), bundle(DELIVERED)] {
        let key = field(&body, "service_id").to_owned();
        assert_eq!(caller.bought(&key, &body).await["state"], "delivered");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_probe_at_a_time_goes_through_and_the_first_delivery_opens() {
    let (gateway, caller) = guarded().await;
    suspend(&caller).await;
    let instances = gateway.instances(2).await;
    // Each probe fails, and the pauses grow.
    for (round, wait) in [30, 60, 120, 240, 300, 300].into_iter().enumerate() {
        gateway.clock.turn(Duration::from_secs(wait - 1));
        assert_eq!(suspended(&caller.buy("early", &airtime(DELIVERED)).await), 1);
        gateway.clock.turn(Duration::from_secs(1));
        let before = caller.ledger().await.len();
        let orders = instances.iter().enumerate().flat_map(|(instance, (_, purchase))| {
            (0..3).map(move |order| {
                let key = format!("probe-{round}-{instance}-{order}");
                purchase(purchase_event(&key, &airtime(FAILED)), context())
            })
        });
        let answers = futures_util::future::join_all(orders).await;
        let mut statuses: Vec<_> =
            answers.into_iter().map(|it| it.unwrap()["statusCode"].as_u64().unwrap()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 503, 503, 503, 503, 503], "round {round}");
        assert_eq!(caller.ledger().await.len(), before + 1);
    }
    gateway.clock.turn(Duration::from_secs(300));
    assert_eq!(caller.bought("works", &airtime(DELIVERED)).await["state"], "delivered");
    assert!(gateway.sells("mtn").await);
    // It begins anew: what was counted before is forgotten.
    for order in 0..TOO_MANY - 1 {
        caller.bought(&format!("again-{order}"), &airtime(FAILED)).await;
    }
    assert!(gateway.sells("mtn").await);
    caller.bought("again", &airtime(FAILED)).await;
    assert!(!gateway.sells("mtn").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_closes_within_the_window_and_ends_by_itself() {
    let (gateway, caller) = guarded().await;
    let instances = gateway.instances(2).await;
    instances.iter().for_each(|(tap, _)| tap.silence_vtpass(true));
    let order = async |key: String, purchase: &Entry| {
        let answer = purchase(purchase_event(&key, &airtime(DELIVERED)), context()).await.unwrap();
        answer["statusCode"].as_u64().unwrap()
    };
    let mut seconds = 0;
    while gateway.sells("mtn").await {
        for (instance, (_, purchase)) in instances.iter().enumerate() {
            let status = order(format!("{seconds}-{instance}"), purchase).await;
            assert!(matches!(status, 202 | 503), "{status}");
        }
        gateway.clock.turn(Duration::from_secs(10));
        seconds += 10;
        assert!(seconds <= 600, "the guard closes within its window");
    }
    // Nobody is charged twice by what is refused now.
    let paid = caller.ledger().await.len();
    for (instance, (_, purchase)) in instances.iter().enumerate() {
        assert_eq!(order(format!("refused-{instance}"), purchase).await, 503);
    }
    assert_eq!(caller.ledger().await.len(), paid);

    // VTpass is back, and orders come in.
    instances.iter().for_each(|(tap, _)| tap.silence_vtpass(false));
    let mut orders = 0;
    while !gateway.sells("mtn").await {
        gateway.clock.turn(Duration::from_secs(10));
        order(format!("back-{orders}"), &instances[orders % 2].1).await;
        orders += 1;
        assert!(orders <= 36, "it opens within five minutes of the last probe, and a minute");
    }
    gateway.clock.turn(MINUTE);
    for (instance, (_, purchase)) in instances.iter().enumerate() {
        assert_eq!(order(format!("open-{instance}"), purchase).await, 201);
    }
}

/// For ten minutes VTpass gives no usable answer about airtime of MTN, in two instances. It sells all else.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_ten_minutes_costs_few_orders_and_suspends_no_other_service() {
    let (gateway, caller) = guarded().await;
    let instances = gateway.instances(2).await;
    let unusable = json!({ "call": "pay", "phone": FAILED, "http_status": 502 });
    caller.script(Value::Array(vec![unusable; 120])).await;
    let order = async |key: String, body: &Value, purchase: &Entry| {
        let answer = purchase(purchase_event(&key, body), context()).await.unwrap();
        answer["statusCode"].as_u64().unwrap()
    };
    let (mut tried, mut closed_after) = (0, None);
    for seconds in (0..600).step_by(10) {
        for (instance, (_, purchase)) in instances.iter().enumerate() {
            let key = |service| format!("{service}-{seconds}-{instance}");
            let status = order(key("mtn"), &airtime(FAILED), purchase).await;
            assert!(matches!(status, 202 | 503), "{status}");
            tried += usize::from(status == 202);
            assert_eq!(order(key("glo"), &glo(DELIVERED), purchase).await, 201, "it works");
        }
        if closed_after.is_none() && !gateway.sells("mtn").await {
            closed_after = Some(seconds);
        }
        gateway.clock.turn(Duration::from_secs(10));
    }
    assert!(closed_after.is_some_and(|seconds| seconds <= 60), "{closed_after:?}");
    // The pauses before its probes: 30, 60, 120, 240 s.
    assert_eq!(tried, TOO_MANY + 4, "of 120 orders");
    assert!(gateway.guard("glo").await.revision.is_none(), "nothing speaks against it");
    // It is over, and the next probe is due within five minutes.
    gateway.clock.turn(5 * MINUTE);
    assert_eq!(order("back".to_owned(), &airtime(DELIVERED), &instances[1].1).await, 201);
    assert!(gateway.sells("mtn").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_failures_at_once_in_two_instances_close_once() {
    let (gateway, _) = guarded().await;
    let instances = gateway.instances(2).await;
    let orders = (0..2 * TOO_MANY).map(|order| {
        let key = format!("at-once-{order}");
        instances[order % 2].1(purchase_event(&key, &airtime(FAILED)), context())
    });
    for answer in futures_util::future::join_all(orders).await {
        assert!(matches!(answer.unwrap()["statusCode"].as_u64(), Some(201 | 503)));
    }
    let guard = gateway.guard("mtn").await;
    assert_eq!(guard.state.changes.len(), 1, "{:?}", guard.state);
    assert!(guard.state.closed.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_sale_is_shown() {
    let (gateway, caller) = guarded().await;
    let shown = async || {
        let providers = caller.get("/providers").await.ok()["data"].take();
        assert_eq!(providers[0]["provider"], "vtpass");
        let services = providers[0]["services"].as_array().unwrap().iter();
        services.clone().find(|it| it["service_id"] == "etisalat-data").unwrap().clone()
    };
    let on_sale = async || {
        let catalogue = caller.get("/services/etisalat-data/variations").await.ok();
        assert_eq!(catalogue["data"]["service_id"], "etisalat-data");
        catalogue["data"]["on_sale"].clone()
    };
    let fresh = json!({ "service_id": "etisalat-data", "on_sale": true, "lately": "unknown",
                        "suspended_since": null, "reason": null });
    assert_eq!((shown().await, on_sale().await), (fresh, json!(true)));
    for order in 0..TOO_MANY {
        caller.bought(&format!("{order}"), &bundle(FAILED)).await;
    }
    let closed = shown().await;
    assert_eq!((&closed["on_sale"], on_sale().await), (&json!(false), json!(false)));
    assert!(closed["suspended_since"].is_string() && closed["reason"].is_string());
    let providers = caller.get("/providers").await.ok()["data"].take();
    let on: Vec<_> = providers.as_array().unwrap().iter().map(|it| it["on"].clone()).collect();
    assert_eq!(on, [true, true, true]);
    gateway.clock.turn(PAUSE);
    caller.bought("works", &bundle(DELIVERED)).await;
    assert_eq!((&shown().await["on_sale"], on_sale().await), (&json!(true), json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_show_how_they_were_seen_lately_and_say_what_is_not_known() {
    let (gateway, caller) = guarded().await;
    let lately = async || {
        let providers = caller.get("/providers").await.ok()["data"].take();
        let services = providers[0]["services"].as_array().unwrap();
        let mtn = services.iter().find(|it| it["service_id"] == "mtn").unwrap();
        let of = |it: &Value| field(it, "lately").to_owned();
        [of(mtn), of(&providers[0]), of(&providers[1]), of(&providers[2])]
    };
    caller.bought("good", &airtime(DELIVERED)).await;
    assert_eq!(lately().await, ["unknown"; 4], "while all goes well nothing is counted");
    for order in 0..3 {
        caller.bought(&format!("bad-{order}"), &airtime(FAILED)).await;
    }
    let one_is_down = ["down", "unknown", "unknown", "unknown"];
    assert_eq!(lately().await, one_is_down, "the others may be selling well");
    for (more, expected) in [(1, "slow"), (12, "working")] {
        for order in 0..more {
            caller.bought(&format!("{expected}-{order}"), &airtime(DELIVERED)).await;
        }
        assert_eq!(lately().await, [expected, expected, "unknown", "unknown"]);
    }
    gateway.clock.turn(Duration::from_secs(660));
    assert_eq!(lately().await, ["unknown"; 4], "too long ago");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_is_off_or_cannot_be_read_sells() {
    let (gateway, caller) = guarded_by("off").await;
    suspend(&caller).await;
    caller.bought("off", &airtime(DELIVERED)).await;
    assert!(gateway.guard("mtn").await.revision.is_none(), "nothing is written");

    let (gateway, caller) = guarded().await;
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let put = gateway.dynamodb().put_item().table_name("LimitsTable").item("pk", text("guard#mtn"));
    put.item("closed", text("of another shape")).send().await.unwrap();
    suspend(&caller).await;
    caller.bought("unreadable", &airtime(DELIVERED)).await;
    let mut items = gateway.scan("LimitsTable").await;
    items.retain(|item| field(item, "pk") == "guard#mtn");
    let counted = |item: &Value| item.as_object().unwrap().keys().any(|it| it.starts_with("bad"));
    assert!(
        items.iter().any(counted),
        "what went wrong is counted for whoever can read it: {items:?}"
    );
}
