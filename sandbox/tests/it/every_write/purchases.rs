//! Purchases and catalogues.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::domain::purchase::{Attempt, Source, State, Transition};
use shared::platform::environment::Environment;
use shared::store::{Changed, Purchases};

use super::loss::Loss;
use crate::functions::vtpass_callback::{callback, update};
use crate::support::purchases::{
    DELIVERED, FAILED, PENDING, airtime, bundle, field, id_of, purchase_event,
};
use crate::support::tap::Tap;
use crate::support::{Gateway, KEY, event, tenant_of};

const DAY: Duration = Duration::from_secs(86_400);

/// Buys, with one write repeated, and gives the status and the history.
async fn buy(gateway: &Gateway, body: &Value, loss: Loss) -> (Value, Vec<Attempt>) {
    let (tap, purchase) = gateway.with_tap("purchase").await;
    let answer = loss.run(&tap, &purchase, purchase_event("k", body)).await;
    let stored = gateway.stored(&id_of("k")).await;
    let order = gateway.caller().order(stored.reference.as_str()).await.unwrap();
    assert_eq!((&order["pay_calls"], &order["charged_times"]), (&json!(1), &json!(1)), "{order}");
    (answer["statusCode"].clone(), stored.history)
}

/// The sources of the lines of a purchase's history.
async fn sources(gateway: &Gateway, id: &str) -> Vec<Source> {
    gateway.stored(id).await.history.into_iter().map(|line| line.source).collect()
}

/// Hands everything that is due to the requery, with one write repeated.
async fn drive(gateway: &Gateway, loss: Loss) {
    let (tap, requery) = gateway.with_tap("requery").await;
    loss.begin(&tap);
    gateway.drive(&requery).await;
    loss.end(&tap);
}

pub async fn a_purchase_is_recorded_as_new_and_paid_once(loss: Loss) {
    let gateway = Gateway::undriven().await;
    let (status, history) = buy(&gateway, &airtime(DELIVERED), loss).await;
    assert_eq!((status, history.len()), (json!(201), 1));
    assert_eq!(gateway.items("PurchasesTable").await, 1);
}

pub async fn a_delivery_is_recorded_once(loss: Loss) {
    let gateway = Gateway::undriven().await;
    let (status, history) = buy(&gateway, &airtime(DELIVERED), loss).await;
    assert_eq!((status, history.len()), (json!(201), 1), "{history:?}");
}

pub async fn a_wait_is_recorded_once(loss: Loss) {
    let gateway = Gateway::undriven().await;
    let (status, history) = buy(&gateway, &airtime(PENDING), loss).await;
    assert_eq!((status, history.len()), (json!(202), 1), "{history:?}");
}

pub async fn a_step_is_recorded_once(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought_stuck("k").await;
    let id = field(&bought, "purchase_id");
    gateway.clock.turn(Duration::from_secs(60));
    drive(&gateway, loss).await;
    assert_eq!(sources(&gateway, id).await, [Source::Pay, Source::Requery]);
    assert_eq!(gateway.stored(id).await.step, 1);
    assert_eq!(gateway.messages("RequeryQueue").await, 1);
}

pub async fn a_contradiction_is_recorded_once(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let failed = json!([{ "call": "requery", "code": "016", "status": "failed" }]);
    caller.script(failed).await;
    callback(&caller, &update(field(&bought, "request_id"))).await.ok();
    drive(&gateway, loss).await;
    let id = field(&bought, "purchase_id");
    assert_eq!(sources(&gateway, id).await, [Source::Pay, Source::Hint]);
    assert_eq!(caller.purchase(id).await["state"], "delivered");
}

pub async fn a_purchase_is_handed_to_a_person_once(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought_stuck("k").await;
    let id = field(&bought, "purchase_id");
    gateway.clock.turn(DAY);
    drive(&gateway, loss).await;
    let expected = [Source::Pay, Source::Requery, Source::Deadline];
    assert_eq!(sources(&gateway, id).await, expected);
    assert_eq!(caller.purchase(id).await["state"], "needs_review");
    assert_eq!(gateway.jobs().await, 0);
}

pub async fn an_overdue_chain_is_restarted_once(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought_stuck("k").await;
    gateway.empty("RequeryQueue").await;
    gateway.clock.turn(DAY);
    let (tap, reconcile) = gateway.with_tap("reconcile").await;
    let done = loss.run(&tap, &reconcile, "{}".to_owned()).await;
    assert_eq!((&done["restarted"], &done["failed"]), (&json!(1), &json!(0)));
    assert_eq!(gateway.messages("RequeryQueue").await, 1);
    let stored = gateway.stored(field(&bought, "purchase_id")).await;
    assert!(stored.reconcile_at > Some(gateway.clock.clock().now()));
}

pub async fn a_look_back_is_recorded(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    gateway.empty("RequeryQueue").await;
    gateway.clock.turn(DAY);
    gateway.reconcile().await;
    drive(&gateway, loss).await;
    let stored = gateway.stored(field(&bought, "purchase_id")).await;
    assert_eq!(stored.reconciled_at, Some(gateway.clock.clock().now()));
    assert_eq!((stored.reconcile_at, stored.history.len()), (None, 1));
    assert_eq!(gateway.jobs().await, 0);
}

