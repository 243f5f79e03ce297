//! The outcomes of a service in its last minutes, and what they say.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::sign::Sign;
use super::thresholds::Thresholds;
use crate::domain::time::to_seconds;

/// From so many good outcomes in the window on, only one in [`SAMPLE`] is counted, as so many.
const MANY: u32 = 100;
const SAMPLE: u32 = 10;

/// A number of outcomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Good ones, as far as they were counted.
    pub good: u32,
    /// Failed and unclear ones.
    pub bad: u32,
}

/// The outcomes of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By the minute, counted from 1970.
    pub by_minute: BTreeMap<i64, Counted>,
    /// How many in a row are unclear.
    pub row: u32,
}

impl Counts {
    /// The minute of a time.
    pub fn minute(at: OffsetDateTime) -> i64 {
        to_seconds(at).div_euclid(60)
    }

    /// All within the window that ends now.
    pub fn within(&self, thresholds: &Thresholds, now: OffsetDateTime) -> Counted {
        let mut sum = Counted::default();
        for (minute, counted) in &self.by_minute {
            if in_window(*minute, thresholds, now) {
                sum.good = sum.good.saturating_add(counted.good);
                sum.bad = sum.bad.saturating_add(counted.bad);
            }
        }
        sum
    }

    /// The minutes that no window will hold any more.
    pub fn outdated(&self, thresholds: &Thresholds, now: OffsetDateTime) -> Vec<i64> {
        let minutes = self.by_minute.keys().copied();
        minutes.filter(|minute| !in_window(*minute, thresholds, now)).collect()
    }

    /// As how many outcomes this one is counted; `None` if it need not be. A bad one always counts. A
    /// good one counts only beside bad ones: alone it could change nothing. `roll` is any number.
    pub fn weight(
        &self,
        sign: Sign,
        thresholds: &Thresholds,
        now: OffsetDateTime,
        roll: u32,
    ) -> Option<u32> {
        let window = self.within(thresholds, now);
        match sign {
            Sign::Failed | Sign::Unclear => Some(1),
            Sign::Good if self.row > 0 => Some(1),
            Sign::Good if window.bad == 0 => None,
            Sign::Good if window.good < MANY => Some(1),
            Sign::Good => roll.is_multiple_of(SAMPLE).then_some(SAMPLE),
        }
    }

    /// Why the service counts as not working, if it does.
    pub fn judge(&self, thresholds: &Thresholds, now: OffsetDateTime) -> Option<String> {
        let Counted { good, bad } = self.within(thresholds, now);
        let all = u64::from(good) + u64::from(bad);
        if self.row >= thresholds.row {
            return Some(format!("{} outcomes in a row were unclear", self.row));
        }
        let past =
            bad >= thresholds.bad && u64::from(bad) * 100 >= all * u64::from(thresholds.share);
        past.then(|| {
            let window = thresholds.window;
            format!("{bad} of {all} outcomes in {window} s were failed or unclear")
        })
    }
}

