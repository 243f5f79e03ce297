//! Draws from a seed: the numbers, times and choices that schedules are made of.

use fastrand::Rng;
use sandbox::simulators::vtpass::ApiCall;
use strum::IntoEnumIterator;

use super::{Action, Deed, Density, Fault, Odd, Outage, PayAnswer, RequeryAnswer};
use crate::world::TENANTS;

pub(super) const SECOND: u64 = 1_000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;

/// A seed's randomness, and what it has made so far.
pub(super) struct Generator {
    pub(super) rng: Rng,
    pub(super) orders: usize,
    pub(super) actions: Vec<Action>,
    /// Faults that belong to what people do.
    pub(super) own_faults: Vec<Fault>,
    /// Outages that belong to what people do.
    pub(super) own_outages: Vec<Outage>,
    /// Whether a tenant reaches its limit.
    pub(super) is_crowded: bool,
    /// Whether the books are kept.
    pub(super) keeps_books: bool,
    /// How much is in the schedule.
    pub(super) density: Density,
    /// Whether numbers and unread accounts grow old.
    pub(super) ages: bool,
}

impl Generator {
    pub(super) fn new(seed: u64, density: Density) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            orders: 0,
            actions: Vec::new(),
            own_faults: Vec::new(),
            own_outages: Vec::new(),
            is_crowded: false,
            keeps_books: false,
            density,
            ages: false,
        }
    }

    /// Whether something happens that happens so often. What is rare is three times as often in a dense
    /// schedule.
    pub(super) fn percent(&mut self, percent: u8) -> bool {
        let percent = match self.density {
            Density::Usual => percent,
            Density::Dense => percent.saturating_mul(3).min(percent.max(60)),
        };
        self.rng.u8(0..100) < percent
    }

    /// How many things happen around a person or an order, or go wrong, where there are usually so many.
    pub(super) fn some(&self, usually: u8) -> u8 {
        match self.density {
            Density::Usual => usually,
            Density::Dense => usually * 3 + 2,
        }
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.usize(0..from.len())]
    }

    pub(super) fn any<T: IntoEnumIterator + Copy>(&mut self) -> T {
        let all: Vec<T> = T::iter().collect();
        self.pick(&all)
    }

    /// An answer to `pay`.
    pub(super) fn pay_answer(&mut self) -> PayAnswer {
        match self.any() {
            PayAnswer::Odd(_) => PayAnswer::Odd(Odd::draw(&mut self.rng, ApiCall::Pay)),
            answer => answer,
        }
    }

    /// An answer to `requery`.
    pub(super) fn requery_answer(&mut self) -> RequeryAnswer {
        match self.any() {
            RequeryAnswer::Odd(_) => RequeryAnswer::Odd(Odd::draw(&mut self.rng, ApiCall::Requery)),
            answer => answer,
        }
    }

    pub(super) fn tenant(&mut self) -> usize {
        if self.percent(70) { 0 } else { self.rng.usize(0..TENANTS) }
    }

    pub(super) fn time(&mut self) -> u64 {
        match self.rng.u8(0..20) {
            0..12 => self.rng.u64(0..10 * SECOND),
            12..17 => self.rng.u64(0..5 * MINUTE),
            _ => self.rng.u64(0..3 * HOUR),
        }
    }

    pub(super) fn later(&mut self) -> u64 {
        match self.rng.u8(0..10) {
            0..4 => self.rng.u64(0..200),
            4..7 => self.rng.u64(0..30 * SECOND),
            7..9 => self.rng.u64(0..20 * MINUTE),
            _ => self.rng.u64(0..28 * HOUR),
        }
    }

    /// A time between two.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.rng.u64(from..to)
    }

    pub(super) fn at(&mut self, at_ms: u64, deed: Deed) {
        self.actions.push(Action { at_ms, deed });
    }
}
