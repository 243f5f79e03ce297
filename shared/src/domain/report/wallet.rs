//! The wallet at VTpass beside our own books: what moved it between two readings of its balance.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::changes::changes;
use crate::domain::money::Kobo;
use crate::domain::purchase::{Answer, Attempt, Purchase, State};
use crate::domain::time::{CLOCK_DIFFERENCE, iso};

/// How long after its record an order is charged at the latest. A `pay` that nobody waits for any more
/// may still be on its way.
const CHARGED_WITHIN: Duration = Duration::minutes(6);

/// The balance of the wallet at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// When VTpass was asked.
    #[serde(with = "iso")]
    pub at: OffsetDateTime,
    /// What it answered.
    pub balance_kobo: Kobo,
}

/// Money that somebody paid into the wallet, as an operator noted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUp {
    /// When the money was in the wallet.
    #[serde(with = "iso")]
    pub at: OffsetDateTime,
    /// How much.
    pub amount_kobo: Kobo,
    /// Who noted it.
    pub by: String,
    /// The payment's reference, or why.
    pub note: String,
}

/// What our own books say that moved the wallet between two times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Moved {
    /// What orders cost.
    pub charged_kobo: u64,
    /// What was given back for reversed orders.
    pub returned_kobo: u64,
    /// Orders that may or may not have moved the wallet between the two times: they are open, or were
    /// charged or given back about when a balance was read.
    pub in_flight: u64,
    /// What these orders can have moved at most.
    pub in_flight_kobo: u64,
    /// Delivered orders whose cost is not known.
    pub cost_unknown: u64,
}

/// The movement of the wallet between two readings, and what of it the books explain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// The first reading.
    pub from: Balance,
    /// The second reading.
    pub to: Balance,
    /// What our own books say.
    #[serde(flatten)]
    pub moved: Moved,
    /// What was paid into the wallet.
    pub top_ups_kobo: u64,
}

impl Moved {
    /// What one purchase moved between two times. A refill is not paid from this wallet.
    pub fn of(purchase: &Purchase, from: OffsetDateTime, to: OffsetDateTime) -> Self {
        let mut moved = Self::default();
        // The clock that the balance was read by may differ from that of the order.
        let created_at = purchase.created_at - CLOCK_DIFFERENCE;
        if purchase.is_refill() || created_at >= to {
            return moved;
        }
        let price = purchase.cost.or(purchase.amount).unwrap_or_default();
        if !purchase.state.is_final() {
            moved.add_in_flight(price);
            return moved;
        }
        let changes = changes(purchase);
        let ended = changes.iter().find(|it| it.to.is_final()).map_or(to, |it| it.at);
        if purchase.state == State::Failed {
            // It may have been charged and given back meanwhile.
            let ended = ended + CLOCK_DIFFERENCE;
            if (created_at < from && ended >= from) || ended >= to {
                moved.add_in_flight(price);
            }
            return moved;
        }
        let charged = (purchase.created_at, ended.min(purchase.created_at + CHARGED_WITHIN));
        let returned = changes.iter().find(|it| it.to == State::Reversed).map(|it| {
            let before = purchase.history.iter().filter(|line| line.at < it.at && is_kept(line));
            (before.map(|line| line.at).max().unwrap_or(purchase.created_at), it.at)
        });
        for (is_charge, window) in [(true, Some(charged)), (false, returned)] {
            let Some((begin, end)) = window else { continue };
            let (begin, end) = (begin - CLOCK_DIFFERENCE, end + CLOCK_DIFFERENCE);
            if end < from || begin >= to {
                continue;
            }
            match purchase.cost {
                None => moved.cost_unknown = 1,
                Some(cost) if begin < from || end >= to => moved.add_in_flight(cost),
                Some(cost) if is_charge => moved.charged_kobo += cost.kobo(),
                Some(cost) => moved.returned_kobo += cost.kobo(),
            }
        }
        moved
    }

    fn add_in_flight(&mut self, amount: Kobo) {
        self.in_flight = 1;
        self.in_flight_kobo += amount.kobo();
    }
}

/// Whether VTpass had not given the money back at a line of the history. An answer that proves nothing does
/// not tell.
fn is_kept(line: &Attempt) -> bool {
    line.concluded == Some(State::Delivered)
        || matches!(line.answer, Some(Answer::Delivered | Answer::Pending))
}

impl AddAssign for Moved {
    fn add_assign(&mut self, other: Self) {
        self.charged_kobo += other.charged_kobo;
        self.returned_kobo += other.returned_kobo;
        self.in_flight += other.in_flight;
        self.in_flight_kobo += other.in_flight_kobo;
        self.cost_unknown += other.cost_unknown;
    }
}

impl Movement {
    /// What neither orders nor reversals nor top-ups explain, in kobo; negative where more left the
    /// wallet than the books say. Orders in flight may be the reason for it.
    pub fn unexplained_kobo(&self) -> i64 {
        let signed = |kobo: u64| i64::try_from(kobo).unwrap_or(i64::MAX);
        let moved = signed(self.to.balance_kobo.kobo()) - signed(self.from.balance_kobo.kobo());
        let Moved { charged_kobo, returned_kobo, .. } = self.moved;
        moved + signed(charged_kobo) - signed(returned_kobo) - signed(self.top_ups_kobo)
    }

    /// Whether more is unexplained than orders in flight can explain, and than `allowed`.
    pub fn is_contradicted(&self, allowed: u64) -> bool {
        self.unexplained_kobo().unsigned_abs() > self.moved.in_flight_kobo.saturating_add(allowed)
    }
}
