//! Makes a schedule from a seed.
//!
//! A schedule is small, because a small one is run often and read easily: a few orders or accounts,
//! and a few faults. What takes a day costs as much as ten small ones, so it is in few schedules.
//! What is likely stands in this file. Which calls go wrong is steered by
//! [`Sites`]: calls that were seldom hit are chosen more often.

use std::collections::BTreeSet;

use fastrand::Rng;
use strum::IntoEnumIterator;

use super::generator::{Generator, HOUR, MINUTE, SECOND};
use super::rare::{admit_orders, is_late_pay, late_pay, refused_webhook};
use super::{
    Away, Deed, Density, End, Fate, Fault, FaultKind, Outage, PayAnswer, RefillAnswer,
    RequeryAnswer, Schedule, Settings,
};
use crate::coverage::Sites;
use crate::world::TENANTS;

/// 2026-11-25 10:00 UTC.
const A_MORNING: i64 = 1_795_600_800;
/// Half a minute before midnight in Lagos, the same day.
const BEFORE_MIDNIGHT: i64 = A_MORNING + 13 * 3_600 - 30;

/// In one schedule of so many, books are kept. To close a day costs as much as a few orders.
const BOOKS: u64 = 12;

/// Makes the schedule of a seed.
pub fn generate(seed: u64, density: Density, sites: &Sites) -> Schedule {
    let mut generator = Generator::new(seed, density);
    let is_rare = generator.rare();
    if !is_rare {
        generator.people();
        if density == Density::Dense {
            generator.people();
        }
    }
    generator.keeps_books = seed.is_multiple_of(BOOKS);
    let mut settings = generator.settings();
    let (faults, outages) = match is_rare {
        true => (generator.own_faults.clone(), generator.own_outages.clone()),
        false => (generator.faults(sites), generator.outages()),
    };
    if is_rare {
        settings.duplicates = false;
    }
    let Generator { mut rng, mut actions, .. } = generator;
    if faults.iter().any(is_late_pay) {
        admit_orders(&mut actions);
    }
    actions.sort_by_key(|action| action.at_ms);
    let starts_at = match rng.u8(0..4) {
        0 => BEFORE_MIDNIGHT,
        1 => A_MORNING + i64::from(rng.u32(0..86_400)),
        _ => A_MORNING,
    };
    let last = actions.last().map_or(0, |action| action.at_ms);
    let calm_after_ms = last + pick_end(&mut rng);
    settings.webhooks = rng.bool();
    Schedule { seed, starts_at, settings, actions, faults, outages, calm_after_ms }
}

/// How long after the last action faults are still on.
fn pick_end(rng: &mut Rng) -> u64 {
    match rng.u8(0..20) {
        0..14 => rng.u64(MINUTE..20 * MINUTE),
        14..19 => rng.u64(HOUR..6 * HOUR),
        _ => rng.u64(25 * HOUR..32 * HOUR),
    }
}

impl Generator {
    /// Few schedules are of a rare kind. Gives whether this one is.
    fn rare(&mut self) -> bool {
        match self.rng.u8(0..100) {
            0..4 => self.forgetful(),
            4..8 => self.reversed_late(),
            8 => self.lossy(),
            9 => self.spoiled(),
            10 => self.rush(),
            11 => self.left_unreported(),
            12 => self.aged(),
            13 => self.guessed(),
            _ => return false,
        }
        true
    }

    fn people(&mut self) {
        match self.rng.u8(0..20) {
            0..12 => self.buyers(),
            12..14 => self.refillers(),
            14..18 => self.customers(),
            _ => {
                self.buyers();
                self.customers();
            }
        }
        if self.percent(4) {
            let at = self.time();
            self.at(at, Deed::RotateKeys);
        }
        if self.percent(3) {
            self.new_key();
        }
        if self.percent(4) {
            let (at, look_back_s) = (self.time(), self.pick(&[3_600, 21_600, 86_400, 172_800]));
            self.at(at, Deed::Deploy { look_back_s });
        }
    }

