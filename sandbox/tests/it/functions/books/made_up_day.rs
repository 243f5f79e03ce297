//! A made-up day of 10,000 orders with every outcome, reversals, an outage of an hour and a
//! top-up: the report equals a recount by other means, and the wallet is explained to the kobo.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use serde_json::{Value, json};
use shared::domain::report::ClosedDay;
use shared::domain::time::{to_iso, to_ms};
use time::{Duration, OffsetDateTime};

use super::Morning;
use crate::support::purchases::{DELIVERED, airtime, field};

const ORDERS: usize = 10_000;
const SERVICES: [&str; 4] = ["mtn", "airtel", "mtn-data", "glo-data"];
/// How many items DynamoDB takes at a time.
const BATCH: usize = 25;
const TOP_UP: u64 = 25_000_000;

/// What becomes of an order, and how long after it is made.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Delivered(Duration),
    Failed(Duration),
    Reversed(Duration),
    NeedsReview(Duration),
    Open,
}

struct Order {
    tenant: String,
    service: &'static str,
    made: OffsetDateTime,
    kobo: u64,
    end: End,
}

impl Order {
    fn made_up(day: OffsetDateTime, tenants: &[String; 2]) -> Self {
        let made = day + Duration::milliseconds(fastrand::i64(60_000..85_800_000));
        let after = match (made - day).whole_hours() {
            // VTpass is away: what is bought now is answered when it is back.
            12 => day + Duration::minutes(13 * 60 + 5) - made,
            _ => Duration::milliseconds(fastrand::i64(300..20_000)),
        };
        let end = match fastrand::u8(0..100) {
            0..85 => End::Delivered(after),
            85..93 => End::Failed(after),
            93..95 => End::Reversed(after),
            95..97 => End::Delivered(Duration::minutes(7)),
            97..99 => End::NeedsReview(Duration::minutes(3)),
            _ => End::Open,
        };
        let tenant = tenants[usize::from(fastrand::bool())].clone();
        let service = SERVICES[fastrand::usize(0..SERVICES.len())];
        Self { tenant, service, made, kobo: fastrand::u64(1..=500) * 1_000, end }
    }

    fn cost(&self) -> u64 {
        self.kobo / 100 * 97
    }

    /// When it came to its first final state.
    fn answered(&self) -> Option<OffsetDateTime> {
        match self.end {
            End::Delivered(after) | End::Failed(after) | End::Reversed(after) => {
                Some(self.made + after)
            }
            End::NeedsReview(_) | End::Open => None,
        }
    }

    /// The stored item, made from a real one.
    fn item(&self, real: &Value, number: usize) -> Value {
        let id = format!("{number:032x}");
        let line = |state: &str, after: Duration| {
            json!({ "at": to_iso(self.made + after), "call": "requery", "code": "000",
                    "concluded": state, "note": "made up" })
        };
        let (state, history) = match self.end {
            End::Delivered(after) => ("delivered", vec![line("delivered", after)]),
            End::Failed(after) => ("failed", vec![line("failed", after)]),
            End::Reversed(after) => (
                "reversed",
                vec![line("delivered", after), line("reversed", after + Duration::seconds(9))],
            ),
            End::NeedsReview(after) => ("needs_review", vec![line("needs_review", after)]),
            End::Open => ("pending", vec![]),
        };
        let mut item = real.clone();
        item["purchase_id"] = json!(id);
        item["listed"] = json!(format!("{}#{id}", to_iso(self.made)));
        item["tenant"] = json!(self.tenant);
        item["service_id"] = json!(self.service);
        item["created_ms"] = json!(to_ms(self.made));
        item["amount_kobo"] = json!(self.kobo);
        item["cost_kobo"] = json!(self.cost());
        item["commission_kobo"] = json!(self.kobo - self.cost());
        item["state"] = json!(state);
        item["history"] = json!(history);
        item
    }
}

impl Morning {
    async fn write(&self, items: &[Value]) {
        let table = self.gateway.vars_of("books").required("PURCHASES_TABLE").unwrap().to_owned();
        for batch in items.chunks(BATCH) {
            let puts = batch.iter().map(|item| {
                let item = serde_dynamo::to_item(item).unwrap();
                let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
                WriteRequest::builder().put_request(put).build()
            });
            let write = self.gateway.dynamodb().batch_write_item();
            write.request_items(&table, puts.collect()).send().await.unwrap();
        }
    }
}

