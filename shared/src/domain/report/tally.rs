//! The counts of one service on one day.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::changes::{Change, changes};
use crate::domain::date::Date;
use crate::domain::purchase::{Purchase, Source, State};
use crate::domain::time::iso;

/// What happened on the day. All amounts are in kobo. A field that an older version did not write is
/// zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Orders that were made.
    pub orders: u64,
    /// Their face value.
    pub face_kobo: u64,
    /// Orders that were delivered.
    pub delivered: u64,
    /// Their face value.
    pub delivered_kobo: u64,
    /// What the provider took for them.
    pub cost_kobo: u64,
    /// For how many of them that is not known.
    pub cost_unknown: u64,
    /// The commission on them. It is taken off the cost already.
    pub commission_kobo: u64,
    /// Orders that failed.
    pub failed: u64,
    /// Orders that were reversed.
    pub reversed: u64,
    /// What the provider gave back for those of them that were delivered first.
    pub reversed_cost_kobo: u64,
    /// The face value of what failed or was reversed: safe to refund.
    pub refundable_kobo: u64,
    /// Orders that began to wait for a person.
    pub needs_review: u64,
    /// Orders that came to their first final state.
    pub answered: u64,
    /// How many of them within 30 seconds.
    pub answered_in_30_s: u64,
    /// How many of them within 24 hours.
    pub answered_in_24_h: u64,
    /// The longest time from an order to its first final state, in milliseconds.
    pub longest_answer_ms: u64,
    /// Orders of the day that are open at its end.
    pub open: u64,
    /// Their face value.
    pub open_kobo: u64,
    /// When the oldest of them was made.
    #[serde(with = "iso::option", skip_serializing_if = "Option::is_none")]
    pub oldest_open_at: Option<OffsetDateTime>,
    /// Orders on which a look back had a clear answer.
    pub reconciled: u64,
    /// Answers that contradicted a final state.
    pub contradicted: u64,
    /// Of the final states above, those of orders of earlier days, by the date of the order.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub earlier: BTreeMap<String, Earlier>,
}

/// What happened to orders of one earlier day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Earlier {
    /// How many were delivered.
    pub delivered: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were reversed.
    pub reversed: u64,
    /// The face value of what failed or was reversed.
    pub refundable_kobo: u64,
}

impl Tally {
    /// What happened to one purchase on `date`.
    pub(super) fn of(purchase: &Purchase, date: Date) -> Self {
        let is_today = |at: OffsetDateTime| Date::of(at) == date;
        let amount = purchase.amount.unwrap_or_default().kobo();
        let changes = changes(purchase);
        let mut tally = Self::default();
        if is_today(purchase.created_at) {
            (tally.orders, tally.face_kobo) = (1, amount);
            if !changes.iter().any(|it| it.to.is_final() && it.at < date.ends()) {
                (tally.open, tally.open_kobo) = (1, amount);
                tally.oldest_open_at = Some(purchase.created_at);
            }
        }
        for change in changes.iter().filter(|it| is_today(it.at)) {
            tally.count(purchase, *change, &changes);
        }
        tally.reconciled = purchase.reconciled_at.is_some_and(is_today).into();
        let ended = changes.iter().find(|it| it.to.is_final()).map(|it| it.at);
        let after = purchase.history_with_states().filter(|(it, _)| {
            ended.is_some_and(|ended| it.at > ended) && it.source != Source::Operator
        });
        // A line of an older version that concludes nothing after the end was written for a contradiction.
        let contradicting = after.filter(|(it, before)| it.contradicts(*before).unwrap_or(true));
        tally.contradicted = count(contradicting.filter(|(it, _)| is_today(it.at)).count());
        tally
    }

    fn count(&mut self, purchase: &Purchase, change: Change, changes: &[Change]) {
        let amount = purchase.amount.unwrap_or_default().kobo();
        let was_delivered = changes.iter().any(|it| it.to == State::Delivered);
        match change.to {
            State::Delivered => {
                (self.delivered, self.delivered_kobo) = (1, amount);
                self.cost_kobo = purchase.cost.unwrap_or_default().kobo();
                self.cost_unknown = purchase.cost.is_none().into();
                self.commission_kobo = purchase.commission.unwrap_or_default().kobo();
            }
            State::Failed => (self.failed, self.refundable_kobo) = (1, amount),
            State::Reversed => {
                (self.reversed, self.refundable_kobo) = (1, amount);
                let cost = purchase.cost.filter(|_| was_delivered);
                self.reversed_cost_kobo = cost.unwrap_or_default().kobo();
            }
            State::NeedsReview => self.needs_review = 1,
            State::Submitted | State::Pending => {}
        }
        if !change.to.is_final() {
            return;
        }
        if changes.iter().find(|it| it.to.is_final()) == Some(&change) {
            self.answer(change.at - purchase.created_at);
        }
        let ordered = Date::of(purchase.created_at);
        if ordered != Date::of(change.at) {
            let earlier = self.earlier.entry(ordered.to_string()).or_default();
            match change.to {
                State::Delivered => earlier.delivered += 1,
                State::Failed => earlier.failed += 1,
                _ => earlier.reversed += 1,
            }
            if change.to.safe_to_refund() {
                earlier.refundable_kobo += amount;
            }
        }
    }

    fn answer(&mut self, after: Duration) {
        self.answered = 1;
        self.answered_in_30_s = (after <= Duration::seconds(30)).into();
        self.answered_in_24_h = (after <= Duration::hours(24)).into();
        self.longest_answer_ms = u64::try_from(after.whole_milliseconds()).unwrap_or_default();
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.orders += other.orders;
        self.face_kobo += other.face_kobo;
        self.delivered += other.delivered;
        self.delivered_kobo += other.delivered_kobo;
        self.cost_kobo += other.cost_kobo;
        self.cost_unknown += other.cost_unknown;
        self.commission_kobo += other.commission_kobo;
        self.failed += other.failed;
        self.reversed += other.reversed;
        self.reversed_cost_kobo += other.reversed_cost_kobo;
        self.refundable_kobo += other.refundable_kobo;
        self.needs_review += other.needs_review;
        self.answered += other.answered;
        self.answered_in_30_s += other.answered_in_30_s;
        self.answered_in_24_h += other.answered_in_24_h;
        self.longest_answer_ms = self.longest_answer_ms.max(other.longest_answer_ms);
        self.open += other.open;
        self.open_kobo += other.open_kobo;
        let oldest = [self.oldest_open_at, other.oldest_open_at].into_iter().flatten().min();
        self.oldest_open_at = oldest;
        self.reconciled += other.reconciled;
        self.contradicted += other.contradicted;
        for (date, earlier) in other.earlier {
            *self.earlier.entry(date).or_default() += earlier;
        }
    }
}

impl AddAssign for Earlier {
    fn add_assign(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.reversed += other.reversed;
        self.refundable_kobo += other.refundable_kobo;
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
