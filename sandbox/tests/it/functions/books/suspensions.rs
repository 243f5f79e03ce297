//! The end of a suspension that an operator made is noted, also while nobody orders.

use std::time::Duration;

use shared::domain::guard::{State, Word};

use super::Morning;

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_told_that_a_suspension_is_over_while_nobody_orders() {
    let it = Morning::with(&[("GUARD", "")]).await;
    let (_tap, notify) = it.gateway.with_tap("notify").await;
    let told = async || {
        it.gateway.clock.turn(Duration::from_secs(1));
        it.gateway.drive_queue("NotifyQueue", &notify).await;
        let events = it.caller.get("/events").await.ok()["data"].as_array().unwrap().clone();
        events.iter().rev().map(|event| event["type"].clone()).collect::<Vec<_>>()
    };
    let since = it.gateway.clock.clock().now();
    let until = Some(since + 10 * Duration::from_secs(60));
    let word = Word { on_sale: false, since, until, because: "VTpass is maintained.".to_owned() };
    let say = |state: &State| Some(state.say(word.clone(), "ada"));
    let seen = it.gateway.guard("glo").await;
    it.gateway.guards().change(&it.gateway.outbox(), seen, say).await.unwrap();
    assert_eq!(told().await, ["service.suspended"]);

    it.keep().await;
    assert_eq!(told().await, ["service.suspended"], "it is not over");
    it.gateway.clock.turn(Duration::from_secs(900));
    it.keep().await;
    assert_eq!(told().await, ["service.suspended", "service.resumed"]);
    it.keep().await;
    assert_eq!(told().await.len(), 2, "it is noted once");
}
