//! How an endpoint fares, and what that means for the next call: a slow one gets its calls one after
//! the other, one that asks for a pause gets it, and one that fails for five days is disabled.

use std::time::Duration;

use time::OffsetDateTime;

use super::delivery::Attempt;
use super::endpoint::{Endpoint, EndpointState};
use super::retry::jitter;
use crate::domain::event::EventType;
use crate::platform::environment::Random;

/// From this on an answer is slow, so that calls would pile up.
pub const SLOW: Duration = Duration::from_secs(1);
/// The pace of a receiver that does not answer in time, in seconds.
const SLOWEST: u64 = 16;
/// How far ahead turns are given. The calls after that ask again later, so that they are made soon once the
/// endpoint is quick again.
const FARTHEST_TURN: Duration = Duration::from_secs(900);
/// The pause after 429, 502 or 504, unless the receiver asks for a longer one.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest pause that a receiver gets.
const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);
/// For how long an endpoint may fail at every attempt before it is disabled.
const PATIENCE: time::Duration = time::Duration::days(5);

/// Whether an endpoint may be called now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// At this time; it must be asked again then.
    AskAgain(OffsetDateTime),
    /// At this time, which is kept free for the one that asked.
    Reserved(OffsetDateTime),
}

impl Endpoint {
    /// When one more call may be made. Says whether the endpoint has changed and must be stored: a
    /// turn at a slow endpoint is taken from the others.
    pub fn turn(&mut self, has_turn: bool, now: OffsetDateTime, random: &Random) -> (Turn, bool) {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            let left = Duration::try_from(until - now).unwrap_or_default();
            let due = until + jitter(left.max(PAUSE), random);
            // Another url may be given before a long pause ends.
            return (Turn::AskAgain(due.min(some_time_on(now, random))), false);
        }
        if self.pace == 0 || has_turn {
            return (Turn::Now, false);
        }
        let turn = self.next_turn.unwrap_or(now).max(now);
        if turn > now + FARTHEST_TURN {
            return (Turn::AskAgain(some_time_on(now, random)), false);
        }
        self.next_turn = Some(turn + Duration::from_secs(self.pace));
        (if turn > now { Turn::Reserved(turn) } else { Turn::Now }, true)
    }

    /// A call is slow and not answered yet: the others get their turns one after the other from now on,
    /// and as if it will never be answered. Gives whether that changes anything.
    pub fn slow_down(&mut self, now: OffsetDateTime) -> bool {
        let is_quick = self.pace == 0;
        if is_quick {
            self.pace = SLOWEST;
            self.next_turn = Some(now + Duration::from_secs(self.pace));
        }
        is_quick
    }

    /// The endpoint after an attempt, at whose answer the receiver asked for the pause `asked`. None
    /// if that changes nothing.
    #[must_use]
    pub fn after(
        &self,
        attempt: &Attempt,
        asked: Option<Duration>,
        now: OffsetDateTime,
    ) -> Option<Self> {
        let mut after = self.clone();
        // Whoever fails is called once at a time, until it takes something.
        let least = u64::from(!attempt.is_taken());
        after.set_pace(pace(attempt.duration()).max(least), now);
        if attempt.is_taken() {
            after.failing_since = None;
            after.recover(now);
        } else {
            after.fail(attempt.status, asked, now);
        }
        (after != *self).then_some(after)
    }

    /// A turn that is free later than the new pace needs is free sooner.
    fn set_pace(&mut self, pace: u64, now: OffsetDateTime) {
        if pace < self.pace {
            self.next_turn = self.next_turn.map(|turn| turn.min(now + Duration::from_secs(pace)));
        }
        self.pace = pace;
    }

    fn recover(&mut self, now: OffsetDateTime) {
        let last = self.history.last().map(|line| &line.event);
        if self.is_enabled() && last == Some(&EventType::EndpointDisabled) {
            self.note(EventType::EndpointRecovered, now);
        }
    }

    fn fail(&mut self, status: Option<u16>, asked: Option<Duration>, now: OffsetDateTime) {
        let since = *self.failing_since.get_or_insert(now);
        let is_slow_down = matches!(status, Some(429 | 502 | 504));
        if is_slow_down || asked.is_some() {
            let pause = asked.unwrap_or_default().max(PAUSE).min(LONGEST_PAUSE);
            self.paused_until = self.paused_until.max(Some(now + pause));
        }
        if self.is_enabled() && (status == Some(410) || now - since >= PATIENCE) {
            self.state = EndpointState::Disabled;
            self.note(EventType::EndpointDisabled, now);
        }
    }
}

