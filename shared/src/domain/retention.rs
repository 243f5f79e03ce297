//! How long a settled purchase keeps its number.

use std::time::Duration;

use time::OffsetDateTime;

use crate::platform::config::{ConfigError, Vars};

/// How long a settled purchase keeps its number.
#[derive(Debug, Clone, Copy)]
pub struct NumberRetention(Duration);

impl NumberRetention {
    /// The shortest retention, in days: a dispute may take that long to come up.
    pub const LEAST_DAYS: u16 = 30;

    /// 180 days, unless `NUMBER_RETENTION_DAYS` says otherwise.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but whole days from 30 to 3650.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "NUMBER_RETENTION_DAYS";
        let days = vars.optional(NAME).unwrap_or("180").parse().ok();
        let days: Option<u16> = days.filter(|days| (Self::LEAST_DAYS..=3_650).contains(days));
        let problem = "must be whole days, from 30 to 3650";
        let days = days.ok_or(ConfigError::invalid(NAME, problem))?;
        Ok(Self(Duration::from_secs(u64::from(days) * 86_400)))
    }

    /// Purchases made before this time no longer need their numbers.
    pub fn before(self, now: OffsetDateTime) -> OffsetDateTime {
        now - self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_for_at_least_30_days() {
        let retention = |days: &str| {
            let vars = [("NUMBER_RETENTION_DAYS".to_owned(), days.to_owned())];
            NumberRetention::from_vars(&vars.into_iter().collect())
        };
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(10_000);
        for (days, kept) in [("", 180), ("30", 30), ("3650", 3_650)] {
            let before = retention(days).unwrap().before(now);
            assert_eq!(now - before, time::Duration::days(kept), "{days}");
        }
        for days in ["29", "0", "-1", "3651", "x", "30.5"] {
            let error = retention(days).unwrap_err().to_string();
            assert!(error.contains("NUMBER_RETENTION_DAYS"), "{error}");
        }
    }
}
