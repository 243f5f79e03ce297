//! Telemetry: the log, the metrics, the alarms, and the calls to AWS and to providers that one
//! invocation makes. They are counted while it runs and written with its one line in the log.

pub mod alarm;
pub mod log;
pub mod metrics;
mod trace;

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use self::trace::Trace;

tokio::task_local! {
    static COUNTER: CallCounter;
}

/// The counts of one invocation. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct CallCounter(Arc<Mutex<Counts>>);

/// What was counted.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// The trace that the invocation belongs to.
    pub trace: Option<Trace>,
    /// Attempts of calls to AWS.
    pub aws_calls: u32,
    /// How many of them were retries.
    pub aws_retries: u32,
    /// How long they took together. Concurrent calls may add up to more than the invocation.
    pub aws: Duration,
    /// The last call to a provider, such as `mono read`.
    pub upstream: Option<String>,
    /// Calls to providers.
    pub upstream_calls: u32,
    /// How long they took together.
    pub upstream_time: Duration,
}

impl CallCounter {
    /// The counts of an invocation that belongs to `trace`.
    pub fn of(trace: Option<Trace>) -> Self {
        Self(Arc::new(Mutex::new(Counts { trace, ..Counts::default() })))
    }

    /// Runs an invocation with these counts.
    pub async fn over<T>(&self, call: impl Future<Output = T>) -> T {
        COUNTER.scope(self.clone(), call).await
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The trace of the running invocation.
pub fn trace() -> Option<Trace> {
    COUNTER.try_with(|counter| counter.lock().trace.clone()).ok().flatten()
}

/// Counts an attempt of a call to AWS.
pub(crate) fn called_aws(time: Duration, is_retry: bool) {
    count(|counts| {
        counts.aws_calls += 1;
        counts.aws_retries += u32::from(is_retry);
        counts.aws += time;
    });
}

/// Counts a call to a provider.
pub fn called(upstream: &str, operation: &str, time: Duration) {
    count(|counts| {
        counts.upstream = Some(format!("{upstream} {operation}"));
        counts.upstream_calls += 1;
        counts.upstream_time += time;
    });
}

/// Outside of an invocation, at a function's start, nothing is counted.
fn count(change: impl FnOnce(&mut Counts)) {
    let _ = COUNTER.try_with(|counter| change(&mut counter.lock()));
}

/// Whole milliseconds.
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[tokio::test]
    async fn concurrent_invocations_have_their_own_counts() {
        let call = |name: &'static str, times| {
            let tally = CallCounter::of(Trace::parse(ROOT));
            async move {
                let work = async {
                    for _ in 0..times {
                        called(name, "read", Duration::from_millis(5));
                        called_aws(Duration::from_millis(1), times > 1);
                        tokio::task::yield_now().await;
                    }
                    trace().is_some()
                };
                assert!(tally.over(work).await);
                tally.counts()
            }
        };
        let (first, second) = tokio::join!(call("a", 1), call("b", 3));
        assert_eq!((first.upstream.as_deref(), first.upstream_calls), (Some("a read"), 1));
        assert_eq!((second.upstream.as_deref(), second.upstream_calls), (Some("b read"), 3));
        assert_eq!((second.aws_calls, second.aws_retries, ms(second.upstream_time)), (3, 3, 15));
        assert_eq!(trace(), None, "outside of a call");
        called("c", "read", Duration::ZERO);
    }
}
