//! The books: the reports of days, the float, and the wallet beside our own books.

mod alarms;
mod days;
mod float;
mod keys;
mod made_up_day;
mod suspensions;
mod wallet;

use std::time::Duration;

use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};
use shared::domain::date::Date;
use shared::domain::report::ClosedDay;
use shared::store::{Books, Whose};

use crate::support::{Caller, Gateway};

const HOUR: Duration = Duration::from_secs(3_600);

/// A gateway that a test drives, at nine in the morning in Lagos.
struct Morning {
    gateway: Gateway,
    caller: Caller,
    requery: Entry,
    today: Date,
}

impl Morning {
    async fn with(vars: &[(&str, &str)]) -> Self {
        let gateway = Gateway::undriven_with(vars).await;
        let now = gateway.clock.clock().now();
        let today = Date::of(now).next();
        gateway.clock.turn((today.begins() - now).unsigned_abs() + 9 * HOUR);
        let caller = gateway.caller();
        let (_, requery) = gateway.with_tap("requery").await;
        let it = Self { gateway, caller, requery, today };
        assert_eq!(it.keep().await["days_closed"], 1, "the first run closes the day before");
        it
    }

    /// Runs the books once, and gives what was done.
    async fn keep(&self) -> Value {
        self.gateway.sandbox.functions["books"].invoke(&json!({})).await.expect("the books run")
    }

    /// Turns the clock to so many hours after the beginning of today.
    fn turn_to(&self, hours: u32) {
        let now = self.gateway.clock.clock().now();
        let ahead = self.today.begins() + hours * HOUR - now;
        self.gateway.clock.turn(ahead.try_into().expect("a later time"));
    }

    fn books(&self) -> Books {
        let vars = self.gateway.vars_of("books");
        Books::from_vars(&vars, &self.gateway.dynamodb()).unwrap()
    }

    /// The deployment's report of a day that was closed.
    async fn closed(&self, date: Date) -> ClosedDay {
        self.books().day(Whose::Everyone, date).await.unwrap().expect("the day was closed")
    }

    /// The first tenant's report.
    async fn report(&self, date: Date) -> Value {
        self.caller.get(&format!("/reports/{date}")).await.ok()["data"].clone()
    }

    /// VTpass changes an order and reports it; the requery asks.
    async fn resolve(&self, bought: &Value, state: &str) {
        let body = json!({ "request_id": bought["request_id"], "state": state, "webhook": false });
        self.caller.control("/resolve", body).await;
        let hint = json!({ "type": "transaction-update", "data": {
            "code": "000", "requestId": bought["request_id"] } });
        self.caller.post("/callbacks/vtpass", hint).await;
        self.gateway.clock.turn(Duration::from_secs(61));
        self.gateway.drive(&self.requery).await;
    }
}
