//! Masks the numbers of old purchases.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::domain::ids::PurchaseId;
use shared::store::MaskingPass;

use crate::support::purchases::{DELIVERED, FAILED, airtime, field, until};
use crate::support::tap::context;
use crate::support::{Caller, Gateway};

const DAY: Duration = Duration::from_secs(86_400);
const MASKED: &str = "0801****111";

impl Caller {
    async fn number(&self, id: &Value) -> String {
        field(&self.purchase(field(id, "purchase_id")).await, "phone").to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_masks_settled_purchases_after_180_days() {
    let (gateway, caller) = Gateway::with_caller().await;
    let old = caller.bought("old", &airtime(DELIVERED)).await;
    let open = caller.bought_stuck("open").await;
    let state = gateway.until_answered(field(&open, "purchase_id"), DAY).await;
    assert_eq!(state, "needs_review");
    gateway.clock.turn(100 * DAY);
    let recent = caller.bought("recent", &airtime(DELIVERED)).await;
    gateway.clock.turn(100 * DAY);
    until("the masking", async || caller.number(&old).await == MASKED).await;
    assert_eq!(caller.number(&open).await, FAILED, "a person may have to ask about it");
    assert_eq!(caller.number(&recent).await, DELIVERED);

    // The key still belongs to its order, as far as the masked number can be compared.
    let again = caller.bought("old", &airtime(DELIVERED)).await;
    assert_eq!(again["purchase_id"], old["purchase_id"]);
    let another = caller.buy("old", &airtime("08012111111")).await;
    assert_eq!(another.status, 201, "only what the mask shows can be compared");
    for body in [
        airtime("08011111112"),
        airtime("08021111111"),
        json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": 20_000 }),
    ] {
        caller.buy("old", &body).await.refused(409, "idempotency_conflict");
    }
    assert_eq!(caller.ledger().await.len(), 3, "nothing was bought again");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stored_field_reveals_the_masked_digits() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bodies = [DELIVERED, "08012111111"].map(airtime);
    caller.bought("one", &bodies[0]).await;
    caller.script(json!([{ "call": "pay", "code": "000", "status": "delivered" }])).await;
    caller.bought("two", &bodies[1]).await;
    gateway.clock.turn(181 * DAY);
    gateway.mask().await;
    let items = gateway.scan("PurchasesTable").await;
    let text = json!(items).to_string();
    assert!(!text.contains("8011111111") && !text.contains("8012111111"), "{text}");
    let kept = items.into_iter().map(|mut item| {
        // These fields differ for every purchase, whatever its number.
        for own in [
            "purchase_id",
            "request_id",
            "listed",
            "chain",
            "history",
            "reconcile_part",
            "write_id",
            "provider_transaction_id",
        ] {
            item.as_object_mut().unwrap().remove(own);
        }
        for time in ["created_ms", "updated_ms", "reconcile_ms"] {
            item[time].take();
        }
        item
    });
    let kept: Vec<Value> = kept.filter(|item| item["phone"] == MASKED).collect();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0], kept[1], "two numbers that differ in what is hidden leave the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_table_is_masked_part_by_part() {
    const COUNT: usize = 600;
    let gateway = Gateway::undriven().await;
    gateway.caller().bought("k", &airtime(DELIVERED)).await;
    gateway.copy_purchase(COUNT - 1).await;
    gateway.clock.turn(181 * DAY);
    assert_eq!(gateway.mask().await, COUNT);
    let pass = gateway.purchases().masking_pass().await.unwrap();
    assert!(pass.placed_at.is_some() && pass.after.is_none(), "all are in their places: {pass:?}");
    let items = gateway.scan("PurchasesTable").await;
    assert_eq!(items.iter().filter(|item| item["phone"] == MASKED).count(), COUNT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_goes_on_where_it_stopped_and_the_next_one_begins_a_week_later() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    for key in ["a", "b", "c"] {
        caller.bought(key, &airtime(DELIVERED)).await;
    }
    gateway.clock.turn(181 * DAY);
    // A pass that stopped after the first purchase.
    let first = gateway.scan("PurchasesTable").await[0]["purchase_id"].take();
    let after = PurchaseId::parse(first.as_str().unwrap());
    let pass = MaskingPass { placed_after: after.clone(), after, ..MaskingPass::default() };
    gateway.purchases().save_masking_pass(&pass).await.unwrap();
    assert_eq!(gateway.mask().await, 2);
    assert_eq!(gateway.mask().await, 0, "the pass is over");
    gateway.clock.turn(7 * DAY);
    assert_eq!(gateway.mask().await, 1, "the next one finds the first purchase");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_kept_for_180_days_and_not_longer() {
    for (longer, masked) in [(Duration::ZERO, 0), (Duration::from_millis(1), 1)] {
        let (gateway, caller) = Gateway::undriven_with_caller().await;
        caller.bought("k", &airtime(FAILED)).await;
        gateway.clock.turn(180 * DAY + longer);
        assert_eq!(gateway.mask().await, masked, "{longer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_over_what_is_masked_and_in_its_place_writes_no_purchase() {
    let mut writes = Vec::new();
    for orders in [vec![], vec![DELIVERED, FAILED]] {
        let (gateway, caller) = Gateway::undriven_with_caller().await;
        let (tap, reconcile) = gateway.with_tap("reconcile").await;
        for phone in &orders {
            caller.bought(phone, &airtime(phone)).await;
        }
        gateway.clock.turn(181 * DAY);
        assert_eq!(gateway.mask().await, orders.len());
        gateway.clock.turn(7 * DAY);
        tap.count_costs();
        let done = reconcile("{}".to_owned(), context()).await.unwrap();
        assert_eq!(done["masked"], 0, "{done}");
        writes.push(tap.spent().writes);
    }
    assert_eq!(writes[0], writes[1]);
}

/// The ids that the list of failed purchases holds, and from which index it reads them.
async fn failed(gateway: &Gateway, caller: &Caller) -> (Vec<String>, bool) {
    let placed = gateway.purchases().masking_pass().await.unwrap().placed_at.is_some();
    (caller.listed("/purchases?state=failed").await, placed)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_version_wrote_is_found_by_state_before_the_pass_and_after_it() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let old = caller.bought("old", &airtime(FAILED)).await;
    let id = field(&old, "purchase_id").to_owned();
    gateway.as_older_version(&id, "REMOVE tenant_state").await;
    assert_eq!(failed(&gateway, &caller).await, (vec![id.clone()], false));
    gateway.mask().await;
    assert_eq!(failed(&gateway, &caller).await, (vec![id.clone()], true));

    // A roll-back: the older version changes states and leaves the place as it was.
    let other = caller.bought("other", &airtime(FAILED)).await;
    let other = field(&other, "purchase_id").to_owned();
    gateway.as_older_version(&id, "REMOVE tenant_state").await;
    gateway.as_older_version(&other, "SET #state = :delivered").await;
    assert_eq!(
        failed(&gateway, &caller).await,
        (vec![], true),
        "a stale place shows nothing wrong"
    );
    gateway.clock.turn(7 * DAY);
    gateway.mask().await;
    assert_eq!(failed(&gateway, &caller).await, (vec![id], true), "a pass corrects the places");
    let items = gateway.scan("PurchasesTable").await;
    let placed: Vec<_> = items.iter().filter(|item| item.get("tenant_state").is_some()).collect();
    assert_eq!(placed.len(), 1, "{items:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_an_older_version_moved_does_not_complete_the_index() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    for key in ["a", "b", "c"] {
        let id = caller.bought(key, &airtime(FAILED)).await;
        gateway.as_older_version(field(&id, "purchase_id"), "REMOVE tenant_state").await;
    }
    // The older version went past the first purchase and did not bring it to its place.
    let first = gateway.scan("PurchasesTable").await[0]["purchase_id"].take();
    let after = PurchaseId::parse(first.as_str().unwrap());
    let pass = MaskingPass { after, ..MaskingPass::default() };
    gateway.purchases().save_masking_pass(&pass).await.unwrap();
    gateway.mask().await;
    assert!(!failed(&gateway, &caller).await.1);
    assert_eq!(failed(&gateway, &caller).await.0.len(), 3);
    gateway.mask().await;
    let (ids, placed) = failed(&gateway, &caller).await;
    assert_eq!((ids.len(), placed), (3, true), "the next pass begins at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_an_older_version_masked_loses_its_key() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    let id = field(&bought, "purchase_id");
    gateway.clock.turn(181 * DAY);
    gateway.as_older_version(id, "SET phone = :masked").await;
    assert_eq!(caller.listed("/purchases?phone=08011111111").await, [id]);
    assert_eq!(gateway.mask().await, 1);
    assert_eq!(gateway.stored(id).await.phone_key, None);
    assert!(caller.listed("/purchases?phone=08011111111").await.is_empty());
}

impl Gateway {
    /// Runs reconcile, which masks.
    async fn mask(&self) -> Value {
        self.reconcile().await["masked"].take()
    }

    /// Writes as a version did that knows neither places nor keys.
    async fn as_older_version(&self, id: &str, expression: &str) {
        let update = self.dynamodb().update_item().table_name("PurchasesTable");
        let mut update = update
            .key("purchase_id", AttributeValue::S(id.to_owned()))
            .update_expression(expression);
        if expression.contains("#state") {
            update = update.expression_attribute_names("#state", "state");
        }
        for (name, value) in [(":delivered", "delivered"), (":masked", MASKED)] {
            if expression.contains(name) {
                let value = AttributeValue::S(value.to_owned());
                update = update.expression_attribute_values(name, value);
            }
        }
        update.send().await.unwrap();
    }

    /// Adds so many copies of the only purchase.
    async fn copy_purchase(&self, count: usize) {
        let client = self.dynamodb();
        let items = client.scan().table_name("PurchasesTable").send().await.unwrap().items.unwrap();
        let purchase = items.into_iter().find(|item| item.contains_key("phone")).unwrap();
        for index in 0..count {
            let mut copy = purchase.clone();
            copy.insert("purchase_id".to_owned(), AttributeValue::S(format!("{index:032x}")));
            let put = client.put_item().table_name("PurchasesTable").set_item(Some(copy));
            put.send().await.unwrap();
        }
    }
}
