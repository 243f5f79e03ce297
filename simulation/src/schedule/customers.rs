//! What customers and their tenants do with accounts.

use super::generator::{Generator, HOUR, MINUTE, SECOND};
use super::{Callback, Deed, Density, Report};
use crate::world::TENANTS;

impl Generator {
    pub(super) fn customers(&mut self) {
        for _ in 0..self.pick(&[1, 1, 2]) {
            self.customer();
        }
    }

    /// One customer who gives access, and what happens around it.
    fn customer(&mut self) {
        let (at, tenant, customer) = (self.time(), self.tenant(), self.someone());
        let wrong_otps = self.pick(&[0, 0, 0, 1, 5, 6]);
        let ends_after_ms = self.percent(25).then(|| self.consent_end());
        self.at(at, Deed::Link { tenant, customer, wrong_otps, ends_after_ms });
        if let Some(end) = ends_after_ms {
            let later = at + end + self.between(0, 2 * MINUTE);
            self.at(later, Deed::Read { tenant, customer });
            if self.percent(60) {
                return;
            }
        }
        if self.percent(25) {
            let (other, soon) = ((tenant + 1) % TENANTS, at + self.between(0, MINUTE));
            self.at(soon, link(other, customer));
        }
        let usually = self.rng.u8(1..4);
        for _ in 0..self.some(usually) {
            let later = at + 2 * SECOND + self.later();
            let reader = self.rng.usize(0..TENANTS);
            match self.rng.u8(0..12) {
                0..2 => self.at(later, Deed::Read { tenant: reader, customer }),
                2..6 => self.at(later, Deed::Unlink { tenant, customer }),
                6..8 => self.withdrawal(later, customer),
                8 => self.at(later, link(reader, customer)),
                _ => self.question(at, later, tenant),
            }
        }
    }

    /// In a dense schedule all links but those for questions to MTN are about one customer.
    fn someone(&mut self) -> usize {
        match self.density {
            Density::Usual => self.rng.usize(0..4),
            Density::Dense => 1,
        }
    }

    /// How long a consent lasts that ends by itself.
    fn consent_end(&mut self) -> u64 {
        let latest = self.pick(&[3 * MINUTE, 20 * MINUTE, 3 * HOUR]);
        self.between(MINUTE, latest)
    }

    fn withdrawal(&mut self, at: u64, customer: usize) {
        let report = self.any();
        self.at(at, Deed::Withdraw { customer, report });
        // A read of the account finds out, too.
        let readers = if report == Report::Lost || self.percent(20) { TENANTS } else { 0 };
        for tenant in 0..readers {
            let later = at + 2 * MINUTE + self.later();
            self.at(later, Deed::Read { tenant, customer });
        }
    }

    /// A tenant asks MTN, and what happens around it. The customers with these numbers are on MTN.
    fn question(&mut self, linked: u64, at: u64, tenant: usize) {
        let (lost, callback, customer) = (self.rng.u8(0..5), self.any(), self.pick(&[1, 2]));
        self.at(linked, link(tenant, customer));
        self.at(at, Deed::Ask { tenant, customer, lost, callback });
        if self.percent(40) {
            let (reader, later) = (self.rng.usize(0..TENANTS), at + SECOND + self.later());
            self.at(later, Deed::Poll { tenant: reader, asker: tenant, customer });
        }
        if self.percent(10) {
            let later = at + self.between(24 * HOUR, 26 * HOUR);
            self.at(later, Deed::Poll { tenant, asker: tenant, customer });
        }
        if callback == Callback::Held || self.percent(20) {
            let (later, right_token) = (at + self.later(), self.percent(70));
            self.at(later, Deed::Notice { right_token });
        }
        if callback == Callback::Held {
            for _ in 0..3 {
                let later = at + self.later() + SECOND;
                self.at(later, Deed::DeliverHeld);
            }
        }
    }
}

/// A customer gives a tenant access for ever, and types the OTP without a mistake.
pub(super) fn link(tenant: usize, customer: usize) -> Deed {
    Deed::Link { tenant, customer, wrong_otps: 0, ends_after_ms: None }
}
