//! The day's report: what happened to purchases on one day, as Lagos counts days, by service.
//!
//! Everything stands in the day on which it happened, so a day that is over does not change: an order of
//! yesterday that is reversed today stands in today's report, under the date of its order.

mod changes;
mod float;
mod tally;
mod told;
mod view;
mod wallet;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use self::float::{FloatLimits, Runway};
pub use self::tally::{Earlier, Tally};
pub use self::told::{FloatLine, FloatTold};
pub use self::wallet::{Balance, Moved, Movement, TopUp};
use super::date::Date;
use super::guard::Change;
use super::purchase::Purchase;
use super::time::iso;

/// The report of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The day, in Lagos.
    pub date: Date,
    /// The counts of each service that had any.
    #[serde(default)]
    pub services: BTreeMap<String, Tally>,
    /// How many purchases this version could not read. They are not counted.
    #[serde(default)]
    pub unreadable: u64,
}

/// The report of a day that is over, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedDay {
    /// When it was closed.
    #[serde(with = "iso")]
    pub closed_at: OffsetDateTime,
    /// The report.
    pub report: Report,
    /// What the orders moved the wallet between the two readings that belong to the day.
    #[serde(default)]
    pub moved: Moved,
    /// The movement of the wallet. It is the deployment's, so it stands in the report of all tenants
    /// together, and only where there were two readings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<Movement>,
    /// The services that were suspended or sold again on the day. As the movement, they stand in the
    /// report of all tenants together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspensions: Vec<Suspension>,
}

/// That a service was suspended, or sold again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// The service.
    pub service_id: String,
    /// When, whether it is sold from then on, by whom and why.
    #[serde(flatten)]
    pub change: Change,
}

impl Report {
    /// The report of a day on which nothing happened yet.
    pub fn of_nothing(date: Date) -> Self {
        Self { date, services: BTreeMap::new(), unreadable: 0 }
    }

    /// Adds what happened to a purchase on the day.
    pub fn add(&mut self, purchase: &Purchase) {
        let tally = Tally::of(purchase, self.date);
        if tally != Tally::default() {
            *self.services.entry(purchase.service_id.clone()).or_default() += tally;
        }
    }

    /// Adds another report of the same day: another tenant's.
    pub fn add_all(&mut self, other: &Self) {
        for (service, tally) in &other.services {
            *self.services.entry(service.clone()).or_default() += tally.clone();
        }
        self.unreadable += other.unreadable;
    }

    /// The counts of all services together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.services.values().for_each(|tally| total += tally.clone());
        total
    }
}

#[cfg(test)]
mod tests;
