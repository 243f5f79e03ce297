//! The float, and the wallet beside our own books.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use shared::domain::money::Kobo;
use shared::domain::report::TopUp;
use shared::domain::time::to_seconds;

use super::Morning;
use crate::support::purchases::{DELIVERED, FAILED, airtime, bundle, field};

impl Morning {
    /// Reads the balance at this hour of today.
    pub(super) async fn read_at(&self, hours: u32) {
        self.turn_to(hours);
        self.keep().await;
    }

    pub(super) async fn wallet(&self) -> u64 {
        self.caller.console("GET", "vtpass/wallet", &json!(null)).await["kobo"].as_u64().unwrap()
    }

    pub(super) async fn set_wallet(&self, kobo: u64) {
        self.caller.console("POST", "vtpass/wallet", &json!({ "kobo": kobo })).await;
    }

    pub(super) async fn top_up(&self, kobo: u64) {
        let at = self.gateway.clock.clock().now();
        self.set_wallet(self.wallet().await + kobo).await;
        let amount_kobo = Kobo::new(kobo).unwrap();
        let (by, note) = ("ada".to_owned(), "transfer 4711".to_owned());
        let top_up = TopUp { at, amount_kobo, by, note };
        assert!(self.books().note_top_up(&top_up).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wallet_equals_the_books_to_the_kobo() {
    let it = Morning::with(&[]).await;
    it.read_at(24).await;
    // A day with all that moves the wallet: orders, one that failed, a reversal and a top-up.
    it.turn_to(30);
    let reversed = it.caller.bought("a", &airtime(DELIVERED)).await;
    it.caller.bought("b", &bundle(DELIVERED)).await;
    it.caller.bought("c", &airtime(FAILED)).await;
    it.gateway.other_caller().bought("a", &airtime(DELIVERED)).await;
    it.turn_to(32);
    it.resolve(&reversed, "reversed").await;
    it.top_up(500_000).await;
    it.read_at(48).await;
    it.read_at(49).await;
    let wallet = it.closed(it.today.next()).await.wallet.expect("two readings");
    assert_eq!(wallet.top_ups_kobo, 500_000);
    assert!(wallet.moved.charged_kobo > 0 && wallet.moved.returned_kobo > 0, "{wallet:?}");
    assert_eq!((wallet.moved.in_flight, wallet.moved.cost_unknown), (0, 0), "{wallet:?}");
    assert_eq!(wallet.unexplained_kobo(), 0, "{wallet:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_falsified_cost_and_a_payment_that_nobody_noted_are_named() {
    let it = Morning::with(&[]).await;
    it.read_at(24).await;
    it.turn_to(30);
    let bought = it.caller.bought("a", &airtime(DELIVERED)).await;
    let cost = bought["cost_kobo"].as_u64().unwrap();
    let table = it.gateway.vars_of("books").required("PURCHASES_TABLE").unwrap().to_owned();
    it.gateway
        .dynamodb()
        .update_item()
        .table_name(table)
        .key("purchase_id", AttributeValue::S(field(&bought, "purchase_id").to_owned()))
        .update_expression("SET cost_kobo = :cost")
        .expression_attribute_values(":cost", AttributeValue::N((cost + 1).to_string()))
        .send()
        .await
        .unwrap();
    it.read_at(48).await;
    it.turn_to(54);
    it.set_wallet(it.wallet().await + 700).await;
    it.read_at(72).await;
    it.read_at(73).await;
    let days = [it.today.next(), it.today.next().next()];
    for (day, unexplained) in days.into_iter().zip([1, 700]) {
        let wallet = it.closed(day).await.wallet.unwrap();
        assert_eq!(wallet.unexplained_kobo(), unexplained, "{wallet:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_in_flight_is_named_and_not_taken_for_explained() {
    let it = Morning::with(&[]).await;
    it.read_at(24).await;
    it.turn_to(47);
    let stuck = it.caller.bought_stuck("a").await;
    it.read_at(48).await;
    it.read_at(49).await;
    let wallet = it.closed(it.today.next()).await.wallet.unwrap();
    assert_eq!((wallet.moved.in_flight, wallet.moved.in_flight_kobo), (1, 9_700), "{wallet:?}");
    assert_eq!(wallet.unexplained_kobo(), -9_700, "VTpass has charged it");
    assert!(!wallet.is_contradicted(0));
    // It is delivered: its charge was before the next day's first reading.
    it.turn_to(50);
    it.resolve(&stuck, "delivered").await;
    it.read_at(72).await;
    it.read_at(73).await;
    let wallet = it.closed(it.today.next().next()).await.wallet.unwrap();
    assert_eq!((wallet.unexplained_kobo(), wallet.moved.in_flight), (0, 0), "{wallet:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_within_seconds_of_a_reading_is_named_on_both_sides_of_it() {
    let it = Morning::with(&[]).await;
    let reversed = it.caller.bought("reversed", &airtime(DELIVERED)).await;
    for hours in [24, 47] {
        it.read_at(hours).await;
    }
    // The reversal comes five seconds before the reading at midnight, and an order five after it.
    it.gateway.clock.turn(super::HOUR - Duration::from_secs(61 + 5));
    it.resolve(&reversed, "reversed").await;
    it.read_at(48).await;
    it.gateway.clock.turn(Duration::from_secs(5));
    it.caller.bought("after", &airtime(DELIVERED)).await;
    for hours in [49, 72, 73] {
        it.read_at(hours).await;
    }
    for date in [it.today.next(), it.today.next().next()] {
        let wallet = it.closed(date).await.wallet.unwrap();
        assert_eq!(wallet.moved.in_flight, 2, "the clocks may differ: {wallet:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_at_the_time_of_a_reading_counts_once() {
    let it = Morning::with(&[]).await;
    it.turn_to(24);
    it.top_up(500_000).await;
    for hours in [24, 25, 48, 49] {
        it.read_at(hours).await;
    }
    for (date, kobo) in [(it.today, 500_000), (it.today.next(), 0)] {
        let wallet = it.closed(date).await.wallet.unwrap();
        assert_eq!((wallet.top_ups_kobo, wallet.unexplained_kobo()), (kobo, 0), "{wallet:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_of_the_balance_is_kept_for_400_days_and_a_top_up_for_ever() {
    let it = Morning::with(&[]).await;
    it.top_up(500_000).await;
    let now = to_seconds(it.gateway.clock.clock().now());
    let items = it.gateway.scan("BooksTable").await;
    let left = |name: &str| {
        let item = items.iter().find(|item| item["pk"] == name).unwrap();
        item.get("expires_at").map(|end| end.as_i64().unwrap() - now)
    };
    assert_eq!(left("balance#vtpass"), Some(400 * 86_400));
    assert_eq!(left("top-up#vtpass"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readings_of_one_day_end_where_those_of_the_next_begin() {
    let it = Morning::with(&[]).await;
    for hours in [24, 25, 48, 49, 72, 73] {
        it.read_at(hours).await;
    }
    let first = it.closed(it.today.next()).await.wallet.unwrap();
    let second = it.closed(it.today.next().next()).await.wallet.unwrap();
    assert_eq!(first.to, second.from);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_balance_the_days_are_closed_all_the_same() {
    let it = Morning::with(&[]).await;
    it.caller.bought("a", &airtime(DELIVERED)).await;
    it.caller.control("/outage", json!({ "code": "030", "http_status": 500 })).await;
    it.turn_to(25);
    let done = it.keep().await;
    assert_eq!((&done["days_closed"], &done["balance_kobo"]), (&json!(1), &json!(null)));
    let closed = it.closed(it.today).await;
    assert_eq!((closed.report.total().delivered, closed.wallet), (1, None));
}
