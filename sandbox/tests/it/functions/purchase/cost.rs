//! What VTpass says that an order cost is kept and shown, and what it does not say is not made up.

use serde_json::{Value, json};

use crate::support::Gateway;
use crate::support::purchases::{
    DELIVERED, FAILED, MINUTE, airtime, bundle, field, without_history,
};

const COST: &str = "/content/transactions/total_amount";
const COMMISSION: &str = "/content/transactions/commission";
const ID: &str = "/content/transactions/transactionId";

/// Cost, commission and VTpass's id of a purchase.
fn charge(purchase: &Value) -> [Value; 3] {
    ["cost_kobo", "commission_kobo", "provider_transaction_id"].map(|name| purchase[name].clone())
}

fn unknown() -> [Value; 3] {
    [Value::Null, Value::Null, Value::Null]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cost_of_a_delivered_purchase_is_what_the_wallet_paid() {
    let (_gateway, caller) = Gateway::with_caller().await;
    for (key, body) in [("data", bundle(DELIVERED)), ("airtime", airtime(DELIVERED))] {
        let bought = caller.bought(key, &body).await;
        let order = caller.order(field(&bought, "request_id")).await.unwrap();
        let [cost, commission, id] = charge(&bought);
        assert_eq!(cost, order["total_kobo"], "{order}");
        assert_eq!(cost.as_u64().unwrap() + commission.as_u64().unwrap(), 10_000, "{bought}");
        assert_eq!(id, order["transaction_id"]);
        let purchase = caller.purchase(field(&bought, "purchase_id")).await;
        assert_eq!(without_history(purchase), bought);
    }
    let list = caller.get("/purchases").await.ok();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    for listed in list["data"].as_array().unwrap() {
        assert!(listed["cost_kobo"].is_u64(), "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requery_tells_what_pay_did_not_and_the_later_word_counts() {
    let gateway = Gateway::undriven().await;
    let caller = gateway.caller();
    let pay = json!({ "call": "pay", "code": "099", "status": "pending", "resolves_to": "delivered",
                      "set": { COST: null, COMMISSION: 5, ID: null } });
    caller.script(json!([pay])).await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    assert_eq!(charge(&bought), [Value::Null, json!(500), Value::Null]);
    let (_, requery) = gateway.with_tap("requery").await;
    let id = field(&bought, "purchase_id");
    assert_eq!(gateway.drive_until_answered(&requery, id, MINUTE).await, "delivered");
    let order = caller.order(field(&bought, "request_id")).await.unwrap();
    let [cost, commission, transaction] = charge(&caller.purchase(id).await);
    assert_eq!((&cost, &transaction), (&order["total_kobo"], &order["transaction_id"]));
    assert_eq!(commission.as_u64().unwrap(), 10_000 - cost.as_u64().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_odd_or_about_something_else_is_not_known() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let number = "/content/transactions/unique_element";
    for (key, set) in [
        ("missing", json!({ COST: null, COMMISSION: "", ID: null })),
        ("odd", json!({ COST: "-1", COMMISSION: "1,000", ID: "to 0803" })),
        ("another-order", json!({ number: "08039999999" })),
    ] {
        caller
            .script(json!([{ "call": "pay", "code": "000", "status": "delivered", "set": set }]))
            .await;
        let bought = caller.bought(key, &airtime(DELIVERED)).await;
        assert_eq!(charge(&bought), unknown(), "{key}: {bought}");
    }
    let failed = caller.bought("failed", &airtime(FAILED)).await;
    assert_eq!(charge(&failed), unknown(), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_cost_nothing_whatever_was_said_while_it_was_pending() {
    let gateway = Gateway::undriven().await;
    let caller = gateway.caller();
    let pay = json!({ "call": "pay", "code": "099", "status": "pending", "resolves_to": "failed" });
    caller.script(json!([pay])).await;
    let bought = caller.bought("k", &airtime(DELIVERED)).await;
    assert!(bought["cost_kobo"].is_u64(), "{bought}");
    let (_, requery) = gateway.with_tap("requery").await;
    let id = field(&bought, "purchase_id");
    assert_eq!(gateway.drive_until_answered(&requery, id, MINUTE).await, "failed");
    let failed = caller.purchase(id).await;
    assert_eq!((&failed["cost_kobo"], &failed["commission_kobo"]), (&Value::Null, &Value::Null));
}
