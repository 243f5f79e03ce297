//! `GET /purchases`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::purchases::{DELIVERED, FAILED, PENDING, airtime, field, purchase_id};
use crate::support::tap::context;
use crate::support::{Caller, Gateway, KEY, event};

const HOUR: Duration = Duration::from_secs(3_600);

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
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=-1",
        "state=lost",
        "state=",
        "cursor=xyz",
        "service_id=x",
        "phone=0803",
        "from=yesterday",
        "to=2026-02-30",
        "from=2026-11-22&to=2026-11-21",
    ] {
        caller.get(&format!("/purchases?{query}")).await.refused(400, "invalid_request");
    }
}

/// Twenty-four orders, one every four hours, of two services, for three numbers, in three states. The newest
/// first.
async fn bought(gateway: &Gateway, caller: &Caller) -> Vec<Value> {
    let mut bought = Vec::new();
    for index in 0..24 {
        let mut order = airtime([DELIVERED, FAILED, PENDING][index % 3]);
        order["service_id"] = json!(["mtn", "glo"][index / 3 % 2]);
        bought.push(caller.bought(&format!("k{index}"), &order).await);
        gateway.clock.turn(4 * HOUR);
    }
    bought.reverse();
    bought
}

/// The time of a purchase, with its day in Lagos.
fn made(purchase: &Value) -> (String, String) {
    let at = time::OffsetDateTime::parse(
        field(purchase, "created_at"),
        &time::format_description::well_known::Rfc3339,
    );
    let lagos = at.unwrap() + HOUR;
    (field(purchase, "created_at").to_owned(), lagos.date().to_string())
}

