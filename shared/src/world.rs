//! Time, randomness and the network: what a test replaces and a handler never reaches for itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use time::OffsetDateTime;

use crate::upstream::Http;

/// A source of the current time that can be turned in a test.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> OffsetDateTime + Send + Sync>);

impl Clock {
    /// The system clock.
    pub fn system() -> Self {
        Self::from_fn(OffsetDateTime::now_utc)
    }

    /// A clock that asks `now` each time.
    pub fn from_fn(now: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time, UTC.
    pub fn now(&self) -> OffsetDateTime {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A source of random bytes for ids and tokens.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

impl Random {
    /// The operating system's generator.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing safe can be done then.
    pub fn system() -> Self {
        Self::from_fn(|bytes| getrandom::fill(bytes).expect("the system's random generator works"))
    }

    /// A generator that asks `fill` each time.
    pub fn from_fn(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// 128 random bits as 32 hexadecimal digits.
    pub fn id(&self) -> String {
        hex::encode(self.bytes::<16>())
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// Everything outside a handler that is not configuration.
#[derive(Debug, Clone)]
pub struct World {
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The one HTTP client: one TLS configuration and one connection pool for the AWS SDK and the
    /// providers alike.
    pub http: Http,
    /// Whether a provider refused our credentials.
    pub refusals: Refusals,
}

/// Whether a provider refused our credentials since they were fetched.
#[derive(Debug, Clone, Default)]
pub struct Refusals(Arc<AtomicBool>);

impl Refusals {
    /// Notes a refusal, for the next call and for an operator.
    pub fn note(&self, alarm: &'static str, code: &str) {
        tracing::error!(alarm, code, "a provider refuses our credentials");
        self.mark();
    }

    /// Notes a refusal that its finder reports.
    pub fn mark(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether there was one.
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Forgets them: there are new credentials.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl World {
    /// The real world.
    pub fn real() -> Self {
        let (clock, random) = (Clock::system(), Random::system());
        Self { clock, random, http: Http::new(), refusals: Refusals::default() }
    }
}

/// Epoch seconds, as DynamoDB's TTL wants them.
pub fn epoch(time: OffsetDateTime) -> i64 {
    time.unix_timestamp()
}

/// A time as ISO 8601 in UTC with milliseconds, as Mono writes it: `2024-07-17T11:16:49.632Z`.
pub fn iso(time: OffsetDateTime) -> String {
    const FORMAT: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    time.to_offset(time::UtcOffset::UTC).format(&FORMAT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_as_mono_writes_it() {
        let time = OffsetDateTime::from_unix_timestamp_nanos(1_721_215_009_632_500_000).unwrap();
        assert_eq!(iso(time), "2024-07-17T11:16:49.632Z");
    }
}
