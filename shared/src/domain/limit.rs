//! The limits: how often something may be asked.
//!
//! A limit counts in two fixed windows, a short one and a long one. Across a window's edge a burst
//! may reach twice the limit, never more.

use std::fmt;

use time::UtcOffset;

use crate::platform::config::{ConfigError, Vars};

/// A number of times, or an amount in kobo, in a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many times, or how many kobo.
    pub most: u64,
    /// The length, in seconds.
    pub seconds: u32,
}

/// A limit in two windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is counted: part of the key in the store.
    pub name: &'static str,
    /// The time by which the windows begin.
    pub zone: UtcOffset,
    /// The short window.
    pub short: Window,
    /// The long window: a whole number of short ones.
    pub long: Window,
}

/// The limits on sending OTPs.
#[derive(Debug, Clone, Copy)]
pub struct OtpLimits {
    /// For one number, whichever tenant asks: it protects the person at the phone.
    pub number: Limit,
    /// For one tenant.
    pub tenant: Limit,
    /// For one source address. Not below the tenant's, because tenants are servers.
    pub address: Limit,
}

/// The limits on what a tenant does, against faulty loops.
#[derive(Debug, Clone, Copy)]
pub struct TenantLimits {
    /// New purchases; a repeat under the same idempotency key does not count.
    pub purchases: Limit,
    /// Reads of accounts' data. One that waits for an answer counts once for each second.
    pub reads: Limit,
}

/// How often a tenant may call the routes that no other limit is about.
#[derive(Debug, Clone, Copy)]
pub struct CallLimit(pub Limit);

/// The limit of withdrawals at Mono that are believed, against a wrong key or address of Mono, to which
/// every account is unknown.
#[derive(Debug, Clone, Copy)]
pub struct WithdrawalLimit(pub Limit);

const MINUTE: u32 = 60;
const HOUR: u32 = 3_600;
const TEN_MINUTES: u32 = 600;
const DAY: u32 = 86_400;

/// The defaults.
const OTP_NUMBER: Limit = limit("otp-number", (3, TEN_MINUTES), 10);
const OTP_TENANT: Limit = limit("otp-caller", (300, TEN_MINUTES), 10_000);
const OTP_ADDRESS: Limit = limit("otp-address", (300, TEN_MINUTES), 10_000);
const PURCHASES: Limit = limit("purchases", (600, MINUTE), 200_000);
const READS: Limit = limit("reads", (1_200, MINUTE), 400_000);
const CALLS: Limit = limit("calls", (3_000, MINUTE), 1_000_000);
const WITHDRAWALS: Limit = limit("withdrawals", (10, HOUR), 50);

pub(super) const fn limit(name: &'static str, short: (u64, u32), in_a_day: u64) -> Limit {
    let (most, seconds) = short;
    let (short, long) = (Window { most, seconds }, Window { most: in_a_day, seconds: DAY });
    Limit { name, zone: UtcOffset::UTC, short, long }
}

impl OtpLimits {
    /// The defaults, unless `OTP_LIMIT_NUMBER`, `OTP_LIMIT_CALLER` or `OTP_LIMIT_ADDRESS` hold
    /// others: `3/600,10/86400` is three in ten minutes and ten a day.
    ///
    /// # Errors
    /// [`ConfigError`] for anything else.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            number: from_var(vars, "OTP_LIMIT_NUMBER", OTP_NUMBER)?,
            tenant: from_var(vars, "OTP_LIMIT_CALLER", OTP_TENANT)?,
            address: from_var(vars, "OTP_LIMIT_ADDRESS", OTP_ADDRESS)?,
        })
    }
}

impl TenantLimits {
    /// The defaults, unless `LIMIT_PURCHASES` or `LIMIT_READS` hold others.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but times and seconds, as for [`OtpLimits`].
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            purchases: from_var(vars, "LIMIT_PURCHASES", PURCHASES)?,
            reads: from_var(vars, "LIMIT_READS", READS)?,
        })
    }
}

impl CallLimit {
    /// The default, unless `LIMIT_CALLS` holds another.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but times and seconds, as for [`OtpLimits`].
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        from_var(vars, "LIMIT_CALLS", CALLS).map(Self)
    }
}

impl WithdrawalLimit {
    /// The default, unless `LIMIT_WITHDRAWALS` holds another.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but times and seconds, as for [`OtpLimits`].
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        from_var(vars, "LIMIT_WITHDRAWALS", WITHDRAWALS).map(Self)
    }
}

impl Limit {
    /// The same limit with other windows: `3/600,10/86400`. The long one is a multiple of the short
    /// one. `None` for anything else.
    pub fn with_windows(self, text: &str) -> Option<Self> {
        let (short, long) = text.split_once(',')?;
        let (short, long) = (parse(short)?, parse(long)?);
        long.seconds.is_multiple_of(short.seconds).then_some(Self { short, long, ..self })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { short, long, .. } = self;
        write!(f, "{}/{},{}/{}", short.most, short.seconds, long.most, long.seconds)
    }
}

fn from_var(vars: &Vars, variable: &str, default: Limit) -> Result<Limit, ConfigError> {
    let Some(text) = vars.optional(variable) else { return Ok(default) };
    default.with_windows(text).ok_or_else(|| {
        ConfigError::invalid(
            variable,
            "must be like 3/600,10/86400: times/seconds in a short and in a long window that is \
             a multiple of it",
        )
    })
}

fn parse(window: &str) -> Option<Window> {
    let (most, seconds) = window.trim().split_once('/')?;
    let window = Window { most: most.parse().ok()?, seconds: seconds.parse().ok()? };
    (window.seconds > 0).then_some(window)
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    fn number(text: &str) -> Result<Limit, ConfigError> {
        let vars = [("OTP_LIMIT_NUMBER".to_owned(), text.to_owned())].into_iter().collect();
        OtpLimits::from_vars(&vars).map(|limits| limits.number)
    }

    #[test]
    fn a_limit_is_configurable_and_an_invalid_one_stops_the_function() {
        assert_eq!(number(""), Ok(OTP_NUMBER));
        let other = number("5/60, 20/3600").unwrap();
        assert_eq!((other.short.most, other.short.seconds), (5, 60));
        assert_eq!((other.long.most, other.long.seconds), (20, 3600));
        for odd in ["3", "3/600", "3/600,10/86401", "3/0,10/0", "-1/600,10/86400", "a/b,c/d"] {
            let error = number(odd).unwrap_err().to_string();
            assert!(error.contains("OTP_LIMIT_NUMBER"), "{error}");
        }
    }

    #[test]
    fn the_limit_of_an_address_is_not_below_a_tenants() {
        let limits = OtpLimits::from_vars(&Vars::default()).unwrap();
        assert!(limits.address.short.most >= limits.tenant.short.most);
        assert!(limits.address.long.most >= limits.tenant.long.most);
    }

    #[test]
    fn a_limit_that_is_read_has_two_windows_of_which_one_holds_the_other() {
        fuzz(|choices| {
            let words = [
                "3/600,10/86400",
                "1/1,1/1",
                "0/1,0/2",
                "3/0,1/0",
                "3/600,",
                "18446744073709551616/1,1/1",
            ];
            let text = choices.text(&words);
            if let Ok(limit) = number(&text) {
                let (short, long) = (limit.short.seconds, limit.long.seconds);
                assert!(short > 0 && long > 0 && long.is_multiple_of(short), "{text}");
                assert_eq!(number(&limit.to_string()), Ok(limit), "{text}");
            }
        });
    }
}
