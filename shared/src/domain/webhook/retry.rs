//! When a delivery that failed is repeated: ten attempts over 75 hours, as Standard Webhooks proposes.

use std::time::Duration;

use crate::platform::environment::Random;

/// The waits after each failed attempt but the last, in seconds. docs/api.md prints the same list.
pub const WAITS_SECONDS: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The longest wait that a receiver may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);
/// How much longer a wait may become, as a divisor: a tenth.
const JITTER: u32 = 10;

/// The wait after `attempts` failed attempts; none after the last. A receiver may ask for a longer
/// one. A random part of up to a tenth is added, so that deliveries that failed together spread out.
pub fn wait_after(attempts: u32, asked: Option<Duration>, random: &Random) -> Option<Duration> {
    let index = usize::try_from(attempts).ok()?.checked_sub(1)?;
    let wait = Duration::from_secs(*WAITS_SECONDS.get(index)?);
    let wait = wait.max(asked.unwrap_or_default().min(LONGEST_WAIT));
    Some(wait + jitter(wait, random))
}

/// A random part of up to a tenth of `wait`.
pub(super) fn jitter(wait: Duration, random: &Random) -> Duration {
    random.part_of(wait / JITTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(byte: u8) -> Random {
        Random::from_fn(move |bytes| bytes.fill(byte))
    }

    #[test]
    fn ten_attempts_take_75_hours_and_jitter_only_adds() {
        let total = |random: &Random| {
            let waits = (1..=10).filter_map(|attempts| wait_after(attempts, None, random));
            waits.sum::<Duration>().as_secs()
        };
        assert_eq!(total(&constant(0)) / 3_600, 75);
        assert_eq!(total(&constant(0xff)), total(&constant(0)) * 11 / 10);
        assert_eq!(wait_after(10, None, &constant(0)), None);
        assert_eq!(wait_after(11, Some(LONGEST_WAIT), &constant(0)), None);
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_wait_of_a_day_at_most() {
        let wait = |attempts, asked| {
            wait_after(attempts, Some(Duration::from_secs(asked)), &constant(0)).unwrap().as_secs()
        };
        assert_eq!((wait(1, 60), wait(2, 60), wait(1, 1_000_000)), (60, 300, 86_400));
    }
}
