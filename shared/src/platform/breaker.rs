//! The circuit breaker: a provider that is down is not asked again and again.
//!
//! After a few failures in a row the instance stops calling that provider for some seconds. Then it
//! lets one call through: if that fails, it waits twice as long. A failure is no answer, a 5xx or a
//! 429. A `Retry-After` of the provider is honoured: that of a 5xx at once, that of a 429 as soon as
//! there were a few in a row.
//!
//! A request that is answered badly counts once, however often it is repeated: one account or one
//! order that the provider cannot handle must not stop all others.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use reqwest::Request;
use time::OffsetDateTime;

use crate::platform::http::{Answer, NoAnswer};

/// How much failure in a row opens the breaker. A timeout counts twice, because it holds up a caller
/// for as long as the provider may take.
const THRESHOLD: u32 = 5;
/// How long the breaker stays open the first time. It doubles with each failure after that.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// How long it stays open at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The longest `Retry-After` that is honoured.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);
/// How long the one call that is let through may take. Longer than every time limit of a call.
const TRIAL: Duration = Duration::from_secs(30);

/// The breakers of one instance, by provider.
#[derive(Debug, Clone, Default)]
pub struct Breakers(Arc<Mutex<HashMap<&'static str, Breaker>>>);

/// What a request is about, as far as the breaker must tell requests apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject(u64);

/// Not asked, because the provider is down. Holds the time after which it may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is down and was not asked")]
pub struct Down(pub Duration);

#[derive(Debug, Default)]
struct Breaker {
    state: State,
    /// How much failure there was in a row.
    failures: u32,
    /// The requests that were answered badly in this row.
    answered_badly: Vec<Subject>,
    /// How many pauses there were in a row.
    pauses: u32,
}

/// What the breaker does with the next call.
#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// Lets it through.
    #[default]
    Closed,
    /// Refuses it until then.
    Open(OffsetDateTime),
    /// Refuses it while the one call that was let through is under way, at most until then.
    Trial(OffsetDateTime),
}

impl Breakers {
    /// Whether a call to `provider` would be let through.
    pub(super) fn check(&self, provider: &'static str, now: OffsetDateTime) -> Result<(), Down> {
        self.all().entry(provider).or_default().check(now)
    }

    /// Lets one call to `provider` through, which must then be made and recorded, or given up.
    pub(super) fn admit(&self, provider: &'static str, now: OffsetDateTime) -> Result<(), Down> {
        self.all().entry(provider).or_default().admit(now)
    }

    /// A call that was let through has ended, or is not made: the next one may be.
    pub(super) fn give_up(&self, provider: &'static str, now: OffsetDateTime) {
        self.all().entry(provider).or_default().give_up(now);
    }