    /// A tenant gets another key, and the one before is tried.
    fn new_key(&mut self) {
        let (at, tenant) = (self.time(), self.tenant());
        self.at(at, Deed::ReplaceKey { tenant });
        for _ in 0..self.pick(&[1, 2, 4]) {
            let later = at + SECOND + self.later();
            self.at(later, Deed::TryRevoked { tenant });
        }
    }

    fn buyers(&mut self) {
        for _ in 0..self.pick(&[1, 1, 1, 2, 2, 3]) {
            self.buyer();
        }
        if self.percent(3) {
            self.crowd();
        }
        if self.percent(4) {
            let (at, kobo) = (self.time(), self.pick(&[9_000, 11_000, 20_000]));
            self.at(at, Deed::Reprice { kobo });
        }
    }

    /// One order, and what happens around it.
    fn buyer(&mut self) {
        let (at, tenant, order) = (self.time(), self.tenant(), self.orders);
        self.orders += 1;
        let (bundle, fate, tries) = (self.percent(30), self.fate(), self.rng.u8(1..4));
        let stays_pending = fate.asks.is_none();
        let needs_person = fate.is_for_review() && self.percent(60);
        if self.percent(3) {
            self.own_faults.push(late_pay());
        }
        if self.percent(2) {
            let kind = self.pick(&[FaultKind::KillBefore, FaultKind::KillAfter]);
            self.own_faults.extend(refused_webhook(kind));
        }
        self.at(at, Deed::Buy { tenant, order, bundle, fate, tries });
        let usually = self.pick(&[0, 0, 1, 1, 2]);
        for _ in 0..self.some(usually) {
            let later = at + self.later();
            let other = self.rng.usize(0..TENANTS);
            let deed = match self.rng.u8(0..10) {
                0..3 => Deed::Repeat { order },
                3 => Deed::Reuse { order },
                4 | 5 => Deed::Look { tenant: other, order },
                6 => Deed::List { tenant: other },
                7 => Deed::Webhook { order: Some(order) },
                8 => Deed::Webhook { order: None },
                _ => self.resolve(order, 60),
            };
            self.at(later, deed);
        }
        if self.percent(8) {
            // After reconcile looked back, only a webhook tells of a reversal.
            let later = at + self.rng.u64(25 * HOUR..33 * HOUR);
            let (end, twice_spelled) = (End::Reversed, self.percent(20));
            self.at(later, Deed::Resolve { order, end, webhook: true, twice_spelled });
        }
        if stays_pending || self.percent(15) {
            let later = at + self.rng.u64(MINUTE..26 * HOUR);
            let deed = self.resolve(order, 50);
            self.at(later, deed);
        }
        if needs_person || self.percent(2) {
            self.operator(at, order);
        }
    }

    /// An operator tries to settle an order: some minutes later, or the next day.
    fn operator(&mut self, at: u64, order: usize) {
        for _ in 0..self.pick(&[1, 1, 2]) {
            let latest = self.pick(&[20 * MINUTE, 3 * HOUR, 30 * HOUR]);
            let later = at + self.rng.u64(SECOND..latest);
            self.at(later, Deed::Settle { order });
        }
    }

    fn resolve(&mut self, order: usize, webhook_percent: u8) -> Deed {
        let (end, webhook) = (self.end(), self.percent(webhook_percent));
        Deed::Resolve { order, end, webhook, twice_spelled: self.percent(10) }
    }

    /// Many small orders of one tenant within a minute, to reach its limit.
    fn crowd(&mut self) {
        self.is_crowded = true;
        for _ in 0..12 {
            let (at, order) = (self.rng.u64(0..MINUTE), self.orders);
            self.orders += 1;
            let end = End::Delivered;
            let fate = Fate { pay: PayAnswer::Plain, requeries: vec![], end, asks: Some(0) };
            self.at(at, Deed::Buy { tenant: 0, order, bundle: false, fate, tries: 1 });
        }
    }