/// A time at which to ask again, spread over the second half of [`FARTHEST_TURN`].
fn some_time_on(now: OffsetDateTime, random: &Random) -> OffsetDateTime {
    let half = FARTHEST_TURN / 2;
    now + half + random.part_of(half)
}

/// The seconds between two calls after one that took so long: 0, or a power of two, so that it does
/// not change with each call.
fn pace(took: Duration) -> u64 {
    if took < SLOW { 0 } else { took.as_secs().next_power_of_two() }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::delivery::Problem;
    use super::super::endpoint::NewEndpoint;
    use super::super::signing::Scheme;
    use super::*;
    use crate::domain::ids::TenantId;

    const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    fn endpoint() -> Endpoint {
        let tenant = TenantId::parse("t").unwrap();
        let url = "https://a.example/".to_owned();
        let new = NewEndpoint { url, events: None, scheme: Scheme::V1 };
        Endpoint::new(&tenant, new, NOW, &Random::system())
    }

    fn attempt(status: Option<u16>, seconds: u64) -> Attempt {
        let is_taken = status.is_some_and(|status| (200..300).contains(&status));
        let problem = (!is_taken).then_some(Problem::Refused);
        Attempt { at: NOW, status, problem, duration_ms: seconds * 1_000 }
    }

    fn none() -> Random {
        Random::from_fn(|bytes| bytes.fill(0))
    }

    #[test]
    fn a_quick_success_changes_nothing_and_ends_all_trouble() {
        let healthy = endpoint();
        assert_eq!(healthy.after(&attempt(Some(204), 0), None, NOW), None);
        let failing = healthy.after(&attempt(None, 15), None, NOW).unwrap();
        assert_eq!((failing.failing_since, failing.pace), (Some(NOW), 16));
        let again = failing.after(&attempt(None, 15), None, NOW + Duration::from_secs(9));
        assert_eq!(again, None, "it has failed since the first failure");
        let mut refusing = healthy.after(&attempt(Some(500), 0), None, NOW).unwrap();
        assert_eq!(refusing.turn(false, NOW, &none()), (Turn::Now, true));
        assert_eq!(refusing.after(&attempt(Some(500), 0), None, NOW), None, "its turns stay");
        assert_eq!(failing.after(&attempt(Some(200), 0), None, NOW).unwrap(), healthy);
    }

    /// What its tenant is told. The operator is told the same, and whose endpoint it is.
    fn told(endpoint: &Endpoint) -> Vec<EventType> {
        let (operators, tenants): (Vec<_>, Vec<_>) =
            endpoint.owed().into_iter().partition(|owed| owed.tenant.is_operator());
        let tenants: Vec<_> = tenants.into_iter().map(|owed| owed.kind).collect();
        assert!(operators.iter().all(|owed| owed.data["tenant"] == "t"), "{operators:?}");
        assert!(operators.into_iter().map(|owed| owed.kind).eq(tenants.iter().cloned()));
        tenants
    }

    #[test]
    fn what_becomes_of_the_operators_own_endpoint_is_told_once() {
        let own = Endpoint { tenant: TenantId::operator(), ..endpoint() };
        let gone = own.after(&attempt(Some(410), 0), None, NOW).unwrap();
        assert_eq!(gone.owed().len(), 1);
        assert_eq!(gone.owed()[0].data.get("tenant"), None);
    }

    #[test]
    fn five_days_of_failures_only_disable_and_so_does_410_at_once() {
        let day = |days| NOW + time::Duration::days(days);
        let failing = endpoint().after(&attempt(Some(500), 0), None, NOW).unwrap();
        assert!(failing.after(&attempt(Some(500), 0), None, day(4)).is_none());
        let disabled = failing.after(&attempt(Some(500), 0), None, day(5)).unwrap();
        assert_eq!(
            (disabled.is_enabled(), told(&disabled)),
            (false, vec![EventType::EndpointDisabled])
        );
        let gone = endpoint().after(&attempt(Some(410), 0), None, NOW).unwrap();
        assert!(!gone.is_enabled());

        // It recovers once it takes events again, not when the tenant says so.
        let mut enabled = disabled;
        enabled.set_state(EndpointState::Enabled);
        assert_eq!((told(&enabled).len(), enabled.failing_since), (1, None));
        let recovered = enabled.after(&attempt(Some(200), 0), None, day(6)).unwrap();
        assert_eq!(told(&recovered), [EventType::EndpointDisabled, EventType::EndpointRecovered]);
        assert_eq!(recovered.after(&attempt(Some(200), 0), None, day(7)), None);
    }

    #[test]
    fn a_receiver_gets_the_pause_it_asks_for() {
        let minute = Duration::from_secs(60);
        for status in [429, 502, 504] {
            let mut paused = endpoint().after(&attempt(Some(status), 0), None, NOW).unwrap();
            let until = NOW + minute;
            assert_eq!(paused.turn(true, NOW, &none()), (Turn::AskAgain(until), false));
            assert_eq!(paused.turn(false, until, &none()), (Turn::Now, true));
        }
        let paused = endpoint().after(&attempt(Some(503), 0), Some(minute * 5), NOW).unwrap();
        assert_eq!(paused.paused_until, Some(NOW + minute * 5));
        // A long one is asked about again, because the endpoint may change.
        let hour = endpoint().after(&attempt(Some(503), 0), Some(minute * 60), NOW).unwrap();
        let asked = hour.clone().turn(true, NOW, &none());
        assert_eq!(asked, (Turn::AskAgain(NOW + FARTHEST_TURN / 2), false));
        let plain = endpoint().after(&attempt(Some(503), 0), None, NOW).unwrap();
        assert_eq!(plain.paused_until, None);
    }

    #[test]
    fn a_slow_endpoint_gets_its_calls_one_after_the_other() {
        let mut slow = endpoint().after(&attempt(Some(200), 5), None, NOW).unwrap();
        let second = Duration::from_secs(1);
        assert_eq!(slow.turn(false, NOW, &none()), (Turn::Now, true));
        let (first, next) = (NOW + 8 * second, NOW + 16 * second);
        assert_eq!(slow.turn(false, NOW, &none()), (Turn::Reserved(first), true));
        assert_eq!(slow.turn(false, NOW + second, &none()), (Turn::Reserved(next), true));
        assert_eq!(slow.turn(true, first, &none()), (Turn::Now, false));

        // Turns are given for a quarter of an hour. Whoever comes then asks again, at any time within it.
        let mut full = slow.clone();
        let given = (0..).find(|_| !matches!(full.turn(false, NOW, &none()).0, Turn::Reserved(_)));
        assert_eq!(given, Some(110));
        let later = |random| full.clone().turn(false, NOW, &random);
        let all = Random::from_fn(|bytes| bytes.fill(0xff));
        assert_eq!(later(none()), (Turn::AskAgain(NOW + 450 * second), false));
        assert_eq!(later(all), (Turn::AskAgain(NOW + 900 * second), false));

        // It is so before the first slow answer comes.
        let mut begun = endpoint();
        assert!(begun.slow_down(NOW) && !begun.slow_down(NOW));
        let turn = NOW + 16 * second;
        assert_eq!(begun.turn(false, NOW, &none()), (Turn::Reserved(turn), true));
        let answered = begun.after(&attempt(Some(200), 3), None, NOW + 3 * second).unwrap();
        assert_eq!((answered.pace, answered.next_turn), (4, Some(NOW + 7 * second)));
    }
}