    /// Records what came of a call, and gives the pause if it began one.
    pub(super) fn record(
        &self,
        provider: &'static str,
        subject: Subject,
        result: &Result<Answer, NoAnswer>,
        now: OffsetDateTime,
    ) -> Option<Duration> {
        self.all().entry(provider).or_default().record(subject, result, now)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<&'static str, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subject {
    /// The target and the body, without the headers: MTN's carry a new id each time.
    pub(super) fn of(request: &Request) -> Self {
        let mut hasher = DefaultHasher::new();
        request.url().as_str().hash(&mut hasher);
        request.body().and_then(|body| body.as_bytes()).hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Breaker {
    fn check(&self, now: OffsetDateTime) -> Result<(), Down> {
        match self.state {
            State::Open(until) | State::Trial(until) if until > now => {
                Err(Down((until - now).unsigned_abs()))
            }
            State::Closed | State::Open(_) | State::Trial(_) => Ok(()),
        }
    }

    /// After a pause one call is let through. The others wait until it has ended.
    fn admit(&mut self, now: OffsetDateTime) -> Result<(), Down> {
        self.check(now)?;
        match self.state {
            State::Closed => {}
            State::Open(_) | State::Trial(_) => self.state = State::Trial(now + TRIAL),
        }
        Ok(())
    }

    /// What was recorded of the call stays.
    fn give_up(&mut self, now: OffsetDateTime) {
        if let State::Trial(_) = self.state {
            self.state = State::Open(now);
        }
    }

    /// Gives the pause if this result began one.
    fn record(
        &mut self,
        subject: Subject,
        result: &Result<Answer, NoAnswer>,
        now: OffsetDateTime,
    ) -> Option<Duration> {
        let (weight, wait) = match result {
            Ok(answer) if is_failure(answer.status) => {
                (self.weight_of(subject), retry_after(&answer.headers))
            }
            // An account with much data must not stop the others.
            Ok(_) | Err(NoAnswer::TooLarge) => {
                *self = Self::default();
                return None;
            }
            Err(NoAnswer::Timeout) => (2, None),
            Err(NoAnswer::NotSent | NoAnswer::Broken) => (1, None),
            Err(NoAnswer::Down(_)) => return None,
        };
        self.failures = self.failures.saturating_add(weight);
        let opens = match self.state {
            State::Closed => self.failures >= THRESHOLD || (wait.is_some() && names_us_all(result)),
            // It was under way before the breaker opened.
            State::Open(_) => false,
            State::Trial(_) => true,
        };
        opens.then(|| self.open(wait, now))
    }

    fn weight_of(&mut self, subject: Subject) -> u32 {
        if self.answered_badly.contains(&subject) {
            return 0;
        }
        // No more are needed to open it.
        if self.answered_badly.len() < THRESHOLD as usize {
            self.answered_badly.push(subject);
        }
        1
    }

    fn open(&mut self, wait: Option<Duration>, now: OffsetDateTime) -> Duration {
        let doubled = FIRST_PAUSE.saturating_mul(1 << self.pauses.min(6)).min(LONGEST_PAUSE);
        let pause = wait.unwrap_or_default().min(LONGEST_RETRY_AFTER).max(doubled);
        self.pauses = self.pauses.saturating_add(1);
        self.state = State::Open(now + pause);
        pause
    }
}

/// Whether a `Retry-After` is about every call. A 429 may be about one number or one question only.
fn names_us_all(result: &Result<Answer, NoAnswer>) -> bool {
    result.as_ref().is_ok_and(|answer| answer.status.is_server_error())
}

fn is_failure(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// The seconds of `Retry-After`. The header's date form is ignored.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

impl From<Down> for NoAnswer {
    fn from(Down(wait): Down) -> Self {
        Self::Down(wait)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use http::HeaderValue;
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-11-28 10:00 UTC);

    fn status(status: u16) -> Result<Answer, NoAnswer> {
        let status = StatusCode::from_u16(status).unwrap();
        Ok(Answer { status, headers: HeaderMap::new(), body: Vec::new() })
    }

    impl Breaker {
        /// Records what came of a request that is like no other.
        fn record_new(
            &mut self,
            result: &Result<Answer, NoAnswer>,
            now: OffsetDateTime,
        ) -> Option<Duration> {
            static NEXT: AtomicU64 = AtomicU64::new(1);
            self.record(Subject(NEXT.fetch_add(1, Ordering::Relaxed)), result, now)
        }
    }

    fn at(seconds: u64) -> OffsetDateTime {
        START + Duration::from_secs(seconds)
    }

    fn seconds(seconds: u64) -> Result<(), Down> {
        Err(Down(Duration::from_secs(seconds)))
    }

    #[test]
    fn a_few_failures_in_a_row_open_it_and_an_answer_closes_it() {
        for (failure, needed) in [
            (status(500), 5),
            (status(429), 5),
            (Err(NoAnswer::NotSent), 5),
            (Err(NoAnswer::Broken), 5),
            (Err(NoAnswer::Timeout), 3),
        ] {
            let mut breaker = Breaker::default();
            for _ in 1..needed {
                assert_eq!(breaker.record_new(&failure, START), None);
                assert_eq!(breaker.admit(START), Ok(()));
            }
            assert_eq!(breaker.record_new(&failure, START), Some(Duration::from_secs(5)));
            assert_eq!(breaker.admit(at(2)), seconds(3));
            assert_eq!(breaker.check(at(5)), Ok(()));
            breaker.record_new(&status(404), at(5));
            assert_eq!(breaker.admit(at(5)), Ok(()));
            assert_eq!(breaker.record_new(&failure, at(5)), None, "it counts from the beginning");
        }
    }

    #[test]
    fn an_answer_that_is_too_large_is_an_answer() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            for _ in 1..5 {
                assert_eq!(breaker.record_new(&Err(NoAnswer::Broken), START), None);
            }
            assert_eq!(breaker.record_new(&Err(NoAnswer::TooLarge), START), None);
        }
        assert_eq!(breaker.admit(START), Ok(()));
    }

    #[test]
    fn one_call_is_let_through_after_a_pause_and_its_failure_doubles_the_pause() {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.record_new(&status(503), START);
        }
        let mut now = 5;
        for pause in [10, 20, 40, 60, 60] {
            assert_eq!(breaker.admit(at(now)), Ok(()));
            assert_eq!(breaker.admit(at(now)), seconds(30), "the others wait for the one");
            assert_eq!(breaker.record_new(&status(503), at(now)), Some(Duration::from_secs(pause)));
            assert_eq!(breaker.admit(at(now + pause - 1)), seconds(1));
            now += pause;
        }
        // A call that never ends does not keep it closed.
        assert_eq!(breaker.admit(at(now)), Ok(()));
        assert_eq!(breaker.admit(at(now + 30)), Ok(()));
    }

    #[test]
    fn failures_of_calls_under_way_do_not_lengthen_the_pause() {
        let mut breaker = Breaker::default();
        let opened = (0..10).filter_map(|_| breaker.record_new(&status(500), START)).count();
        assert_eq!(opened, 1, "a batch of ten was under way");
        assert_eq!(breaker.admit(START), seconds(5));
    }

    #[test]
    fn one_request_that_is_always_answered_badly_stops_no_other() {
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            for subject in 1..5 {
                assert_eq!(breaker.record(Subject(subject), &status(500), START), None);
            }
        }
        assert!(breaker.record(Subject(5), &status(500), START).is_some());
        // One that is not answered holds up its caller each time.
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            assert_eq!(breaker.record(Subject(1), &Err(NoAnswer::Timeout), START), None);
        }
        assert!(breaker.record(Subject(1), &Err(NoAnswer::Timeout), START).is_some());
    }

    #[test]
    fn a_retry_after_is_honoured_but_not_for_ever() {
        let busy = |code, header| {
            let mut answer = status(code).unwrap();
            answer.headers.insert(RETRY_AFTER, HeaderValue::from_static(header));
            Ok(answer)
        };
        for (header, pause) in [("7", 7), ("2", 5), ("86400", 300)] {
            let mut breaker = Breaker::default();
            breaker.record_new(&busy(503, header), START);
            assert_eq!(breaker.admit(START), seconds(pause), "{header}");

            // A 429 may be about one number only: one is not a row.
            let mut breaker = Breaker::default();
            for _ in 1..5 {
                breaker.record_new(&busy(429, header), START);
                assert_eq!(breaker.admit(START), Ok(()), "{header}");
            }
            breaker.record_new(&busy(429, header), START);
            assert_eq!(breaker.admit(START), seconds(pause), "{header}");
        }
        let mut breaker = Breaker::default();
        breaker.record_new(&status(503), START);
        assert_eq!(breaker.admit(START), Ok(()), "without the header one is not a row");
    }
}