    fn refillers(&mut self) {
        for _ in 0..self.pick(&[1, 1, 2]) {
            let (at, tenant, order) = (self.time(), self.tenant(), self.orders);
            self.orders += 1;
            let answer = if self.percent(40) { RefillAnswer::Plain } else { self.any() };
            let (voucher, tries) = (self.percent(30), self.rng.u8(1..4));
            self.at(at, Deed::Refill { tenant, order, voucher, answer, tries });
            if self.percent(50) {
                let later = at + self.later();
                self.at(later, Deed::Repeat { order });
            }
            if self.percent(40) {
                self.operator(at, order);
            }
        }
    }

    fn end(&mut self) -> End {
        match self.rng.u8(0..20) {
            0..12 => End::Delivered,
            12..16 => End::Failed,
            _ => End::Reversed,
        }
    }

    fn fate(&mut self) -> Fate {
        let pay = match self.rng.u8(0..10) {
            0..3 => PayAnswer::Plain,
            3..5 => PayAnswer::Pending,
            _ => self.pay_answer(),
        };
        let mut requeries: Vec<RequeryAnswer> = Vec::new();
        for _ in 0..self.pick(&[0, 0, 0, 1, 2, 4]) {
            let answer = self.requery_answer();
            let unknown = requeries.iter().filter(|it| **it == RequeryAnswer::Unknown).count();
            // Three in a row would be proof. A VTpass that forgets what it took proves what is false.
            if answer != RequeryAnswer::Unknown || unknown < 2 || !pay.is_taken() {
                requeries.push(answer);
            }
        }
        let asks = match self.rng.u8(0..100) {
            0..55 => Some(0),
            55..95 => Some(self.rng.u32(1..4)),
            95..98 => Some(self.rng.u32(4..30)),
            _ => None,
        };
        Fate { pay, requeries, end: self.end(), asks }
    }

    fn settings(&mut self) -> Settings {
        let most = |rng: &mut Rng, on: bool, most: u32| if on { rng.u32(1..most) } else { 0 };
        let (spread, skews) = (self.percent(40), self.percent(40));
        let (late, lags) = (self.percent(25), self.percent(30));
        Settings {
            spread_percent: if spread { 60 } else { 5 },
            skew_ms: most(&mut self.rng, skews, 5_000),
            duplicates: self.percent(30),
            reorder: self.percent(30),
            late_delivery_ms: most(&mut self.rng, late, 60_000),
            index_lag_ms: most(&mut self.rng, lags, 5_000),
            purchase_limit: (self.is_crowded || self.percent(10)).then_some(5),
            webhooks: false,
            // A run of weeks would close each of its days.
            books: self.keeps_books && !self.ages,
            ages: self.ages,
        }
    }

    fn faults(&mut self, sites: &Sites) -> Vec<Fault> {
        if sites.is_empty() {
            return Vec::new();
        }
        let sites = sites.of_callers(&self.callers());
        let usually = self.pick(&[0, 1, 1, 1, 2, 2, 3, 5]);
        let count = self.some(usually);
        let own = std::mem::take(&mut self.own_faults);
        own.into_iter().chain((0..count).map(|_| self.fault(&sites))).collect()
    }

