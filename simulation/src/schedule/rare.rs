//! Schedules of a rare kind, in which nothing fails but what their kind says. So the provider's
//! promises hold for what the gateway sees, and not only for what the provider sent.

use strum::IntoEnumIterator;

use super::customers::link;
use super::generator::{Generator, HOUR, MINUTE, SECOND};
use super::{
    Action, Away, Deed, End, Fate, Fault, FaultKind, Odd, OddStatus, Outage, PayAnswer, Report,
    RequeryAnswer, Shape,
};
use crate::world::TENANTS;

/// The call that pays.
const PAY: &str = "vtpass POST /api/pay";
/// Answers to `pay` that prove nothing.
const UNCLEAR_PAY: [PayAnswer; 6] = [
    PayAnswer::Silent,
    PayAnswer::Half,
    PayAnswer::Error,
    PayAnswer::Page,
    PayAnswer::SystemError,
    PayAnswer::UnknownCode,
];
/// Answers to `pay` after which VTpass has the order.
const ACKNOWLEDGED_PAY: [PayAnswer; 6] = [
    PayAnswer::Pending,
    PayAnswer::Used,
    PayAnswer::Contradictory,
    PayAnswer::Review,
    PayAnswer::Odd(shown(200, Shape::IdOnly)),
    PayAnswer::Odd(shown(500, Shape::Sparse)),
];
/// Answers to `requery` that prove nothing.
const UNCLEAR: [RequeryAnswer; 7] = [
    RequeryAnswer::Silent,
    RequeryAnswer::Half,
    RequeryAnswer::Error,
    RequeryAnswer::Page,
    RequeryAnswer::SystemError,
    RequeryAnswer::Credentials,
    RequeryAnswer::OwnFault,
];

/// Faults of calls that had their effect.
const AFTER_THE_EFFECT: [FaultKind; 4] =
    [FaultKind::FailedAfter, FaultKind::LostAfter, FaultKind::SilentAfter, FaultKind::KillAfter];

/// Who calls what when VTpass reports an order.
const REPORT_CALLS: [(&str, &str); 7] = [
    ("vtpass", "api POST /callbacks/vtpass"),
    ("vtpass-callback", "dynamodb GetItem PurchasesTable"),
    ("vtpass-callback", "sqs SendMessage FollowUpQueue hint"),
    ("vtpass-callback", "dynamodb UpdateItem PurchasesTable"),
    ("requery", "dynamodb GetItem PurchasesTable"),
    ("requery", "vtpass POST /api/requery"),
    ("requery", "dynamodb UpdateItem PurchasesTable"),
];

/// A failing system that shows a part of the order's transaction.
const fn shown(http: u16, shape: Shape) -> Odd {
    Odd { http, code: 83, status: OddStatus::Pending, shape }
}

impl Generator {
    /// VTpass denies an order that it took: any number of times once it has acknowledged it, else
    /// twice in a row at most.
    pub(super) fn forgetful(&mut self) {
        let is_acknowledged = self.percent(40);
        let pay = match is_acknowledged {
            true => self.pick(&ACKNOWLEDGED_PAY),
            false => self.pick(&UNCLEAR_PAY),
        };
        let mut requeries = Vec::new();
        let mut denials = 0;
        for _ in 0..self.pick(&[4, 6, 8, 10]) {
            let denies = self.percent(60) && (is_acknowledged || denials < 2);
            denials = if denies { denials + 1 } else { 0 };
            let answer = if denies { RequeryAnswer::Unknown } else { self.pick(&UNCLEAR) };
            requeries.push(answer);
        }
        let fate = Fate { pay, requeries, end: End::Delivered, asks: Some(1) };
        self.single(fate);
        for _ in 0..self.pick(&[0, 0, 2, 4, 8]) {
            let at = self.between(10 * SECOND, 12 * MINUTE);
            self.at(at, Deed::Webhook { order: Some(0) });
        }
    }

