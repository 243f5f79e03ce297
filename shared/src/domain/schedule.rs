//! When a requery is due, and how long VTpass may not know a purchase before that is believed.

use std::time::Duration;

use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::Random;
use crate::platform::queue::MAX_DELAY;

/// The waits between the steps, in seconds; the last one repeats. docs/api.md prints the same list.
pub const SCHEDULE_SECONDS: [u64; 6] = [45, 60, 120, 300, 600, 900];

/// How much a wait may be shortened, as a divisor: a fifth.
const JITTER: u64 = 5;

/// When the steps of a chain are due.
#[derive(Debug, Clone)]
pub struct Schedule(Vec<Duration>);

impl Schedule {
    /// [`SCHEDULE_SECONDS`], unless `REQUERY_SCHEDULE_SECONDS` holds another list: whole seconds,
    /// separated by commas.
    ///
    /// # Errors
    /// [`ConfigError`] for a list that is empty, no list of seconds, or above SQS's longest delay.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "REQUERY_SCHEDULE_SECONDS";
        let Some(list) = vars.optional(NAME) else {
            return Ok(Self(SCHEDULE_SECONDS.map(Duration::from_secs).to_vec()));
        };
        let invalid = |problem| ConfigError::invalid(NAME, problem);
        let waits: Result<Vec<u64>, _> = list.split(',').map(|wait| wait.trim().parse()).collect();
        let waits = waits.map_err(|_| invalid("must be whole seconds, separated by commas"))?;
        if waits.iter().any(|wait| *wait > MAX_DELAY.as_secs()) {
            return Err(invalid("must not exceed 900, the longest delay of SQS"));
        }
        Ok(Self(waits.into_iter().map(Duration::from_secs).collect()))
    }

    /// The wait before `step`. It is shortened by a random part of up to a fifth, so that purchases
    /// that began together spread out. It ends at the deadline, `left` from now; after the deadline
    /// the usual waits apply.
    pub fn wait(&self, step: u32, left: Duration, random: &Random) -> Duration {
        let index = usize::try_from(step).unwrap_or(usize::MAX).min(self.0.len() - 1);
        let wait = u64::try_from(self.0[index].as_millis()).unwrap_or(u64::MAX);
        let chance = u64::from(u16::from_be_bytes(random.bytes()));
        let shortened = wait - wait / JITTER * chance / u64::from(u16::MAX);
        let wait = Duration::from_millis(shortened);
        let wait = if left.is_zero() { wait } else { wait.min(left) };
        // SQS takes whole seconds, and a wait of zero would be a busy loop.
        Duration::from_secs((wait + Duration::from_millis(999)).as_secs().max(1))
    }
}

/// How long VTpass may not know a purchase before that is believed. Never shorter than
/// a minute, so no other variable can make a requery overtake its own `pay`.
#[derive(Debug, Clone, Copy)]
pub struct Patience(Duration);

/// The age of a purchase at which its `pay` has surely ended, with a margin for the clocks of two
/// instances. The request of a purchase lives 30 s at most, and `pay` ends 25 s after its beginning.
const PAY_ENDED: Duration = Duration::from_secs(60);

impl Default for Patience {
    /// Six minutes.
    fn default() -> Self {
        Self(Duration::from_secs(360))
    }
}

impl Patience {
    /// Six minutes, unless `REQUERY_PATIENCE_SECONDS` says otherwise.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but whole seconds, and for less than 60.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "REQUERY_PATIENCE_SECONDS";
        let Some(seconds) = vars.optional(NAME) else { return Ok(Self::default()) };
        let seconds =
            seconds.parse().map_err(|_| ConfigError::invalid(NAME, "must be whole seconds"))?;
        let patience = Self(Duration::from_secs(seconds));
        if patience.0 < PAY_ENDED {
            return Err(ConfigError::invalid(NAME, "must be 60 or more: `pay` must have ended"));
        }
        Ok(patience)
    }

    /// A sixth of the whole: an earlier answer does not count.
    pub fn first(self) -> Duration {
        self.0 / 6
    }

    /// The age of a purchase from which the answer may be believed.
    pub fn whole(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    fn schedule(list: &str) -> Result<Schedule, ConfigError> {
        let vars = [("REQUERY_SCHEDULE_SECONDS".to_owned(), list.to_owned())];
        Schedule::from_vars(&vars.into_iter().collect())
    }

    fn constant(byte: u8) -> Random {
        Random::from_fn(move |bytes| bytes.fill(byte))
    }

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn the_last_wait_repeats_and_jitter_only_shortens() {
        let schedule = schedule("").unwrap();
        let (longest, shortest) = (constant(0), constant(0xff));
        let waits =
            |random| [0, 1, 2, 3, 4, 5, 6, 500].map(|it| schedule.wait(it, DAY, random).as_secs());
        assert_eq!(waits(&longest), [45, 60, 120, 300, 600, 900, 900, 900]);
        assert_eq!(waits(&shortest), [36, 48, 96, 240, 480, 720, 720, 720]);
    }

    #[test]
    fn a_wait_ends_at_the_deadline() {
        let schedule = schedule("").unwrap();
        let wait = |left| schedule.wait(9, left, &constant(0));
        assert_eq!(wait(Duration::from_secs(100)), Duration::from_secs(100));
        assert_eq!(wait(Duration::from_millis(1)), Duration::from_secs(1));
        assert_eq!(wait(Duration::ZERO), Duration::from_secs(900));
    }

    #[test]
    fn a_wait_is_at_least_one_second() {
        for list in ["1", "0"] {
            let wait = schedule(list).unwrap().wait(0, DAY, &constant(0xff));
            assert_eq!(wait, Duration::from_secs(1), "{list}");
        }
    }

    #[test]
    fn a_patience_that_pay_may_outlive_is_refused() {
        let patience = |seconds: &str| {
            let vars = [("REQUERY_PATIENCE_SECONDS".to_owned(), seconds.to_owned())];
            Patience::from_vars(&vars.into_iter().collect())
        };
        assert_eq!(patience("").unwrap().whole(), Duration::from_secs(360));
        assert_eq!(patience("60").unwrap().whole(), Duration::from_secs(60));
        for seconds in ["59", "6", "0", "-1", "a", "60.5", "60,60"] {
            let error = patience(seconds).unwrap_err().to_string();
            assert!(error.contains("REQUERY_PATIENCE_SECONDS"), "{seconds}: {error}");
        }
    }

    #[test]
    fn a_wait_above_the_longest_sqs_delay_is_refused() {
        assert!(schedule("1, 2,900").is_ok());
        for list in ["901", "45,,60", "a", "-1", "1.5"] {
            let error = schedule(list).unwrap_err().to_string();
            assert!(error.contains("REQUERY_SCHEDULE_SECONDS"), "{error}");
        }
    }

    #[test]
    fn a_schedule_and_a_patience_that_are_read_are_within_their_bounds() {
        fuzz(|choices| {
            let words =
                ["45,60", "0", "900", "901", "60", "59", "18446744073709551615", "1,", "-1"];
            let text = choices.text(&words);
            let vars = |name: &str| [(name.to_owned(), text.clone())].into_iter().collect::<Vars>();
            if let Ok(schedule) = Schedule::from_vars(&vars("REQUERY_SCHEDULE_SECONDS")) {
                assert!(!schedule.0.is_empty() && schedule.0.iter().all(|it| *it <= MAX_DELAY));
            }
            if let Ok(patience) = Patience::from_vars(&vars("REQUERY_PATIENCE_SECONDS")) {
                assert!(patience.whole() >= PAY_ENDED && patience.first() <= patience.whole());
            }
        });
    }
}