/// The recount: the same numbers, from the plan and not from what is stored.
fn recount<'a>(orders: impl Iterator<Item = &'a Order>) -> BTreeMap<&'static str, u64> {
    let mut sums = BTreeMap::new();
    let mut add = |name, number| *sums.entry(name).or_insert(0) += number;
    for order in orders {
        add("orders", 1);
        add("face_kobo", order.kobo);
        match order.end {
            End::Delivered(_) => add("delivered", 1),
            End::Failed(_) => add("failed", 1),
            End::Reversed(_) => {
                add("delivered", 1);
                add("reversed", 1);
                add("reversed_cost_kobo", order.cost());
            }
            End::NeedsReview(_) => add("needs_review", 1),
            End::Open => {}
        }
        if matches!(order.end, End::Delivered(_) | End::Reversed(_)) {
            add("delivered_kobo", order.kobo);
            add("cost_kobo", order.cost());
            add("commission_kobo", order.kobo - order.cost());
        }
        if matches!(order.end, End::Failed(_) | End::Reversed(_)) {
            add("refundable_kobo", order.kobo);
        }
        match order.answered() {
            Some(at) => {
                add("answered", 1);
                add("answered_in_24_h", 1);
                add("answered_in_30_s", (at - order.made <= Duration::seconds(30)).into());
            }
            None => {
                add("open", 1);
                add("open_kobo", order.kobo);
            }
        }
    }
    sums
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_day_of_ten_thousand_orders_is_reported_as_a_recount_counts_it() {
    fastrand::seed(20_261_129);
    let it = Morning::with(&[]).await;
    let real = it.caller.bought("real", &airtime(DELIVERED)).await;
    let other = it.gateway.other_caller().bought("real", &airtime(DELIVERED)).await;
    let stored = it.gateway.scan("PurchasesTable").await;
    let tenant = |bought: &Value| {
        let is_it = |item: &&Value| item["purchase_id"] == bought["purchase_id"];
        field(stored.iter().find(is_it).unwrap(), "tenant").to_owned()
    };
    let tenants = [tenant(&real), tenant(&other)];
    let template = stored.iter().find(|item| item["purchase_id"] == real["purchase_id"]).unwrap();

    let date = it.today.next();
    let orders: Vec<Order> = (0..ORDERS).map(|_| Order::made_up(date.begins(), &tenants)).collect();
    let items: Vec<Value> =
        orders.iter().enumerate().map(|(number, order)| order.item(template, number)).collect();
    it.write(&items).await;

    // The wallet moves as VTpass would move it: open orders are charged, too.
    it.set_wallet(10_000_000_000).await;
    it.read_at(24).await;
    it.turn_to(30);
    it.top_up(TOP_UP).await;
    let charged: u64 =
        orders.iter().filter(|it| !matches!(it.end, End::Failed(_))).map(Order::cost).sum();
    let returned: u64 =
        orders.iter().filter(|it| matches!(it.end, End::Reversed(_))).map(Order::cost).sum();
    it.set_wallet(it.wallet().await + returned - charged).await;
    it.read_at(48).await;
    it.read_at(49).await;

    let report = it.report(date).await;
    let own = recount(orders.iter().filter(|order| order.tenant == tenants[0]));
    for (name, sum) in &own {
        assert_eq!(report["total"][*name], json!(sum), "{name}: {}", report["total"]);
    }
    for service in SERVICES {
        let mine = |order: &&Order| order.tenant == tenants[0] && order.service == service;
        let counts = report["services"].as_array().unwrap().iter();
        let counts = counts.into_iter().find(|it| it["service_id"] == service).unwrap();
        for (name, sum) in recount(orders.iter().filter(mine)) {
            assert_eq!(counts[name], json!(sum), "{service}: {name}");
        }
    }
    check_deployment(&it.closed(date).await, &orders);
}

/// The deployment's report, and its wallet.
fn check_deployment(closed: &ClosedDay, orders: &[Order]) {
    let all = recount(orders.iter());
    let total = closed.report.total();
    assert_eq!(
        [total.orders, total.delivered, total.failed, total.reversed],
        ["orders", "delivered", "failed", "reversed"].map(|name| all[name])
    );
    assert_eq!((total.cost_kobo, total.open_kobo), (all["cost_kobo"], all["open_kobo"]));

    let wallet = closed.wallet.as_ref().unwrap();
    let in_flight = orders.iter().filter(|it| it.answered().is_none());
    let in_flight_kobo: u64 = in_flight.clone().map(Order::cost).sum();
    assert_eq!(wallet.moved.in_flight, in_flight.count() as u64);
    assert_eq!((wallet.moved.in_flight_kobo, wallet.top_ups_kobo), (in_flight_kobo, TOP_UP));
    let unexplained = wallet.unexplained_kobo().unsigned_abs();
    assert_eq!(unexplained, in_flight_kobo, "the open orders explain the rest to the kobo");
    assert!(!wallet.is_contradicted(0));
}
