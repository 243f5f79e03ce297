//! `GET /purchases`.

use std::time::Duration;

use crate::support::Gateway;
use crate::support::purchases::{DELIVERED, FAILED, PENDING, airtime, field};

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_lists_its_own_purchases_newest_first_in_pages() {
    let gateway = Gateway::undriven().await;
    let (caller, other) = (gateway.caller(), gateway.other_caller());
    let phones = [DELIVERED, FAILED, PENDING];
    let mut bought = Vec::new();
    for index in 0..23 {
        let purchase = caller.bought(&format!("k{index}"), &airtime(phones[index % 3])).await;
        bought.push(purchase);
        gateway.clock.turn(Duration::from_secs(1));
    }
    let theirs = other.bought("k0", &airtime(DELIVERED)).await;
    bought.reverse();
    let ids = |state: Option<&str>| -> Vec<String> {
        let wanted = bought.iter().filter(|it| state.is_none_or(|state| it["state"] == state));
        wanted.map(|it| field(it, "purchase_id").to_owned()).collect()
    };

    assert_eq!(caller.listed("/purchases").await, ids(None));
    assert_eq!(caller.listed("/purchases?limit=5").await, ids(None));
    assert_eq!(caller.listed("/purchases?limit=100").await, ids(None));
    for state in ["delivered", "failed", "pending"] {
        let all = caller.listed(&format!("/purchases?state={state}&limit=3")).await;
        assert_eq!(all, ids(Some(state)), "{state}");
    }
    assert!(caller.listed("/purchases?state=needs_review").await.is_empty());
    assert_eq!(other.listed("/purchases").await, [field(&theirs, "purchase_id")]);
    let listed = caller.get("/purchases?limit=1").await.ok()["data"][0].clone();
    assert_eq!(listed, bought[0], "a purchase looks the same in the list");

    // Another tenant's cursor shows only one's own purchases.
    let page = caller.get("/purchases?limit=2").await.ok();
    let next = page["paging"]["next"].as_str().unwrap();
    let foreign = other.listed(next).await;
    assert!(foreign.iter().all(|id| *id == field(&theirs, "purchase_id")));

    // An invalid query is refused.
    for query in
        ["limit=0", "limit=101", "limit=x", "limit=-1", "state=lost", "state=", "cursor=xyz"]
    {
        caller.get(&format!("/purchases?{query}")).await.refused(400, "invalid_request");
    }
}
