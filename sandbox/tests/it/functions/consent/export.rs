//! The export: everything held about an account, in pages.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::purchases::{airtime, field};
use crate::support::{Caller, Gateway};

const LINE: &str = "08031234567";

/// All pages of an export, from the first on.
async fn pages(caller: &Caller, id: &str, limit: usize) -> Vec<Value> {
    let mut next = format!("/accounts/{id}/export?limit={limit}");
    let mut pages = Vec::new();
    loop {
        let page = caller.get(&next).await.ok();
        assert!(pages.len() < 20, "it has an end: {page}");
        let link = page["paging"]["next"].as_str().map(str::to_owned);
        pages.push(page["data"].clone());
        match link {
            Some(link) => next = link,
            None => return pages,
        }
    }
}

fn ids(pages: &[Value], list: &str, name: &str) -> Vec<String> {
    let lines = pages.iter().flat_map(|page| page[list].as_array().unwrap());
    lines.map(|line| field(line, name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_account_is_exported_in_pages_with_its_purchases() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let id = caller.link(LINE, "mtn").await;
    let (mut asked, mut bought) = (BTreeSet::new(), Vec::new());
    for index in 0..5 {
        caller.mtn_next("recharges", "lost").await;
        asked.insert(caller.asked(&id, "recharges").await);
        let purchase = caller.bought(&format!("p{index}"), &airtime(LINE)).await;
        bought.insert(0, field(&purchase, "purchase_id").to_owned());
        gateway.clock.turn(Duration::from_millis(1));
    }
    caller.bought("other-number", &airtime("08051234567")).await;
    gateway.other_caller().bought("other-tenant", &airtime(LINE)).await;
    for limit in [1, 2, 3, 5, 10, 100] {
        let pages = pages(&caller, &id, limit).await;
        for page in &pages {
            let lines = ["requests", "purchases"].map(|list| page[list].as_array().unwrap().len());
            assert!(lines.iter().sum::<usize>() <= limit, "{page}");
            assert_eq!((&page["account_id"], &page["phone"]), (&json!(id), &json!(LINE)));
        }
        let requests = ids(&pages, "requests", "request_id");
        assert_eq!((requests.len(), requests.into_iter().collect()), (5, asked.clone()));
        assert_eq!(ids(&pages, "purchases", "purchase_id"), bought, "newest first");
    }
    let page = caller.get(&format!("/accounts/{id}/export")).await.ok();
    assert_eq!(page["data"]["purchases"].as_array().unwrap().len(), 5, "without a limit");
    assert_eq!(page["paging"]["next"], Value::Null);
    for query in ["limit=0", "limit=101", "cursor=x", "cursor=r..", "cursor=p2026_1"] {
        let path = format!("/accounts/{id}/export?{query}");
        caller.get(&path).await.refused(400, "invalid_request");
    }
    let begun = format!("/accounts/{id}/export?limit=1&cursor=p");
    caller.unlink(&id).await.ok();
    let left = caller.get(&begun).await.ok();
    assert_eq!((&left["data"]["purchases"], &left["paging"]["next"]), (&json!([]), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_exported_within_what_an_answer_may_hold() {
    let (_gateway, caller) = Gateway::undriven_with_caller().await;
    let id = caller.link(LINE, "mtn").await;
    let large = json!({ "data": [{ "text": "x".repeat(200 * 1024) }] }).to_string();
    for _ in 0..25 {
        caller.mtn_next("recharges", "lost").await;
        caller.asked(&id, "recharges").await;
    }
    for url in caller.callback_urls().await {
        assert_eq!(caller.call_back(&url, &large).await.status, 200);
    }
    let pages = pages(&caller, &id, 100).await;
    assert_eq!(ids(&pages, "requests", "request_id").len(), 25);
    // A page ends after the ten requests with which it holds more than 2 MiB.
    let lengths = pages.iter().map(|page| page["requests"].as_array().unwrap().len());
    assert_eq!(lengths.collect::<Vec<_>>(), [20, 5]);
    for page in pages {
        assert!(page.to_string().len() < 6 * 1024 * 1024);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_has_expired_is_not_exported() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let id = caller.link(LINE, "mtn").await;
    caller.mtn_next("recharges", "lost").await;
    caller.asked(&id, "recharges").await;
    let exported = async || ids(&pages(&caller, &id, 10).await, "requests", "request_id").len();
    gateway.clock.turn(Duration::from_secs(86_400 - 1));
    assert_eq!(exported().await, 1);
    gateway.clock.turn(Duration::from_secs(2));
    assert_eq!((exported().await, gateway.items("RequestsTable").await), (0, 1));
}
