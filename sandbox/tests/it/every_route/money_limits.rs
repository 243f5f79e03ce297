//! The money limits: how much a tenant may buy, also with many orders at once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use lambda_runtime::Context;
use serde_json::{Value, json};
use shared::domain::spending::OwnMoneyLimits;
use shared::domain::time::to_seconds;
use shared::store::Tenants;

use crate::support::purchases::{DELIVERED, FAILED, PENDING, airtime, bundle, purchase_event};
use crate::support::tap::context;
use crate::support::{Gateway, KEY, PHONE};

/// Twenty orders of [`airtime`] in ten minutes.
const TWENTY: (&str, &str) = ("SPEND_LIMIT", "200000/600,100000000/86400");

async fn with_limits(limits: &[(&str, &str)]) -> Gateway {
    let gateway = Gateway::with(limits).await;
    // At the beginning of a day in Lagos, so that no window ends during a test.
    let now = to_seconds(gateway.clock.clock().now()).unsigned_abs();
    gateway.clock.turn(Duration::from_secs(86_400 - (now + 3_600) % 86_400));
    gateway
}

/// How many answers have this status.
fn count(statuses: &[u64], status: u64) -> usize {
    statuses.iter().filter(|it| **it == status).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_orders_at_once_twenty_pass_a_limit_of_twenty() {
    let gateway = with_limits(&[TWENTY]).await;
    let caller = gateway.caller();
    let keys: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
    let order = airtime(DELIVERED);
    let replies = join_all(keys.iter().map(|key| caller.buy(key, &order))).await;
    let statuses: Vec<u64> = replies.iter().map(|it| u64::from(it.status)).collect();
    assert_eq!((count(&statuses, 201), count(&statuses, 403)), (20, 30), "{statuses:?}");
    assert_eq!(caller.ledger().await.len(), 20, "what is refused is not bought");
    assert_eq!(gateway.items("PurchasesTable").await, 20, "what is refused is not recorded");
    // A repeat of what was bought is answered. The other tenant has a limit of its own.
    for (key, reply) in keys.iter().zip(&replies) {
        assert_eq!(caller.buy(key, &order).await.status, reply.status);
    }
    assert_eq!(gateway.other_caller().buy("k0", &order).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_together_do_not_pass_the_limit() {
    let gateway = with_limits(&[TWENTY]).await;
    let ((_one, first), (_two, second)) =
        (gateway.with_tap("purchase").await, gateway.with_tap("purchase").await);
    let events = (0..50).map(|n| purchase_event(&format!("k{n}"), &airtime(DELIVERED)));
    let answers = join_all(events.enumerate().map(|(n, event)| match n % 2 {
        0 => first(event, Context::default()),
        _ => second(event, Context::default()),
    }))
    .await;
    let statuses = answers.into_iter().map(|it| it.unwrap()["statusCode"].as_u64().unwrap());
    let statuses: Vec<u64> = statuses.collect();
    assert_eq!((count(&statuses, 201), count(&statuses, 403)), (20, 30), "{statuses:?}");
}

#[tokio::test]
async fn a_limit_says_when_it_ends_and_the_key_of_a_refused_order_is_free() {
    let gateway = with_limits(&[("SPEND_LIMIT", "20000/600,30000/86400")]).await;
    let caller = gateway.caller();
    for key in ["a", "b"] {
        assert_eq!(caller.buy(key, &airtime(DELIVERED)).await.status, 201);
    }
    gateway.clock.turn(Duration::from_secs(100));
    let reply = caller.buy("c", &airtime(DELIVERED)).await;
    reply.refused(403, "limit_exceeded");
    assert_eq!(reply.retry_after.as_deref(), Some("500"));
    gateway.clock.turn(Duration::from_secs(500));
    assert_eq!(caller.buy("c", &airtime(DELIVERED)).await.status, 201);
    // Now the day's limit is reached, until midnight in Lagos.
    let reply = caller.buy("d", &airtime(DELIVERED)).await;
    reply.refused(403, "limit_exceeded");
    assert_eq!(reply.retry_after.as_deref(), Some("85800"));
    gateway.clock.turn(Duration::from_secs(85_800));
    assert_eq!(caller.buy("d", &airtime(DELIVERED)).await.status, 201);
}

#[tokio::test]
async fn a_count_is_kept_until_its_day_ends() {
    let gateway = with_limits(&[]).await;
    gateway.clock.turn(Duration::from_secs(100));
    assert_eq!(gateway.caller().buy("a", &airtime(DELIVERED)).await.status, 201);
    let now = to_seconds(gateway.clock.clock().now());
    let items = gateway.scan("LimitsTable").await.into_iter();
    let left: BTreeMap<String, i64> = items
        .map(|item| {
            let limit = item["pk"].as_str().unwrap().split('#').next().unwrap().to_owned();
            (limit, item["expires_at"].as_i64().unwrap() - now)
        })
        .collect();
    // A day of money is a day in Lagos, the others are of UTC, an hour behind.
    let ends = [("purchases", 3_500), ("spending", 86_300)];
    assert_eq!(left, ends.map(|(limit, left)| (limit.to_owned(), left)).into());
}

#[tokio::test]
async fn what_failed_at_once_is_given_back_and_what_is_open_is_not() {
    let gateway = with_limits(&[("SPEND_LIMIT", "20000/600,20000/86400")]).await;
    let caller = gateway.caller();
    for n in 0..5 {
        let failed = caller.bought(&format!("failed-{n}"), &airtime(FAILED)).await;
        assert_eq!(failed["state"], "failed");
    }
    assert_eq!(caller.buy("open", &airtime(PENDING)).await.status, 202);
    assert_eq!(caller.buy("bundle", &bundle(DELIVERED)).await.status, 201);
    caller.buy("more", &airtime(DELIVERED)).await.refused(403, "limit_exceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_after_its_short_window_is_given_back_to_the_day() {
    for short in [1, 20, 60] {
        let gateway = with_limits(&[("SPEND_LIMIT", &format!("20000/{short},20000/86400"))]).await;
        let (tap, purchase) = gateway.with_tap("purchase").await;
        tap.hold_at(None);
        purchase(purchase_event("first", &airtime(FAILED)), context()).await.unwrap();
        let pay = tap.seen().iter().position(|it| it == "/api/pay").unwrap();
        tap.hold_at(Some(2 * pay));
        let failing = purchase(purchase_event("failing", &airtime(FAILED)), context());
        let meanwhile = async {
            tap.held().await;
            // Another order clears past windows away.
            gateway.clock.turn(Duration::from_secs(short.max(20)));
            let other = gateway.caller().bought("other", &airtime(DELIVERED)).await;
            tap.release();
            other["state"].clone()
        };
        let (failed, other) = tokio::join!(failing, meanwhile);
        assert!(failed.unwrap().to_string().contains("failed"));
        assert_eq!(other, "delivered");
        let more = gateway.caller().buy("more", &airtime(DELIVERED)).await;
        assert_eq!(more.status, 201, "windows of {short} s");
    }
}

#[tokio::test]
async fn an_order_that_is_too_large_is_refused_without_an_end() {
    let limits = [("SPEND_LIMIT", "20000/600,40000/86400"), ("LARGEST_ORDER_KOBO", "30000")];
    let gateway = with_limits(&limits).await;
    let caller = gateway.caller();
    for amount in [30_001, 20_001] {
        let order = json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": amount });
        let reply = caller.buy("large", &order).await;
        reply.refused(403, "limit_exceeded");
        assert_eq!(reply.retry_after, None);
    }
    assert_eq!(gateway.items("PurchasesTable").await, 0);
    let order = json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": 20_000 });
    assert_eq!(caller.buy("large", &order).await.status, 201);
    // The largest order itself is sold.
    let gateway = with_limits(&[("LARGEST_ORDER_KOBO", "10000")]).await;
    assert_eq!(gateway.caller().buy("largest", &airtime(DELIVERED)).await.status, 201);
}

#[tokio::test]
async fn a_refill_by_voucher_is_paid_for_already_and_not_counted() {
    let gateway = with_limits(&[("SPEND_LIMIT", "10000/600,10000/86400")]).await;
    let caller = gateway.caller();
    let voucher = json!({ "service_id": "mtn-refill", "phone": PHONE, "refill_type": "voucher",
                          "voucher_code": "4711081547110815" });
    assert_eq!(caller.buy("voucher", &voucher).await.status, 201);
    assert_eq!(caller.buy("a", &airtime(DELIVERED)).await.status, 201);
}

#[tokio::test]
async fn a_tenants_own_limits_stand_in_place_of_the_deployments() {
    let gateway = with_limits(&[TWENTY]).await;
    let (caller, other) = (gateway.caller(), gateway.other_caller());
    let vars = gateway.variables_of("authorizer").into_iter().collect();
    let client = shared::platform::aws::dynamodb(&vars, &gateway.environment()).unwrap();
    let tenants = Tenants::from_vars(&vars, &client).unwrap();
    let own = OwnMoneyLimits {
        spend_limit: Some("10000/600,10000/86400".parse().unwrap()),
        largest_order_kobo: shared::domain::money::Kobo::new(9_000).ok(),
    };
    let hash = shared::platform::crypto::hashed(KEY);
    tenants.set_money_limits(&hash, own).await.unwrap();
    caller.buy("large", &airtime(DELIVERED)).await.refused(403, "limit_exceeded");
    tenants
        .set_money_limits(&hash, OwnMoneyLimits { largest_order_kobo: None, ..own })
        .await
        .unwrap();
    // The gateway keeps the authorizer's decision for a minute.
    gateway.clock.turn(Duration::from_secs(61));
    assert_eq!(caller.buy("a", &airtime(DELIVERED)).await.status, 201);
    caller.buy("b", &airtime(DELIVERED)).await.refused(403, "limit_exceeded");
    for key in ["a", "b"] {
        assert_eq!(other.buy(key, &airtime(DELIVERED)).await.status, 201);
    }
}

#[tokio::test]
async fn a_limit_that_cannot_be_read_sells_nothing() {
    let gateway = with_limits(&[]).await;
    for (name, value) in [
        ("spend_limit", json!("much")),
        ("largest_order_kobo", json!("-1")),
        ("spend_limit", json!(7)),
    ] {
        let mut event: Value =
            serde_json::from_str(&purchase_event("a", &airtime(DELIVERED))).unwrap();
        event["requestContext"]["authorizer"]["lambda"][name] = value;
        let answer = gateway.sandbox.functions["purchase"].invoke(&event).await.unwrap();
        assert_eq!(answer["statusCode"], 503, "{answer}");
    }
    assert_eq!(gateway.items("PurchasesTable").await, 0);
}
