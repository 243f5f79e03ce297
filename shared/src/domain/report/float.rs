//! The float: for how long the wallet's balance is enough, and when somebody must be told.

use super::wallet::Balance;
use crate::platform::config::{ConfigError, Vars};

/// For how long the balance is enough at the pace of the last readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Runway {
    balance_kobo: u64,
    /// What left the wallet, in kobo. What came in does not count.
    spent_kobo: u64,
    /// In how many seconds.
    seconds: u64,
}

/// The shortest time of readings from which a pace can be told.
const SHORTEST_SECONDS: u64 = 600;

impl Runway {
    /// From readings, oldest first.
    pub fn of(readings: &[Balance]) -> Self {
        let kobo = |balance: &Balance| balance.balance_kobo.kobo();
        let steps = readings.iter().zip(readings.iter().skip(1));
        let spent = steps.map(|(one, next)| kobo(one).saturating_sub(kobo(next))).sum();
        let ends = readings.first().zip(readings.last());
        let seconds = ends.map_or(0, |(first, last)| (last.at - first.at).whole_seconds());
        Self {
            balance_kobo: readings.last().map_or(0, kobo),
            spent_kobo: spent,
            seconds: u64::try_from(seconds).unwrap_or_default(),
        }
    }

    /// The whole hours that are left; `None` where nothing is spent, or nothing is known.
    pub fn hours(&self) -> Option<u64> {
        if self.seconds < SHORTEST_SECONDS || self.spent_kobo == 0 {
            return None;
        }
        let seconds = u128::from(self.balance_kobo) * u128::from(self.seconds);
        let hours = seconds / u128::from(self.spent_kobo) / 3_600;
        Some(u64::try_from(hours).unwrap_or(u64::MAX))
    }
}

/// When somebody must be told of the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloatLimits {
    /// The float is low when it is enough for less than this many hours.
    pub hours: u64,
    /// And when it is less than this many kobo.
    pub kobo: u64,
    /// How many kobo of the wallet's movement in a day may be unexplained.
    pub difference_kobo: u64,
}

impl FloatLimits {
    /// The limits: `FLOAT_ALARM_HOURS` (12 unless set), `FLOAT_ALARM_KOBO` and
    /// `WALLET_DIFFERENCE_KOBO` (both 0 unless set).
    ///
    /// # Errors
    /// [`ConfigError`] for anything but a whole number.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        let number = |variable: &str, default| match vars.optional(variable) {
            Some(text) => text
                .parse()
                .map_err(|_| ConfigError::invalid(variable, "must be a whole number, 0 or more")),
            None => Ok(default),
        };
        Ok(Self {
            hours: number("FLOAT_ALARM_HOURS", 12)?,
            kobo: number("FLOAT_ALARM_KOBO", 0)?,
            difference_kobo: number("WALLET_DIFFERENCE_KOBO", 0)?,
        })
    }

    /// Whether the float is low.
    pub fn is_low(&self, balance: &Balance, runway: &Runway) -> bool {
        is_below(balance, runway, self.hours, self.kobo)
    }

    /// Whether a float that was low is enough again: for a quarter more than the limits, so that one at
    /// its limit does not change with each reading.
    pub fn is_enough_again(&self, balance: &Balance, runway: &Runway) -> bool {
        let with_margin = |limit: u64| limit.saturating_add(limit.div_ceil(4));
        !is_below(balance, runway, with_margin(self.hours), with_margin(self.kobo))
    }
}

fn is_below(balance: &Balance, runway: &Runway, hours: u64, kobo: u64) -> bool {
    runway.hours().is_some_and(|left| left < hours) || balance.balance_kobo.kobo() < kobo
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;
    use time::Duration;
    use time::macros::datetime;

    use super::*;
    use crate::domain::money::Kobo;

    fn readings(hourly: &[u64]) -> Vec<Balance> {
        let at = |hour| datetime!(2026-11-28 10:00 UTC) + Duration::HOUR * hour;
        let hours = (0..).zip(hourly);
        hours
            .map(|(hour, kobo)| Balance { at: at(hour), balance_kobo: Kobo::new(*kobo).unwrap() })
            .collect()
    }

    #[test]
    fn the_runway_is_the_balance_at_the_pace_of_the_last_readings() {
        let hours = |hourly: &[u64]| Runway::of(&readings(hourly)).hours();
        assert_eq!(hours(&[1_000, 900, 800]), Some(8));
        assert_eq!(hours(&[100, 0, 1_000, 900]), Some(13), "what came in is not spent");
        for unknown in [&[][..], &[1_000], &[1_000, 1_000], &[900, 1_000]] {
            assert_eq!(hours(unknown), None, "{unknown:?}");
        }
        assert_eq!(hours(&[1_000, 0]), Some(0));
    }

    #[test]
    fn a_pace_is_told_from_ten_minutes_on_and_a_limit_itself_is_enough() {
        let (start, kobo) = (datetime!(2026-11-28 10:00 UTC), |kobo| Kobo::new(kobo).unwrap());
        let in_seconds = |seconds| {
            let to = start + Duration::seconds(seconds);
            let first = Balance { at: start, balance_kobo: kobo(1_000) };
            [first, Balance { at: to, balance_kobo: kobo(900) }]
        };
        let hours = [599, 600, 601].map(|seconds| Runway::of(&in_seconds(seconds)).hours());
        assert_eq!(hours, [None, Some(1), Some(1)]);
        let limits = FloatLimits { hours: 1, kobo: 900, difference_kobo: 0 };
        let [_, last] = in_seconds(600);
        assert!(!limits.is_low(&last, &Runway::of(&in_seconds(600))));
    }

    #[test]
    fn the_float_is_low_by_hours_or_by_kobo() {
        let low = |vars: &[(&str, &str)], hourly: &[u64]| {
            let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let limits = FloatLimits::from_vars(&vars.collect()).unwrap();
            let readings = readings(hourly);
            limits.is_low(readings.last().unwrap(), &Runway::of(&readings))
        };
        assert!(low(&[], &[1_300, 1_200, 1_100]) && !low(&[], &[1_400, 1_300]));
        assert!(!low(&[], &[5, 5]), "nothing is sold");
        let kobo = [("FLOAT_ALARM_KOBO", "100")];
        assert!(low(&kobo, &[99, 99]) && !low(&kobo, &[100, 100]));
        let wrong = [("FLOAT_ALARM_HOURS".to_owned(), "soon".to_owned())].into_iter().collect();
        let error = FloatLimits::from_vars(&wrong).unwrap_err().to_string();
        assert!(error.contains("FLOAT_ALARM_HOURS"), "{error}");
    }

    #[test]
    fn a_limit_that_is_read_is_the_number_that_was_written() {
        fuzz(|choices| {
            let text = choices.text(&["12", "0", "-1", "18446744073709551616"]);
            let vars = [("FLOAT_ALARM_KOBO".to_owned(), text.clone())].into_iter().collect();
            let Ok(limits) = FloatLimits::from_vars(&vars) else { return };
            assert!(
                limits.kobo == 0 || text.trim_start_matches(['+', '0']) == limits.kobo.to_string(),
                "{text}"
            );
        });
    }
}
