//! The orders as an operator sees them, and the one that a person settles.

use serde_json::{Value, json};

use crate::support::purchases::{DELIVERED, FAILED, airtime, field};
use crate::support::{Caller, Gateway, KEY, OTHER_KEY, Reply, tenant_of};

const UNKNOWN: &str = "0123456789abcdef0123456789abcdef";

impl Caller {
    /// Buys what waits for a person at once.
    async fn for_review(&self, key: &str) -> String {
        self.script(json!([{ "call": "pay", "code": "044" }])).await;
        let bought = self.bought(key, &airtime(FAILED)).await;
        assert_eq!(bought["state"], "needs_review");
        field(&bought, "purchase_id").to_owned()
    }

    async fn settle(&self, id: &str, body: Value) -> Reply {
        self.to_console("POST", &format!("orders/{id}/settle"), &body.to_string()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_in_pages_for_a_tenant_and_a_state() {
    let (gateway, caller) = Gateway::with_caller().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let phone = if number == 3 { FAILED } else { DELIVERED };
        let bought = caller.bought(&format!("order-{number}"), &airtime(phone)).await;
        ids.insert(0, field(&bought, "purchase_id").to_owned());
        gateway.clock.turn(std::time::Duration::from_secs(1));
    }
    let others = gateway.other_caller().bought("other", &airtime(DELIVERED)).await;
    let list = async |query: &str| {
        let page = caller.console("GET", &format!("orders?{query}"), &Value::Null).await;
        let orders = page["orders"].as_array().unwrap().iter();
        let ids: Vec<String> = orders.map(|it| field(it, "purchase_id").to_owned()).collect();
        (ids, page["next"].as_str().map(|next| next.replace('#', "%23")))
    };
    assert_eq!(list("").await, (ids.clone(), None), "the first tenant's unless one is named");
    let tenant = tenant_of(KEY);
    let (first, next) = list(&format!("tenant={tenant}&limit=2")).await;
    assert_eq!(first, ids[..2]);
    let (rest, next) = list(&format!("limit=100&after={}", next.unwrap())).await;
    assert_eq!((rest, next), (ids[2..].to_vec(), None));
    assert_eq!(list("state=failed").await.0, [ids[1].clone()]);
    assert_eq!(list("state=pending").await.0, Vec::<String>::new());
    let of_other = list(&format!("tenant={}", tenant_of(OTHER_KEY))).await.0;
    assert_eq!(of_other, [field(&others, "purchase_id")]);
    for (query, why) in [
        ("limit=0", "limit must be 1 to 100"),
        ("limit=101", "limit must be 1 to 100"),
        ("state=lost", "state must be"),
        ("tenant=%23", "tenant must be"),
    ] {
        let reply = caller.to_console("GET", &format!("orders?{query}"), "").await;
        Caller::says(&reply, 400, why);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_shown_with_its_codes_and_notes() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let id = caller.for_review("review").await;
    let shown = caller.console("GET", &format!("orders/{id}"), &Value::Null).await;
    assert_eq!(shown["tenant"], tenant_of(KEY).as_str());
    assert_eq!(
        (&shown["attempts"][0]["code"], &shown["state"]),
        (&"044".into(), &"needs_review".into())
    );
    assert_eq!(shown["history"], caller.purchase(&id).await["history"]);
    for id in [UNKNOWN, "nothing", "a%2Fb"] {
        assert_eq!(caller.to_console("GET", &format!("orders/{id}"), "").await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_settles_what_waits_for_one_once() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let id = caller.for_review("review").await;
    let body =
        json!({ "to": "failed", "reason": " ticket 4711: not in their books ", "by": "ada" });
    let settled = caller.settle(&id, body.clone()).await.ok();
    assert_eq!(settled["state"], "failed");
    let last = settled["attempts"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["call"], &last["code"]), (&"operator".into(), &"settled".into()));
    assert_eq!(last["note"], "by ada: ticket 4711: not in their books");
    let read = caller.purchase(&id).await;
    assert_eq!((&read["state"], &read["safe_to_refund"]), (&"failed".into(), &true.into()));
    // The tenant is told of it.
    caller.turn_on(5).await;
    let events = caller.get("/events?type=purchase.failed").await.ok();
    assert_eq!(events["data"][0]["data"]["purchase_id"], id.as_str());

    let again = caller.settle(&id, json!({ "to": "delivered", "reason": "r", "by": "ada" })).await;
    Caller::says(&again, 409, "the purchase is failed");
    assert_eq!(caller.purchase(&id).await["state"], "failed");
    let delivered = caller.bought("done", &airtime(DELIVERED)).await;
    let reply = caller.settle(field(&delivered, "purchase_id"), body.clone()).await;
    Caller::says(&reply, 409, "the purchase is delivered");
    assert_eq!(caller.settle(UNKNOWN, body).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_needs_an_outcome_a_reason_and_a_name() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let id = caller.for_review("review").await;
    for (body, why) in [
        (json!({ "to": "pending", "reason": "r", "by": "ada" }), "unknown variant `pending`"),
        (json!({ "to": "needs_review", "reason": "r", "by": "ada" }), "unknown variant"),
        (json!({ "reason": "r", "by": "ada" }), "missing field `to`"),
        (json!({ "to": "failed", "reason": " ", "by": "ada" }), "reason must be 1 to 500"),
        (json!({ "to": "failed", "reason": "x".repeat(501), "by": "ada" }), "reason must be"),
        (json!({ "to": "failed", "reason": "a\nb", "by": "ada" }), "control characters"),
        (json!({ "to": "failed", "reason": "r", "by": "" }), "by must be 1 to 64"),
        (json!({ "to": "failed", "reason": "r", "by": "a".repeat(65) }), "by must be 1 to 64"),
        (json!({ "to": "failed", "reason": "r", "by": "ada", "state": 1 }), "unknown field"),
        (json!([]), "expected a map"),
    ] {
        Caller::says(&caller.settle(&id, body).await, 400, why);
    }
    assert_eq!(caller.purchase(&id).await["state"], "needs_review");
}
