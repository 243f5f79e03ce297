//! `purchase ask`.

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use crate::support::{Gateway, id};

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_waits_for_a_person_is_settled_by_the_provider_s_proof() {
    let (gateway, purchase) = Gateway::with_review().await;
    gateway.script(json!([{ "call": "requery", "code": "016" }])).await;
    let request_id = purchase["request_id"].as_str().unwrap();
    let asked = gateway.run(&["--json", "purchase", "ask", request_id]).await.json();
    assert_eq!(asked["asked"][0]["purchase_id"], purchase["purchase_id"]);
    assert_eq!(asked["asked"][0]["state"], "needs_review");
    gateway.until(id(&purchase), "failed").await;
    let shown = gateway.show(id(&purchase)).await;
    assert_eq!(shown["history"][1]["call"], "hint", "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_purchase_goes_on_with_its_own_chain() {
    let gateway = Gateway::start().await;
    let purchase = gateway.buy_scripted("k", "099").await;
    assert_eq!(purchase["state"], "pending", "{purchase}");
    let delayed = async || {
        let queue = gateway.queue_url("RequeryQueue");
        let delayed = QueueAttributeName::ApproximateNumberOfMessagesDelayed;
        let get = gateway.sqs().get_queue_attributes().queue_url(queue);
        let answer = get.attribute_names(delayed.clone()).send().await.unwrap();
        answer.attributes.unwrap()[&delayed].clone()
    };
    assert_eq!(delayed().await, "1");
    let page = gateway.run(&["purchase", "ask", id(&purchase)]).await.ok();
    assert!(page.contains(id(&purchase)) && page.contains("pending"), "{page}");
    // The order is given a minute to arrive.
    assert_eq!(delayed().await, "2");
    let refused = json!({ "call": "requery", "code": "016" });
    gateway.script(json!([refused, refused])).await;
    gateway.turn(61);
    gateway.until(id(&purchase), "failed").await;
    let shown = gateway.show(id(&purchase)).await;
    assert_eq!(shown["history"][1]["call"], "requery", "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_waits_is_asked_about_at_once() {
    let gateway = Gateway::start().await;
    let (one, two) = (gateway.needs_review("one").await, gateway.needs_review("two").await);
    let refused = json!({ "call": "requery", "code": "016" });
    gateway.script(json!([refused, refused])).await;
    let page = gateway.run(&["purchase", "ask", "--waiting"]).await.ok();
    for purchase in [&one, &two] {
        assert!(page.contains(id(purchase)), "{page}");
        gateway.until(id(purchase), "failed").await;
    }
    let none = gateway.run(&["--json", "purchase", "ask", "--waiting"]).await.json();
    assert_eq!(none, json!({ "asked": [], "refills": 0 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_about_is_refused() {
    let gateway = Gateway::start().await;
    let none = "0".repeat(32);
    let message = gateway.run(&["purchase", "ask", &none]).await.refused(1);
    assert!(message.contains("no purchase has the id"), "{message}");
    let refill = gateway.refill("refill").await;
    let message = gateway.run(&["purchase", "ask", id(&refill)]).await.refused(1);
    assert!(message.contains("is a refill") && message.contains("nothing was sent"), "{message}");
    for wrong in [&[][..], &[&none, "--waiting"], &[&none, "--tenant", "t"], &["--tenant", "t"]] {
        assert_eq!(gateway.run(&[&["purchase", "ask"][..], wrong].concat()).await.code, 2);
    }
}
