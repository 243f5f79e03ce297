//! Time, randomness and the network. Handlers receive them, so that tests can replace them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

use crate::platform::aws::clients::Clients;
use crate::platform::breaker::Breakers;
use crate::platform::http::Http;
use crate::platform::outside::Outside;
use crate::platform::pace::Pace;
use crate::platform::telemetry::alarm::Alarm;

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

    /// The current time in UTC, in whole milliseconds: no stored time is finer.
    pub fn now(&self) -> OffsetDateTime {
        (self.0)().truncate_to_millisecond()
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

    /// A random part of `most`, in whole milliseconds.
    pub fn part_of(&self, most: Duration) -> Duration {
        let chance = u128::from(u16::from_be_bytes(self.bytes()));
        let ms = most.as_millis() * chance / u128::from(u16::MAX);
        Duration::from_millis(u64::try_from(ms).unwrap_or_default())
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

/// Everything a function uses from outside itself, except its configuration.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// The one HTTP client: one TLS configuration and one connection pool for the AWS SDK and the
    /// providers alike.
    pub http: Http,
    /// The way to addresses that tenants chose.
    pub outside: Outside,
    /// The AWS clients of the running instance.
    pub aws: Clients,
    /// Whether a provider refused our credentials.
    pub credential_refusals: CredentialRefusals,
    /// Which providers are down.
    pub breakers: Breakers,
    /// How often the providers are called at most.
    pub pace: Pace,
}

/// Whether a provider refused our credentials since they were fetched.
#[derive(Debug, Clone, Default)]
pub struct CredentialRefusals(Arc<AtomicBool>);

impl CredentialRefusals {
    /// Raises the alarm for a refusal and records it.
    pub fn note(&self, alarm: Alarm, code: &str) {
        let alarm = alarm.name();
        tracing::error!(alarm, code, "a provider refuses our credentials");
        self.mark();
    }

    /// Records a refusal: the next call fetches the secrets again.
    pub fn mark(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether there was one.
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Forgets the refusals, once there are new credentials.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Environment {
    /// The system's clock, randomness and network.
    pub fn real() -> Self {
        Self {
            clock: Clock::system(),
            random: Random::system(),
            http: Http::new(),
            outside: Outside::public(),
            aws: Clients::none(),
            credential_refusals: CredentialRefusals::default(),
            breakers: Breakers::default(),
            pace: Pace::default(),
        }
    }
}