/// All combinations of filters, each with the ids that it should find.
fn combinations(bought: &[Value]) -> Vec<(String, Vec<String>)> {
    let (first, first_day) = made(&bought[16]);
    let (last, last_day) = made(&bought[5]);
    let times = [
        ("", "", ""),
        ("from", &*first, ""),
        ("to", "", &*last),
        ("both", &*first, &*last),
        ("days", &*first_day, &*last_day),
        ("day", &*last_day, &*last_day),
    ];
    let mut all = Vec::new();
    for state in ["", "delivered", "failed", "pending", "needs_review"] {
        for service in ["", "glo"] {
            for phone in ["", PENDING, FAILED] {
                for (name, from, to) in times {
                    let is_wanted = |it: &&Value| {
                        let (at, day) = made(it);
                        let in_time = match name {
                            "days" | "day" => (from..=to).contains(&&*day),
                            _ => (from.is_empty() || *from <= *at) && (to.is_empty() || *at < *to),
                        };
                        let is = |field: &str, value: &str| value.is_empty() || it[field] == value;
                        is("state", state)
                            && is("service_id", service)
                            && is("phone", phone)
                            && in_time
                    };
                    let ids = bought.iter().filter(is_wanted);
                    let ids = ids.map(|it| field(it, "purchase_id").to_owned()).collect();
                    let filters = [
                        ("state", state),
                        ("service_id", service),
                        ("phone", phone),
                        ("from", from),
                        ("to", to),
                    ];
                    let given = filters.into_iter().filter(|(_, value)| !value.is_empty());
                    let query: Vec<_> =
                        given.map(|(name, value)| format!("{name}={value}")).collect();
                    all.push((query.join("&"), ids));
                }
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_can_be_combined_and_every_page_keeps_them() {
    let gateway = Gateway::undriven().await;
    let (caller, other) = (gateway.caller(), gateway.other_caller());
    let bought = bought(&gateway, &caller).await;
    other.bought("k", &airtime(PENDING)).await;
    let combinations = combinations(&bought);
    assert!(combinations.iter().filter(|(_, ids)| ids.len() > 2).count() > 50);
    // At first the lists by state read the index of all purchases, then the one by state.
    for placed in [false, true] {
        let pass = gateway.purchases().masking_pass().await.unwrap();
        assert_eq!(pass.placed_at.is_some(), placed);
        for (query, ids) in &combinations {
            let found = caller.listed(&format!("/purchases?{query}&limit=2")).await;
            assert_eq!(found, *ids, "{query}");
        }
        gateway.reconcile().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_found_in_any_spelling_by_its_own_tenant_only() {
    let gateway = Gateway::undriven().await;
    let (caller, other) = (gateway.caller(), gateway.other_caller());
    let bought = caller.bought("k", &airtime(FAILED)).await;
    for spelling in ["08031234567", "8031234567", "2348031234567", "%2B234+803-123-4567"] {
        let list = format!("/purchases?phone={spelling}");
        assert_eq!(caller.listed(&list).await, [field(&bought, "purchase_id")], "{spelling}");
        assert!(other.listed(&list).await.is_empty(), "{spelling}");
    }
    assert!(caller.listed("/purchases?phone=08031234568").await.is_empty());
    assert!(caller.listed("/purchases?phone=08031234567&state=delivered").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_last_page_says_that_it_is_the_last() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    bought(&gateway, &caller).await;
    // Eight are in this state, and all are read to find them.
    for filters in ["state=pending".to_owned(), format!("state=pending&phone={PENDING}")] {
        let found = caller.listed(&format!("/purchases?{filters}")).await.len();
        let list = async |limit| caller.get(&format!("/purchases?{filters}&limit={limit}")).await;
        let (page, before) = (list(found).await.ok(), list(found - 1).await.ok());
        assert_eq!(page["data"].as_array().unwrap().len(), found, "{filters}");
        assert_eq!(page["paging"]["next"], json!(null), "{filters}");
        assert!(before["paging"]["next"].is_string(), "{filters}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reads_no_more_than_it_needs() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    caller.script(json!([{ "call": "pay", "code": "000", "status": "delivered" }])).await;
    caller.bought("delivered", &airtime(FAILED)).await;
    for index in 0..7 {
        caller.bought(&format!("failed{index}"), &airtime(FAILED)).await;
    }
    let newest = caller.bought("failed7", &airtime(FAILED)).await;
    let (tap, purchase) = gateway.with_tap("purchase").await;
    let spent = async |query: &str, wanted: usize| {
        let mut list: Value = serde_json::from_str(&event(KEY, "GET /purchases", &[], "")).unwrap();
        list["rawQueryString"] = json!(query);
        tap.count_costs();
        let answer = purchase(list.to_string(), context()).await.unwrap();
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["data"].as_array().unwrap().len(), wanted, "{query}: {body}");
        tap.spent()
    };
    // The index finds all eight, and only the page is read.
    let (one, eight) =
        (spent("state=failed&limit=1", 1).await, spent("state=failed&limit=8", 8).await);
    assert!(one.read_units < eight.read_units, "{one:?} {eight:?}");
    // The index of numbers does not know the state: all nine are read at once.
    let last = spent(&format!("phone={FAILED}&state=delivered&limit=1"), 1).await;
    assert_eq!(last.reads, one.reads - 1, "{last:?} {one:?}");
    // In place of a purchase that this version cannot read, one more is read.
    gateway.spoil(field(&newest, "purchase_id")).await;
    let (five, eight) = (spent("limit=5", 5).await, spent("limit=8", 8).await);
    assert!(five.read_units < eight.read_units, "{five:?} {eight:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_outside_the_times_that_are_asked_for_is_no_error() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let bought = bought(&gateway, &caller).await;
    let page = caller.get("/purchases?limit=12").await.ok();
    let next = page["paging"]["next"].as_str().unwrap().to_owned();
    let (middle, _) = made(&bought[11]);
    let (newer, _) = made(&bought[3]);
    let (older, _) = made(&bought[20]);
    let ids = |from: usize| -> Vec<String> {
        bought[from..].iter().map(|it| field(it, "purchase_id").to_owned()).collect()
    };
    assert!(caller.listed(&format!("{next}&from={newer}")).await.is_empty());
    assert_eq!(caller.listed(&format!("{next}&to={older}")).await, ids(21));
    assert_eq!(caller.listed(&format!("{next}&to={middle}")).await, ids(12));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_delivered_at_once_is_never_in_the_index_by_state() {
    let (gateway, caller) = Gateway::undriven_with_caller().await;
    let (_tap, requery) = gateway.with_tap("requery").await;
    caller.bought("at_once", &airtime(DELIVERED)).await;
    let pending = caller.bought("later", &airtime(PENDING)).await;
    let places = async || {
        let items = gateway.scan("PurchasesTable").await.into_iter();
        let places = items.filter_map(|item| Some(item["tenant_state"].as_str()?.to_owned()));
        places.collect::<Vec<_>>()
    };
    assert_eq!(places().await.len(), 1);
    assert!(places().await[0].ends_with("#pending"));
    let id = field(&pending, "purchase_id");
    assert_eq!(gateway.drive_until_answered(&requery, id, HOUR).await, "delivered");
    assert!(places().await.is_empty(), "it leaves the index when it is delivered");
    assert!(gateway.purchases().by_id(&purchase_id(id)).await.unwrap().is_some());
}
