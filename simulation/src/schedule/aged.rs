//! A run of weeks: numbers grow old, and accounts that nobody reads.

use strum::IntoEnumIterator;

use super::customers::link;
use super::generator::{Generator, HOUR, MINUTE, SECOND};
use super::{Deed, End, FIRST_PASS_MS, Fate, Fault, FaultKind, PayAnswer, Report};
use crate::world::TENANTS;

const DAY: u64 = 24 * HOUR;
/// The last of these days on which somebody does something.
const LAST: u64 = 46 * DAY;

/// What the two passes call, and what an end of a consent leads to.
const CALLS: [(&str, &str); 9] = [
    ("reconcile", "dynamodb Scan PurchasesTable"),
    ("reconcile", "dynamodb Scan AccountsTable"),
    ("reconcile", "dynamodb Query DisclosuresTable by_account"),
    ("reconcile", "dynamodb UpdateItem PurchasesTable"),
    ("reconcile", "dynamodb UpdateItem AccountsTable"),
    ("reconcile", "sqs SendMessage FollowUpQueue unlink"),
    ("reconcile", "sqs SendMessage NotifyQueue announced"),
    ("requery", "dynamodb UpdateItem AccountsTable"),
    ("requery", "mono POST /accounts/{}/unlink"),
];

impl Generator {
    /// Accounts are linked and read, and an order is made. Weeks later its number is masked, and accounts
    /// that nobody read are unlinked.
    pub(super) fn aged(&mut self) {
        self.ages = true;
        let customer = self.pick(&[0, 1, 2, 3]);
        for tenant in 0..self.pick(&[1, TENANTS]) {
            let at = self.between(0, MINUTE);
            self.at(at, link(tenant, customer));
        }
        for _ in 0..self.pick(&[0, 1, 1, 2, 3]) {
            let (tenant, at) = (self.tenant(), self.around_a_pass());
            self.at(at, Deed::Read { tenant, customer });
        }
        for _ in 0..self.pick(&[0, 0, 1, 2]) {
            let (tenant, at) = (self.tenant(), self.around_a_pass());
            let deed = match self.rng.u8(0..4) {
                0..2 => link(tenant, customer),
                2 => Deed::Unlink { tenant, customer },
                _ => Deed::Withdraw { customer, report: Report::Plain },
            };
            self.at(at, deed);
        }
        self.old_orders();
        for _ in 0..self.pick(&[0, 1, 1, 2]) {
            let fault = self.fault_of_a_pass();
            self.own_faults.push(fault);
        }
    }

    /// One order at the start, which may be reversed when its number is old, and another one later.
    fn old_orders(&mut self) {
        let answers = [PayAnswer::Plain, PayAnswer::Pending, PayAnswer::Silent, PayAnswer::Review];
        let pay = self.pick(&answers);
        // One that never ends at VTpass waits for a person.
        let asks = self.pick(&[Some(0), Some(0), None]);
        self.single(Fate { pay, requeries: vec![], end: End::Delivered, asks });
        if self.percent(40) {
            let (at, twice_spelled) = (self.around_a_pass(), self.percent(30));
            let end = End::Reversed;
            self.at(at, Deed::Resolve { order: 0, end, webhook: true, twice_spelled });
        }
        if self.percent(40) {
            let (at, order) = (self.between(DAY, LAST), self.orders);
            self.orders += 1;
            let (pay, end) = (PayAnswer::Plain, End::Delivered);
            let fate = Fate { pay, requeries: vec![], end, asks: Some(0) };
            self.at(at, Deed::Buy { tenant: 0, order, bundle: false, fate, tries: 2 });
        }
        for _ in 0..self.pick(&[0, 1, 2]) {
            let at = self.around_a_pass();
            let order = self.rng.usize(0..self.orders);
            let deed = match self.rng.u8(0..3) {
                0 => Deed::Look { tenant: 0, order },
                1 => Deed::Repeat { order },
                _ => Deed::Webhook { order: Some(order) },
            };
            self.at(at, deed);
        }
    }

    /// Often a moment of the first pass, else any.
    fn around_a_pass(&mut self) -> u64 {
        match self.rng.u8(0..10) {
            0..4 => FIRST_PASS_MS + self.between(0, SECOND),
            4 => FIRST_PASS_MS + self.between(0, 10 * MINUTE),
            _ => self.between(MINUTE, LAST),
        }
    }

    fn fault_of_a_pass(&mut self) -> Fault {
        let (caller, call) = self.pick(&CALLS);
        let kinds = FaultKind::iter().filter(|kind| kind.is_possible(caller, call));
        let kinds: Vec<FaultKind> = kinds.collect();
        Fault {
            caller: caller.to_owned(),
            call: call.to_owned(),
            nth: self.pick(&[0, 1, 1, 2, 3]),
            times: self.pick(&[1, 1, 3]),
            kind: self.pick(&kinds),
        }
    }
}
