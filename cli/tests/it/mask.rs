//! `purchase mask`.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use shared::domain::ids::PurchaseId;

use crate::support::{DELIVERED, Gateway, id};

#[tokio::test(flavor = "multi_thread")]
async fn only_old_and_settled_purchases_lose_their_number() {
    let gateway = Gateway::start().await;
    let settled = gateway.buy("settled", DELIVERED).await;
    let open = gateway.needs_review("open").await;
    let recent = gateway.buy("recent", DELIVERED).await;

    let mask = ["purchase", "mask", "--older-than", "30"];
    assert_eq!(gateway.run(&mask).await.ok(), "masked 0\n");
    gateway.age(id(&settled), 31).await;
    gateway.age(id(&open), 31).await;
    let masked = gateway.run(&[&mask[..], &["--json"]].concat()).await.json();
    assert_eq!(masked, json!({ "masked": 1 }));
    assert_eq!(gateway.run(&mask).await.ok(), "masked 0\n");

    let purchases = gateway.purchases();
    let phone = async |purchase| {
        let id = PurchaseId::parse(id(purchase)).unwrap();
        purchases.by_id(&id).await.unwrap().expect("it is there").recipient.text()
    };
    assert_eq!(phone(&settled).await, "0801****111");
    assert_eq!(phone(&open).await, "08031234567", "it is still asked about");
    assert_eq!(phone(&recent).await, DELIVERED);
    // The key is still remembered, and the order still told from another.
    let again = gateway.buy("settled", DELIVERED).await;
    assert_eq!((&again["state"], &again["phone"]), (&json!("delivered"), &json!("0801****111")));
}

impl Gateway {
    /// Makes a purchase so many days old.
    async fn age(&self, id: &str, days: i64) {
        let then = time::OffsetDateTime::now_utc() - time::Duration::days(days);
        let then = AttributeValue::N(shared::domain::time::to_ms(then).to_string());
        let update = self.dynamodb().update_item().table_name("PurchasesTable");
        let update = update.key("purchase_id", AttributeValue::S(id.to_owned()));
        let update = update.update_expression("SET created_ms = :then");
        update.expression_attribute_values(":then", then).send().await.unwrap();
    }
}
