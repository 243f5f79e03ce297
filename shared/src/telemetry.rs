//! What one call of a function did outside of it: tallied while it runs, written with its one line
//! in the log. And the trace it belongs to, carried on into the queue.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

tokio::task_local! {
    static TALLY: Tally;
}

/// The trace of a request, in the form of `X-Amzn-Trace-Id`, cleaned: whatever else a header held is
/// not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    root: String,
    rest: String,
}

impl Trace {
    /// Reads a header: `Root=1-5759e988-bd862e3fe1be46a994272793`, and `Parent` and `Sampled` behind.
    pub fn parse(header: &str) -> Option<Self> {
        let part = |name: &str| {
            header.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let hex = |text: &str, length| {
            text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        let root = part("Root")?;
        let (version, ids) = root.split_once('-')?;
        let (seconds, id) = ids.split_once('-')?;
        if version != "1" || !hex(seconds, 8) || !hex(id, 24) {
            return None;
        }
        let mut rest = String::new();
        if let Some(parent) = part("Parent").filter(|parent| hex(parent, 16)) {
            rest.push_str(";Parent=");
            rest.push_str(parent);
        }
        if let Some(sampled) = part("Sampled").filter(|it| matches!(*it, "0" | "1")) {
            rest.push_str(";Sampled=");
            rest.push_str(sampled);
        }
        Some(Self { root: root.to_owned(), rest })
    }

    /// The trace's id: the same in every function it passes.
    pub fn id(&self) -> &str {
        &self.root
    }

    /// The header.
    pub fn header(&self) -> String {
        format!("Root={}{}", self.root, self.rest)
    }
}

/// The tally of one call. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Mutex<Counts>>);

/// What was tallied.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// The trace that the call belongs to.
    pub trace: Option<Trace>,
    /// Attempts of calls to AWS.
    pub aws_calls: u32,
    /// How many of them were repeats.
    pub aws_retries: u32,
    /// How long they took together; side by side they may take more than the call itself.
    pub aws: Duration,
    /// The last call to a provider, such as `mono read`.
    pub upstream: Option<String>,
    /// Calls to providers.
    pub upstream_calls: u32,
    /// How long they took together.
    pub upstream_time: Duration,
}

impl Tally {
    /// A tally of a call that belongs to `trace`.
    pub fn of(trace: Option<Trace>) -> Self {
        Self(Arc::new(Mutex::new(Counts { trace, ..Counts::default() })))
    }

    /// Runs a call under this tally.
    pub async fn over<T>(&self, call: impl Future<Output = T>) -> T {
        TALLY.scope(self.clone(), call).await
    }

    /// What was tallied so far.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The trace of the call that runs now.
pub fn trace() -> Option<Trace> {
    TALLY.try_with(|tally| tally.lock().trace.clone()).ok().flatten()
}

/// Tallies an attempt of a call to AWS.
pub(crate) fn called_aws(time: Duration, is_retry: bool) {
    tallied(|counts| {
        counts.aws_calls += 1;
        counts.aws_retries += u32::from(is_retry);
        counts.aws += time;
    });
}

/// Tallies a call to a provider.
pub(crate) fn called(upstream: &str, operation: &str, time: Duration) {
    tallied(|counts| {
        counts.upstream = Some(format!("{upstream} {operation}"));
        counts.upstream_calls += 1;
        counts.upstream_time += time;
    });
}

/// Outside of a call, at a function's start, nothing is tallied.
fn tallied(change: impl FnOnce(&mut Counts)) {
    let _ = TALLY.try_with(|tally| change(&mut tally.lock()));
}

/// Whole milliseconds.
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn a_trace_is_read_and_cleaned() {
        let whole = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1");
        let trace = Trace::parse(&whole).unwrap();
        assert_eq!(trace.id(), "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(trace.header(), whole);
        let odd = format!("Self=x; {ROOT};Parent=nonsense;Sampled=maybe;Lineage=a:0|b:1\r\n");
        assert_eq!(Trace::parse(&odd).unwrap().header(), ROOT);
        for none in ["", "Root=", "Root=2-5759e988-bd862e3fe1be46a994272793", "Root=1-x-y", "x"] {
            assert_eq!(Trace::parse(none), None, "{none}");
        }
    }

    #[tokio::test]
    async fn calls_side_by_side_have_tallies_of_their_own() {
        let call = |name: &'static str, times| {
            let tally = Tally::of(Trace::parse(ROOT));
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
