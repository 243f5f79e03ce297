//! The sandbox's clock: the clock that it was started with, and how far it was turned on since.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use shared::platform::environment::Clock;

use crate::ledger::Ledger;
use crate::listener::StartupError;

/// The ledger's collection, and the key, of how far the clock was turned.
const COLLECTION: &str = "clock";
const AHEAD: &str = "ahead_ms";

/// A clock that can be turned on. All its copies are turned together.
#[derive(Clone)]
pub(crate) struct TurnedClock {
    under: Clock,
    ahead_ms: Arc<AtomicI64>,
    /// Whether the functions read this clock.
    is_followed: bool,
}

impl TurnedClock {
    /// A clock over another, not turned yet.
    pub(crate) fn over(under: Clock) -> Self {
        Self { under, ahead_ms: Arc::default(), is_followed: true }
    }

    /// Whether it can be turned: whether the functions follow it.
    pub(crate) fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// The clock as everything else reads it.
    pub(crate) fn clock(&self) -> Clock {
        let turned = self.clone();
        Clock::from_fn(move || turned.under.now() + turned.ahead())
    }

    /// How far it was turned.
    pub(crate) fn ahead(&self) -> Duration {
        let ms = self.ahead_ms.load(Ordering::Relaxed);
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    /// Turns it on, in whole milliseconds.
    pub(crate) fn turn(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(0);
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// The clock turned as far as it was turned before the sandbox was started again: what is kept in its tables
    /// and queues carries these times. Functions that are processes of their own do not follow it.
    ///
    /// # Errors
    /// When it was turned and the functions do not follow it.
    pub(crate) fn restored(self, ledger: &Ledger, is_followed: bool) -> Result<Self, StartupError> {
        let ahead_ms = ledger.get(COLLECTION, AHEAD).unwrap_or(0);
        if ahead_ms > 0 && !is_followed {
            return Err(
                "the clock of this data was turned, and built functions do not follow it".into()
            );
        }
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        Ok(Self { is_followed, ..self })
    }

    /// Keeps how far it was turned.
    pub(crate) fn keep(&self, ledger: &Ledger) {
        ledger.put(COLLECTION, AHEAD, &self.ahead_ms.load(Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_turned_is_not_restored_for_functions_that_do_not_follow_it() {
        let ledger = Ledger::open(None).unwrap();
        let restored = |is_followed| {
            TurnedClock::over(Clock::system())
                .restored(&ledger, is_followed)
                .ok()
                .map(|it| it.ahead())
        };
        assert_eq!([restored(true), restored(false)], [Some(Duration::ZERO); 2]);
        let turned = TurnedClock::over(Clock::system());
        turned.turn(Duration::from_secs(60));
        turned.keep(&ledger);
        assert_eq!([restored(true), restored(false)], [Some(Duration::from_secs(60)), None]);
    }
}