/// Whether the window that ends now holds a minute. The clock of another instance may be ahead.
fn in_window(minute: i64, thresholds: &Thresholds, now: OffsetDateTime) -> bool {
    let this = Counts::minute(now);
    (this - thresholds.minutes() + 1..=this + 1).contains(&minute)
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    /// As the store counts it.
    fn count(counts: &mut Counts, sign: Sign, now: OffsetDateTime, roll: u32) {
        let thresholds = Thresholds::default();
        let Some(weight) = counts.weight(sign, &thresholds, now, roll) else { return };
        let minute = counts.by_minute.entry(Counts::minute(now)).or_default();
        match sign {
            Sign::Good => minute.good += weight,
            Sign::Failed | Sign::Unclear => minute.bad += weight,
        }
        counts.row = if sign == Sign::Unclear { counts.row + 1 } else { 0 };
        for outdated in counts.outdated(&thresholds, now) {
            counts.by_minute.remove(&outdated);
        }
    }

    fn judged(signs: impl IntoIterator<Item = Sign>) -> Option<String> {
        let mut counts = Counts::default();
        for (sign, roll) in signs.into_iter().zip(0..) {
            count(&mut counts, sign, NOW, roll);
        }
        counts.judge(&Thresholds::default(), NOW)
    }

    #[test]
    fn ten_bad_outcomes_that_are_half_of_all_are_too_many_and_nine_are_not() {
        use Sign::{Failed, Good};
        let mixed =
            |bad: usize, good| [vec![Failed; 1], vec![Good; good], vec![Failed; bad - 1]].concat();
        assert_eq!(judged(vec![Failed; 9]), None);
        assert!(judged(vec![Failed; 10]).is_some());
        assert!(judged(mixed(10, 10)).unwrap().starts_with("10 of 20 outcomes in 600 s"));
        assert_eq!(judged(mixed(10, 11)), None);
    }

    #[test]
    fn thirty_unclear_in_a_row_are_too_many_whatever_came_before() {
        use Sign::{Failed, Good, Unclear};
        let after = |signs: &[Sign], unclear| {
            judged([&[Failed; 1], &[Good; 90][..], signs, &vec![Unclear; unclear]].concat())
        };
        assert_eq!(after(&[], 29), None);
        assert!(after(&[], 30).unwrap().starts_with("30 outcomes in a row"));
        // Any clear outcome ends the row.
        for clear in [Good, Failed] {
            assert_eq!(after(&[&[Unclear; 20][..], &[clear]].concat(), 20), None, "{clear:?}");
        }
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten_and_swept() {
        let mut counts = Counts::default();
        for _ in 0..9 {
            count(&mut counts, Sign::Failed, NOW, 0);
        }
        let later = NOW + Duration::minutes(10);
        count(&mut counts, Sign::Failed, later, 0);
        assert_eq!(counts.within(&Thresholds::default(), later), Counted { good: 0, bad: 1 });
        assert_eq!(counts.by_minute.len(), 1);
    }

    #[test]
    fn the_window_is_whole_minutes_and_one_minute_of_a_clock_that_is_ahead() {
        let thresholds = Thresholds { window: 600, ..Thresholds::default() };
        let this = Counts::minute(NOW);
        let holds = |minute| {
            let by_minute = [(minute, Counted { good: 0, bad: 1 })].into();
            Counts { by_minute, row: 0 }.within(&thresholds, NOW).bad == 1
        };
        let held = [this - 10, this - 9, this, this + 1, this + 2].map(holds);
        assert_eq!(held, [false, true, true, true, false]);
    }

    #[test]
    fn a_good_outcome_alone_is_not_counted_and_many_are_counted_by_tens() {
        let (mut counts, thresholds) = (Counts::default(), Thresholds::default());
        assert_eq!(counts.weight(Sign::Good, &thresholds, NOW, 0), None);
        count(&mut counts, Sign::Failed, NOW, 0);
        for roll in 0..MANY {
            assert_eq!(counts.weight(Sign::Good, &thresholds, NOW, roll), Some(1));
            count(&mut counts, Sign::Good, NOW, roll);
        }
        let weights: Vec<_> =
            (0..10).map(|roll| counts.weight(Sign::Good, &thresholds, NOW, roll)).collect();
        assert_eq!(weights, [&[Some(10)][..], &[None; 9]].concat());
        counts.row = 1;
        assert_eq!(counts.weight(Sign::Good, &thresholds, NOW, 1), Some(1), "it ends the row");
        let later = NOW + Duration::minutes(10);
        counts.row = 0;
        assert_eq!(counts.weight(Sign::Good, &thresholds, later, 0), None);
    }

    /// A hundred hours in which 5 % fail, with few orders and with many.
    #[test]
    fn a_hundred_healthy_hours_close_nothing_whatever_the_rate() {
        let thresholds = Thresholds::default();
        let mut random: u64 = 7;
        let mut percent = move || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % 100
        };
        for seconds in [2, 10, 20, 30, 60, 120, 300] {
            let (mut counts, mut now) = (Counts::default(), NOW);
            while now < NOW + Duration::hours(100) {
                let sign = if percent() < 5 { Sign::Failed } else { Sign::Good };
                count(&mut counts, sign, now, u32::try_from(percent()).unwrap());
                assert_eq!(counts.judge(&thresholds, now), None, "every {seconds} s, at {now}");
                assert!(counts.by_minute.len() <= 11);
                now += Duration::seconds(seconds);
            }
        }
    }

    /// Counts less than all, but comes to the same end as counting all.
    #[test]
    fn what_is_left_out_closes_nothing_that_mostly_works() {
        fuzz(|choices| {
            let (mut counts, thresholds) = (Counts::default(), Thresholds::default());
            let mut now = NOW;
            let mut all: Vec<(i64, bool)> = Vec::new();
            for _ in 0..200 {
                now += Duration::seconds(i64::from(choices.byte() % 20));
                // One in five is bad at most, and never two in a row.
                let was_bad = all.iter().rev().take(4).any(|(_, bad)| *bad);
                let bad = !was_bad && choices.once_in(2);
                let sign = if bad { Sign::Failed } else { Sign::Good };
                count(&mut counts, sign, now, u32::from(choices.byte()));
                all.push((Counts::minute(now), bad));
                let window = counts.within(&thresholds, now);
                let first = Counts::minute(now) - thresholds.minutes() + 1;
                let bad = all.iter().filter(|(minute, bad)| *bad && *minute >= first).count();
                assert_eq!(usize::try_from(window.bad).unwrap(), bad, "every bad one is counted");
                assert_eq!(counts.judge(&thresholds, now), None);
            }
        });
    }
}