pub async fn a_hint_is_marked_and_sent_once(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(PENDING)).await;
    let before = gateway.jobs().await;
    let (tap, function) = gateway.with_tap("vtpass-callback").await;
    let body = update(field(&bought, "request_id")).to_string();
    let hint = event(KEY, "POST /callbacks/vtpass", &[], &body);
    let answer = loss.run(&tap, &function, hint).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(gateway.jobs().await, before + 1);
    let stored = gateway.stored(field(&bought, "purchase_id")).await;
    assert_eq!(stored.hinted_at, gateway.clock.clock().now());
}

pub async fn the_next_step_of_a_hint_is_marked_and_sent_once(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let before = gateway.jobs().await;
    let (tap, function) = gateway.with_tap("requery").await;
    caller.script(json!([{ "call": "requery", "http_status": 502 }])).await;
    let id = field(&bought, "purchase_id");
    let hint = json!({ "kind": "hint", "tenant": tenant_of(KEY), "purchase_id": id, "step": 0 });
    let batch = json!({ "Records": [{ "messageId": "m", "body": hint.to_string() }] });
    let answer = loss.run(&tap, &function, batch.to_string()).await;
    assert_eq!(answer["batchItemFailures"], json!([]));
    assert_eq!(gateway.jobs().await, before + 1);
    let due = gateway.stored(id).await.hint_again_at.expect("a mark");
    assert!(due > gateway.clock.clock().now());
}

pub async fn an_acknowledgement_is_recorded(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    caller.script(json!([{ "call": "pay", "http_status": 502, "charge": false }])).await;
    let bought = caller.bought("k", &airtime(FAILED)).await;
    let id = field(&bought, "purchase_id");
    let met = gateway.stored(id).await;
    assert!(!met.acknowledged);

    let (tap, purchases) = tapped(&gateway).await;
    // The state is another one by now. That the provider knows the purchase is still true.
    let (from, acknowledged) = (vec![State::Submitted], true);
    let change = Transition { from, acknowledged, ..Transition::default() };
    loss.begin(&tap);
    let now = gateway.clock.clock().now();
    let changed = purchases.change(&gateway.outbox(), &met, &change, now).await.unwrap();
    loss.end(&tap);
    let Changed::Refused(met) = changed else { panic!("{changed:?}") };
    assert!(met.acknowledged && gateway.stored(id).await.acknowledged);
}

/// The purchases table behind a tap.
async fn tapped(gateway: &Gateway) -> (Arc<Tap>, Purchases) {
    let tap = Arc::new(Tap::default());
    let mut vars = gateway.variables_of("purchase");
    let url = vars.get_mut("AWS_ENDPOINT_URL_DYNAMODB").unwrap();
    *url = tap.before(url, true).await;
    let vars = vars.into_iter().collect();
    let client = shared::platform::aws::dynamodb(&vars, &Environment::real()).unwrap();
    (tap, Purchases::from_vars(&vars, &client).unwrap())
}

pub async fn a_catalogue_is_kept(loss: Loss) {
    let gateway = Gateway::undriven().await;
    let (status, _) = buy(&gateway, &bundle(DELIVERED), loss).await;
    assert_eq!(status, 201);
    assert_eq!(gateway.items("PurchasesTable").await, 2, "the purchase and the catalogue");
}

pub async fn a_catalogue_is_marked(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    caller.bought("k", &bundle(DELIVERED)).await;
    gateway.clock.turn(Duration::from_secs(120));
    let (tap, function) = gateway.with_tap("vtpass-callback").await;
    let body = json!({ "type": "variations-update", "serviceID": "etisalat-data" }).to_string();
    let changed = event(KEY, "POST /callbacks/vtpass", &[], &body);
    let answer = loss.run(&tap, &function, changed).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let items = gateway.scan("PurchasesTable").await;
    assert_eq!(items.iter().filter(|it| it["outdated"] == true).count(), 1);
}

pub async fn a_number_is_masked(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    gateway.clock.turn(181 * DAY);
    gateway.send_raw(r#"{"kind":"masking"}"#).await;
    drive(&gateway, loss).await;
    let purchase = caller.purchase(field(&bought, "purchase_id")).await;
    assert_eq!(purchase["phone"], "0801****111");
    assert_eq!(gateway.messages("RequeryQueue").await, 0);
}

pub async fn an_old_purchase_is_brought_to_its_place(loss: Loss) {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(FAILED)).await;
    let id = field(&bought, "purchase_id");
    let remove = gateway.dynamodb().update_item().table_name("PurchasesTable");
    let key = AttributeValue::S(id.to_owned());
    let remove = remove.key("purchase_id", key).update_expression("REMOVE tenant_state");
    remove.send().await.unwrap();
    let (tap, reconcile) = gateway.with_tap("reconcile").await;
    loss.run(&tap, &reconcile, "{}".to_owned()).await;
    let items = gateway.scan("PurchasesTable").await;
    let place = format!("{}#failed", tenant_of(KEY));
    assert_eq!(items.iter().filter(|it| it["tenant_state"] == place.as_str()).count(), 1);
    assert_eq!(caller.listed("/purchases?state=failed").await, [id]);
}