    /// The messages of a chain are lost: a mistake of an operator.
    pub(super) fn lossy(&mut self) {
        let asks = Some(self.pick(&[2, 3, 5, 8]));
        let fate = Fate { pay: PayAnswer::Pending, requeries: vec![], end: End::Delivered, asks };
        self.single(fate);
        let at = self.between(2 * SECOND, 10 * MINUTE);
        self.at(at, Deed::LoseMessages);
    }

    /// A stored purchase cannot be read for a time, and hides no other.
    pub(super) fn spoiled(&mut self) {
        let requeries = Vec::new;
        let (end, plain) = (End::Delivered, PayAnswer::Plain);
        self.single(Fate { pay: plain, requeries: requeries(), end, asks: Some(0) });
        let pay = self.pick(&[PayAnswer::Pending, plain]);
        let asks = Some(self.pick(&[1, 3, 6]));
        let fate = Fate { pay, requeries: requeries(), end, asks };
        self.orders = 2;
        self.at(SECOND, Deed::Buy { tenant: 0, order: 1, bundle: false, fate, tries: 1 });
        let at = self.between(7 * SECOND, MINUTE);
        self.at(at, Deed::Spoil { order: 1 });
        let later = at + self.between(SECOND, HOUR);
        self.at(later, Deed::List { tenant: 0 });
    }

    /// Many orders within a minute while VTpass is away.
    pub(super) fn rush(&mut self) {
        for _ in 0..25 {
            let (at, order) = (self.between(0, MINUTE), self.orders);
            self.orders += 1;
            let end = End::Delivered;
            let fate = Fate { pay: PayAnswer::Plain, requeries: vec![], end, asks: Some(0) };
            self.at(at, Deed::Buy { tenant: 0, order, bundle: false, fate, tries: 1 });
        }
        let kinds = [FaultKind::FailedBefore, FaultKind::NotSent, FaultKind::LostBefore];
        let of = Away::Provider("vtpass".to_owned(), self.pick(&kinds));
        let for_ms = self.between(MINUTE, 10 * MINUTE);
        self.own_outages.push(Outage { of, from_ms: 0, for_ms });
    }

    /// An order is reversed long after it was made, and something goes wrong with the news of it.
    pub(super) fn reversed_late(&mut self) {
        let pay = self.pick(&[PayAnswer::Plain, PayAnswer::Pending, PayAnswer::Silent]);
        let asks = Some(self.pick(&[0, 1, 2]));
        let requeries = (0..self.pick(&[0, 0, 1, 2])).map(|_| self.pick(&UNCLEAR)).collect();
        self.single(Fate { pay, requeries, end: End::Delivered, asks });
        // Reconcile looks back after about a day. Later, only the webhook tells of a reversal.
        let earliest = self.pick(&[HOUR, 25 * HOUR]);
        let first = self.between(earliest, 33 * HOUR);
        // Others ask for a look at the order a moment before VTpass does.
        for _ in 0..self.pick(&[0, 0, 1, 2]) {
            let before =
                if self.percent(40) { self.between(0, 40) } else { self.between(0, 50 * SECOND) };
            self.at(first.saturating_sub(before), Deed::Webhook { order: Some(0) });
        }
        self.disturb(first);
        let twice_spelled = self.percent(30);
        let end = End::Reversed;
        self.at(first, Deed::Resolve { order: 0, end, webhook: true, twice_spelled });
    }

    /// An operator settles an order without looking at VTpass's records. VTpass says how it ended, mostly
    /// later, and always before reconcile looks back.
    pub(super) fn guessed(&mut self) {
        let (pay, waits) = self.pick(&[
            (PayAnswer::Review, (MINUTE, 3 * HOUR)),
            (PayAnswer::Pending, (24 * HOUR + 10 * MINUTE, 30 * HOUR)),
        ]);
        self.single(Fate { pay, requeries: vec![], end: End::Delivered, asks: None });
        let (at, to) = (self.between(waits.0, waits.1), self.any());
        self.at(at, Deed::Guess { order: 0, to });
        let known = match self.percent(20) {
            true => at - self.between(0, MINUTE),
            false => at + self.between(0, 18 * HOUR),
        };
        self.disturb(known);
        let (end, webhook, twice_spelled) = (self.any(), self.percent(70), self.percent(20));
        self.at(known, Deed::Resolve { order: 0, end, webhook, twice_spelled });
    }

