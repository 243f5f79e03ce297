//! What is asked of providers and receivers, second by second. For a world that is measured: with
//! thousands of purchases a look at all of them after each call would take hours.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Service;

/// The calls to providers and receivers since the world is measured.
pub struct Traffic {
    /// How long VTpass takes for an answer.
    pub(super) answer: Duration,
    services: Mutex<BTreeMap<&'static str, Asked>>,
}

/// The calls to one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// How many calls began in each second of the run.
    pub by_second: Vec<u32>,
    /// The most calls that were under way at the same time.
    pub most_under_way: u32,
    /// How many calls reached the service: an outage stops a call before that.
    pub served: u64,
    /// When the last of these was answered, in milliseconds from the start of the run.
    pub last_ms: u64,
    under_way: u32,
}

/// A call under way. It ends when this is dropped.
pub(super) struct Ongoing<'a> {
    traffic: &'a Traffic,
    service: &'static str,
}

impl Traffic {
    /// Nothing was asked yet. VTpass takes so long for an answer.
    pub fn new(answer: Duration) -> Self {
        Self { answer, services: Mutex::default() }
    }

    /// The calls to a service.
    pub fn of(&self, service: Service) -> Asked {
        self.services().get(service.name()).cloned().unwrap_or_default()
    }

    /// Forgets what was asked.
    pub fn forget(&self) {
        self.services().clear();
    }

    /// A call begins.
    pub(super) fn begin(&self, service: Service, now_ms: u64) -> Ongoing<'_> {
        let service = service.name();
        let mut services = self.services();
        let asked = services.entry(service).or_default();
        let second = usize::try_from(now_ms / 1_000).unwrap_or(usize::MAX);
        if asked.by_second.len() <= second {
            asked.by_second.resize(second + 1, 0);
        }
        asked.by_second[second] += 1;
        asked.under_way += 1;
        asked.most_under_way = asked.most_under_way.max(asked.under_way);
        Ongoing { traffic: self, service }
    }

    /// A call was answered by the service itself.
    pub(super) fn served(&self, service: Service, now_ms: u64) {
        let mut services = self.services();
        let asked = services.entry(service.name()).or_default();
        asked.served += 1;
        asked.last_ms = now_ms;
    }

    fn services(&self) -> MutexGuard<'_, BTreeMap<&'static str, Asked>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    /// How many calls began.
    pub fn calls(&self) -> u64 {
        self.by_second.iter().map(|calls| u64::from(*calls)).sum()
    }

    /// The most calls of one second in a span of seconds.
    pub fn highest(&self, seconds: std::ops::Range<usize>) -> u32 {
        let seconds =
            seconds.start.min(self.by_second.len())..seconds.end.min(self.by_second.len());
        self.by_second[seconds].iter().copied().max().unwrap_or_default()
    }
}

impl Drop for Ongoing<'_> {
    fn drop(&mut self) {
        if let Some(asked) = self.traffic.services().get_mut(self.service) {
            asked.under_way = asked.under_way.saturating_sub(1);
        }
    }
}