    /// Who will call, by what people do.
    fn callers(&self) -> BTreeSet<&'static str> {
        let callers = self.actions.iter().flat_map(|action| match &action.deed {
            Deed::Buy { .. } => {
                &["purchase", "requery", "reconcile", "vtpass", "notify", "send-webhook"][..]
            }
            Deed::Refill { .. } => &["purchase", "requery", "notify", "send-webhook"],
            Deed::Resolve { webhook: true, .. } | Deed::Webhook { order: Some(_) } => {
                &["vtpass-callback", "vtpass", "requery"]
            }
            Deed::Link { ends_after_ms: Some(_), .. } => {
                &["auth", "verify", "exchange", "reconcile", "requery", "notify", "send-webhook"]
            }
            Deed::Link { .. } => {
                &["auth", "verify", "exchange", "people", "notify", "send-webhook"]
            }
            Deed::Unlink { .. } => &["consent", "requery", "notify", "send-webhook"],
            Deed::Withdraw { .. } => &["consent", "requery", "mono", "notify", "send-webhook"],
            Deed::Ask { .. } | Deed::Poll { .. } | Deed::DeliverHeld | Deed::Notice { .. } => {
                &["fetch-data", "mtn-callback", "requery", "mtn"]
            }
            Deed::Read { .. } => &["fetch-data"],
            Deed::ReplaceKey { .. } | Deed::TryRevoked { .. } => &["operator", "authorizer"],
            Deed::Deploy { .. } => &["purchase", "requery", "reconcile"],
            Deed::Settle { .. } | Deed::Guess { .. } => &["operator", "notify", "requery"],
            Deed::Repeat { .. } | Deed::Reuse { .. } | Deed::Look { .. } | Deed::List { .. } => {
                &["purchase", "authorizer", "people"]
            }
            Deed::Resolve { .. }
            | Deed::Webhook { .. }
            | Deed::RotateKeys
            | Deed::Reprice { .. }
            | Deed::Spoil { .. }
            | Deed::LoseMessages => &["requery"],
        });
        callers.copied().chain(self.keeps_books.then_some("books")).collect()
    }

    fn fault(&mut self, sites: &Sites) -> Fault {
        let site = sites.pick(self.rng.f64());
        let kinds: Vec<FaultKind> =
            FaultKind::iter().filter(|kind| kind.is_possible(&site.caller, &site.call)).collect();
        let nth = match self.rng.u8(0..10) {
            0..6 => 0,
            6..8 => 1,
            _ => self.rng.u32(2..6),
        };
        Fault {
            caller: site.caller.clone(),
            call: site.call.clone(),
            nth,
            times: self.pick(&[1, 1, 1, 2, 3, 6, 12]),
            kind: self.pick(&kinds),
        }
    }

    fn outages(&mut self) -> Vec<Outage> {
        let mut outages = Vec::new();
        if self.percent(12) {
            let provider = self.pick(&["vtpass", "vtpass", "mono", "mtn", "receiver"]).to_owned();
            let kind = self.pick(&[
                FaultKind::NotSent,
                FaultKind::FailedBefore,
                FaultKind::SilentBefore,
                FaultKind::SilentAfter,
                FaultKind::LostBefore,
                FaultKind::Throttled,
            ]);
            outages.push(self.outage(Away::Provider(provider, kind)));
        }
        if self.percent(8) {
            let function = self.pick(&[
                "requery",
                "requery",
                "reconcile",
                "purchase",
                "consent",
                "notify",
                "send-webhook",
            ]);
            outages.push(self.outage(Away::Function(function.to_owned())));
        }
        if self.percent(4) {
            let service = self.pick(&["dynamodb", "sqs", "secrets"]).to_owned();
            let kind = self.pick(&[FaultKind::Throttled, FaultKind::LostAfter, FaultKind::NotSent]);
            let mut outage = self.outage(Away::Aws(service, kind));
            if kind == FaultKind::LostAfter {
                // While SQS takes messages and does not say so, jobs multiply. docs/proof.md says how.
                outage.for_ms = outage.for_ms.min(2 * MINUTE);
            }
            outage.for_ms = outage.for_ms.min(3 * HOUR);
            outages.push(outage);
        }
        outages
    }

    fn outage(&mut self, of: Away) -> Outage {
        let from_ms = self.rng.u64(0..2 * MINUTE);
        let for_ms = match self.rng.u8(0..10) {
            0..3 => self.rng.u64(SECOND..30 * SECOND),
            3..9 => self.rng.u64(30 * SECOND..20 * MINUTE),
            _ => self.rng.u64(HOUR..26 * HOUR),
        };
        Outage { of, from_ms, for_ms }
    }
}
