//! Spaces an instance's calls to providers, so that a backlog does not become a storm.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::platform::config::{ConfigError, Vars};

/// How many calls a second an instance begins at most. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Pace(Option<Arc<Turns>>);

#[derive(Debug)]
struct Turns {
    interval: Duration,
    /// When the next call may begin.
    next: Mutex<Instant>,
}

impl Pace {
    /// Reads `REQUERY_CALLS_PER_SECOND`, from 1 to 1,000. Unlimited where it is not set.
    ///
    /// # Errors
    /// [`ConfigError`] for another value.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "REQUERY_CALLS_PER_SECOND";
        let Some(calls) = vars.optional(NAME) else { return Ok(Self::default()) };
        match calls.parse() {
            Ok(calls @ 1..=1_000) => Ok(Self::per_second(calls)),
            _ => Err(ConfigError::invalid(NAME, "must be a whole number from 1 to 1000")),
        }
    }

    fn per_second(calls: u32) -> Self {
        let interval = Duration::from_secs(1) / calls;
        Self(Some(Arc::new(Turns { interval, next: Mutex::new(Instant::now()) })))
    }

    /// Waits for the turn of one call.
    pub async fn turn(&self) {
        if let Some(turns) = &self.0 {
            sleep_until(turns.take()).await;
        }
    }
}

impl Turns {
    /// Takes the next free turn, which no other call can have.
    fn take(&self) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(Instant::now());
        *next = turn + self.interval;
        turn
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    fn pace(calls: &str) -> Result<Pace, ConfigError> {
        let vars = [("REQUERY_CALLS_PER_SECOND".to_owned(), calls.to_owned())];
        Pace::from_vars(&vars.into_iter().collect())
    }

    #[tokio::test(start_paused = true)]
    async fn calls_of_a_batch_begin_one_after_the_other() {
        let (pace, begun) = (pace("4").unwrap(), Instant::now());
        let call = || async {
            pace.clone().turn().await;
            begun.elapsed().as_millis()
        };
        let mut turns = join_all((0..5).map(|_| call())).await;
        turns.sort_unstable();
        assert_eq!(turns, [0, 250, 500, 750, 1_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_that_nobody_took_are_not_saved_up() {
        let pace = pace("10").unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        let begun = Instant::now();
        for _ in 0..3 {
            pace.turn().await;
        }
        assert_eq!(begun.elapsed(), Duration::from_millis(200));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_waits_where_no_limit_is_set() {
        let (pace, begun) = (pace("").unwrap(), Instant::now());
        join_all((0..100).map(|_| pace.turn())).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[test]
    fn a_pace_that_cannot_be_used_is_refused() {
        for calls in ["0", "1001", "-1", "2.5", "x"] {
            let error = pace(calls).unwrap_err().to_string();
            assert!(error.contains("REQUERY_CALLS_PER_SECOND"), "{error}");
        }
    }
}