    /// A customer withdraws at Mono, which reports nothing. A read of the account finds out.
    pub(super) fn left_unreported(&mut self) {
        let customer = self.pick(&[0, 1, 2, 3]);
        for tenant in 0..self.pick(&[1, TENANTS]) {
            let at = self.between(0, MINUTE);
            self.at(at, link(tenant, customer));
        }
        let at = self.between(2 * MINUTE, HOUR);
        self.at(at, Deed::Withdraw { customer, report: Report::Lost });
        let later = at + self.between(SECOND, HOUR);
        self.at(later, Deed::Read { tenant: 0, customer });
        if self.percent(30) {
            // The customer comes back while the withdrawal is done here.
            self.own_faults.push(Fault {
                caller: "requery".to_owned(),
                call: "sqs SendMessage FollowUpQueue unlink".to_owned(),
                nth: 0,
                times: 1,
                kind: FaultKind::Slow,
            });
            let back = later + self.between(0, 5 * SECOND);
            self.at(back, link(0, customer));
        }
    }

    /// What may go wrong with the webhook of a reversal, and after it.
    fn disturb(&mut self, at: u64) {
        if self.percent(60) {
            let (caller, call) = self.pick(&REPORT_CALLS);
            let kinds = FaultKind::iter().filter(|kind| kind.is_possible(caller, call));
            let mut kinds: Vec<FaultKind> = kinds.collect();
            if self.percent(50) {
                kinds.retain(|kind| AFTER_THE_EFFECT.contains(kind));
            }
            let (caller, call) = (caller.to_owned(), call.to_owned());
            let (nth, times) = (self.pick(&[0, 0, 0, 1, 2]), self.pick(&[1, 1, 3]));
            let kind = self.pick(&kinds);
            self.own_faults.push(Fault { caller, call, nth, times, kind });
        }
        if self.percent(25) {
            let of = Away::Provider(
                "vtpass".to_owned(),
                self.pick(&[FaultKind::FailedBefore, FaultKind::NotSent]),
            );
            let from_ms = at.saturating_sub(self.between(0, 2 * MINUTE));
            let for_ms = self.between(MINUTE, 3 * HOUR);
            self.own_outages.push(Outage { of, from_ms, for_ms });
        }
    }

    pub(super) fn single(&mut self, fate: Fate) {
        self.orders = 1;
        let bundle = self.percent(30);
        let at = self.between(0, 5 * SECOND);
        self.at(at, Deed::Buy { tenant: 0, order: 0, bundle, fate, tries: 1 });
    }
}

/// Whether `pay` reaches VTpass late.
pub(super) fn is_late_pay(fault: &Fault) -> bool {
    fault.kind == FaultKind::Late && fault.call == PAY
}

/// VTpass does not deny its orders. One that arrives late was denied before.
pub(super) fn admit_orders(actions: &mut [Action]) {
    for action in actions {
        if let Deed::Buy { fate, .. } = &mut action.deed {
            fate.requeries.retain(|answer| *answer != RequeryAnswer::Unknown);
        }
    }
}

/// A receiver refuses a webhook, and the function that sent it dies around the record of that.
pub(super) fn refused_webhook(kind: FaultKind) -> [Fault; 2] {
    let fault = |call: &str, kind| Fault {
        caller: "send-webhook".to_owned(),
        call: call.to_owned(),
        nth: 0,
        times: 1,
        kind,
    };
    let record = "dynamodb UpdateItem WebhookDeliveriesTable";
    [fault("receiver POST /hooks", FaultKind::FailedBefore), fault(record, kind)]
}

/// `pay` reaches VTpass when the gateway waits for it no more.
pub(super) fn late_pay() -> Fault {
    Fault {
        caller: "purchase".to_owned(),
        call: PAY.to_owned(),
        nth: 0,
        times: 1,
        kind: FaultKind::Late,
    }
}
