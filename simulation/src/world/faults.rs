//! Decides which call goes wrong, and how.

use std::sync::{Mutex, PoisonError};

use crate::schedule::{Away, Fault, FaultKind, Outage, Schedule};

/// The faults and outages of a schedule, and how often their calls were made.
pub struct Faults {
    faults: Vec<Fault>,
    outages: Vec<Outage>,
    seen: Mutex<Vec<u32>>,
}

impl Faults {
    pub(super) fn of(schedule: &Schedule) -> Self {
        let seen = Mutex::new(vec![0; schedule.faults.len()]);
        Self { faults: schedule.faults.clone(), outages: schedule.outages.clone(), seen }
    }

    /// Whether a function is missing.
    pub(super) fn is_away(&self, function: &str, now_ms: u64) -> bool {
        self.away(now_ms).any(|of| matches!(of, Away::Function(name) if name == function))
    }

    /// How a call goes wrong, if it does.
    pub(super) fn next(
        &self,
        caller: &str,
        call: &str,
        service: &str,
        now_ms: u64,
    ) -> Option<FaultKind> {
        let outage = self.away(now_ms).find_map(|of| match of {
            Away::Provider(name, kind) | Away::Aws(name, kind) if name == service => Some(*kind),
            _ => None,
        });
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kind = None;
        for (fault, seen) in self.faults.iter().zip(seen.iter_mut()) {
            if fault.caller != caller || fault.call != call {
                continue;
            }
            if (fault.nth..fault.nth.saturating_add(fault.times)).contains(seen) {
                kind = kind.or(Some(fault.kind));
            }
            *seen += 1;
        }
        kind.or(outage)
    }

    /// Whether a provider is away.
    pub(super) fn is_provider_away(&self, provider: &str, now_ms: u64) -> bool {
        self.away(now_ms).any(|of| matches!(of, Away::Provider(name, _) if name == provider))
    }

    fn away(&self, now_ms: u64) -> impl Iterator<Item = &Away> {
        let is_on = move |it: &&Outage| {
            (it.from_ms..it.from_ms.saturating_add(it.for_ms)).contains(&now_ms)
        };
        self.outages.iter().filter(is_on).map(|it| &it.of)
    }
}
