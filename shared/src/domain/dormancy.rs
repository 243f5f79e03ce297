//! When a consent ends because nobody reads the data.

use time::{Duration, OffsetDateTime};

use super::account::{Account, AccountState};
use crate::platform::config::{ConfigError, Vars};

/// A tenant that reads once a month is not dormant.
const LEAST_DAYS: i64 = 30;
/// Disclosures are kept for ten years at most.
const MOST_DAYS: i64 = 3_653;

/// How long an account may stay linked while nobody reads its data; for ever where it holds nothing.
#[derive(Debug, Clone, Copy)]
pub struct Dormancy(Option<Duration>);

impl Dormancy {
    /// For ever, unless `DORMANT_DAYS` says otherwise. Reads are known by the disclosures, so they must be
    /// kept at least as long: `DISCLOSURE_RETENTION_DAYS`.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but `0`, which is for ever, or whole days from 30 to 3653.
    pub fn from_vars(vars: &Vars, kept: Duration) -> Result<Self, ConfigError> {
        const NAME: &str = "DORMANT_DAYS";
        let days: Option<i64> = vars.optional(NAME).unwrap_or("0").parse().ok();
        let days = days.filter(|days| *days == 0 || (LEAST_DAYS..=MOST_DAYS).contains(days));
        let problem = "must be 0 or whole days, from 30 to 3653";
        let days = days.ok_or(ConfigError::invalid(NAME, problem))?;
        let limit = (days > 0).then_some(Duration::days(days));
        match limit.is_some_and(|limit| limit > kept) {
            true => Err(ConfigError::invalid(NAME, "is more than DISCLOSURE_RETENTION_DAYS")),
            false => Ok(Self(limit)),
        }
    }

    /// Since when somebody must have read the data of an account, for it to stay linked at `now`; none
    /// where that does not matter yet or at all.
    pub fn read_since(self, account: &Account, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let since = now - self.0?;
        let consent = account.consent.as_ref().filter(|consent| consent.given_at <= since)?;
        let is_linked = account.state == AccountState::Linked;
        (is_linked && !consent.terms.has_ended(now)).then_some(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dormancy(days: &str) -> Result<Dormancy, ConfigError> {
        let vars = [("DORMANT_DAYS".to_owned(), days.to_owned())].into_iter().collect();
        Dormancy::from_vars(&vars, Duration::days(400))
    }

    #[test]
    fn the_limit_is_off_or_not_longer_than_reads_are_known() {
        for (days, limit) in [("", None), ("0", None), ("30", Some(30)), ("400", Some(400))] {
            let limit = limit.map(Duration::days);
            assert_eq!(dormancy(days).unwrap().0, limit, "{days}");
        }
        for days in ["29", "-1", "401", "3654", "x", "30.5"] {
            let error = dormancy(days).unwrap_err().to_string();
            assert!(error.contains("DORMANT_DAYS"), "{error}");
        }
    }
}
