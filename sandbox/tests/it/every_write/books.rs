//! The books: reports of days, balances and top-ups.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::Context;
use shared::domain::date::Date;
use shared::domain::money::Kobo;
use shared::domain::report::{Report, TopUp};
use shared::platform::environment::Environment;
use shared::store::{Books, FloatNotes, Whose};

use super::loss::Loss;
use crate::support::Gateway;
use crate::support::purchases::{DELIVERED, airtime};
use crate::support::tap::Tap;

/// The day on which a delivered order was made is closed, and the writes of that run meet the loss. Gives
/// the gateway and the day.
async fn closed(loss: Loss) -> (Gateway, Date) {
    let gateway = Gateway::undriven().await;
    gateway.caller().bought("a", &airtime(DELIVERED)).await;
    let date = Date::of(gateway.clock.clock().now());
    gateway.clock.turn(Duration::from_secs(25 * 3_600));
    let (tap, books) = gateway.with_tap("books").await;
    let done = loss.run(&tap, &books, "{}".to_owned()).await;
    assert_eq!(done["days_closed"], 1, "{done}");
    let again = books("{}".to_owned(), Context::default()).await.unwrap();
    assert_eq!(again["days_closed"], 0, "{again}");
    (gateway, date)
}

fn table(gateway: &Gateway) -> Books {
    Books::from_vars(&gateway.vars_of("books"), &gateway.dynamodb()).unwrap()
}

async fn report(gateway: &Gateway, whose: Whose<'_>, date: Date) -> Report {
    table(gateway).day(whose, date).await.unwrap().expect("the day was closed").report
}

pub async fn a_tenants_day_is_closed_once(loss: Loss) {
    let (gateway, date) = closed(loss).await;
    let shown = gateway.caller().get(&format!("/reports/{date}")).await.ok();
    assert!(shown["data"]["closed_at"].is_string(), "{shown}");
    assert_eq!(shown["data"]["total"]["delivered"], 1);
}

pub async fn a_deployments_day_is_closed_once(loss: Loss) {
    let (gateway, date) = closed(loss).await;
    assert_eq!(report(&gateway, Whose::Everyone, date).await.total().delivered, 1);
}

pub async fn a_balance_is_noted(loss: Loss) {
    let (gateway, _) = closed(loss).await;
    let now = gateway.clock.clock().now();
    let noted = table(&gateway).balances(now - Duration::from_secs(60), now).await.unwrap();
    assert_eq!(noted.len(), 1);
}

pub async fn a_top_up_is_noted(loss: Loss) {
    let gateway = Gateway::undriven().await;
    let tap = Arc::new(Tap::default());
    let mut vars = gateway.variables_of("books");
    let url = vars.get_mut("AWS_ENDPOINT_URL_DYNAMODB").unwrap();
    *url = tap.before(url, true).await;
    let vars = vars.into_iter().collect();
    let client = shared::platform::aws::dynamodb(&vars, &Environment::real()).unwrap();
    let books = Books::from_vars(&vars, &client).unwrap();
    let at = gateway.clock.clock().now();
    let amount_kobo = Kobo::new(5_000).unwrap();
    let top_up = TopUp { at, amount_kobo, by: "ada".to_owned(), note: "4711".to_owned() };
    loss.begin(&tap);
    assert!(books.note_top_up(&top_up).await.unwrap());
    loss.end(&tap);
    let another = TopUp { amount_kobo: Kobo::new(7_000).unwrap(), ..top_up };
    assert!(!table(&gateway).note_top_up(&another).await.unwrap());
    let noted = table(&gateway).top_ups(at, at).await.unwrap();
    assert_eq!(noted.len(), 1);
    assert_eq!(noted[0].amount_kobo, amount_kobo);
}

pub async fn a_low_float_is_noted_once(loss: Loss) {
    let gateway = Gateway::undriven_with(&[("FLOAT_ALARM_KOBO", "100000000000")]).await;
    let (tap, books) = gateway.with_tap("books").await;
    loss.run(&tap, &books, "{}".to_owned()).await;
    let notes = FloatNotes::from_vars(&gateway.vars_of("notify"), &gateway.dynamodb()).unwrap();
    assert_eq!(notes.told().await.unwrap().lines.len(), 1);
    assert_eq!(gateway.messages("NotifyQueue").await, 1);
}
