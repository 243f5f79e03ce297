//! The money limits: how much a tenant may buy, so that a stolen key cannot empty the wallet.
//!
//! The limit on spending counts kobo of face value in two fixed windows, as every [`Limit`] does. Its days
//! begin at midnight in Lagos.
//! A deployment has limits; a tenant may have its own, which are kept with its keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::limit::{Limit, limit};
use super::money::Kobo;
use super::time::LAGOS;
use crate::platform::config::{ConfigError, Vars};

/// The defaults: a million naira in ten minutes, 20 million in a day, half a million in one order.
const SPENDING: Limit =
    Limit { zone: LAGOS, ..limit("spending", (100_000_000, 600), 2_000_000_000) };
const LARGEST_ORDER: u64 = 50_000_000;

/// What a limit on spending looks like.
const SPEND_LIMIT_FORM: &str = "must be like 100000000/600,2000000000/86400: kobo/seconds in a \
                                    short and in a long window that is a multiple of it";

/// A limit on spending, as text `kobo/seconds,kobo/seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SpendLimit(pub Limit);

impl FromStr for SpendLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        SPENDING.with_windows(text).map(Self).ok_or(SPEND_LIMIT_FORM)
    }
}

impl TryFrom<String> for SpendLimit {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SpendLimit> for String {
    fn from(limit: SpendLimit) -> Self {
        limit.to_string()
    }
}

impl fmt::Display for SpendLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The money limits that a tenant has of its own. What it does not have is the deployment's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnMoneyLimits {
    /// How much may be bought in two windows.
    pub spend_limit: Option<SpendLimit>,
    /// The largest order, in kobo.
    pub largest_order_kobo: Option<Kobo>,
}

/// The money limits that hold for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyLimits {
    /// How much may be bought in two windows.
    pub spending: Limit,
    /// The largest order.
    pub largest_order: Kobo,
}

impl MoneyLimits {
    /// The defaults, unless `SPEND_LIMIT` (as [`SpendLimit`]) or `LARGEST_ORDER_KOBO` hold others.
    ///
    /// # Errors
    /// [`ConfigError`] for anything else.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        let spending = match vars.optional("SPEND_LIMIT") {
            Some(text) => text.parse().map_err(|form| ConfigError::invalid("SPEND_LIMIT", form))?,
            None => SpendLimit(SPENDING),
        };
        let largest = match vars.optional("LARGEST_ORDER_KOBO") {
            Some(text) => text.parse().ok(),
            None => Some(LARGEST_ORDER),
        };
        let largest = largest.and_then(|kobo| Kobo::new(kobo).ok()).ok_or_else(|| {
            ConfigError::invalid("LARGEST_ORDER_KOBO", "must be a whole number of kobo")
        });
        Ok(Self { spending: spending.0, largest_order: largest? })
    }

    /// These, but where the tenant has its own.
    #[must_use]
    pub fn but_for(self, own: &OwnMoneyLimits) -> Self {
        Self {
            spending: own.spend_limit.map_or(self.spending, |own| own.0),
            largest_order: own.largest_order_kobo.unwrap_or(self.largest_order),
        }
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    fn limits(spend: &str, largest: &str) -> Result<MoneyLimits, ConfigError> {
        let vars = [("SPEND_LIMIT", spend), ("LARGEST_ORDER_KOBO", largest)];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        MoneyLimits::from_vars(&vars.into_iter().collect())
    }

    #[test]
    fn a_deployment_has_money_limits_even_where_nobody_set_them() {
        let default = limits("", "").unwrap();
        assert_eq!(default.spending.to_string(), "100000000/600,2000000000/86400");
        assert_eq!(default.largest_order.kobo(), 50_000_000);
        let set = limits("5000/60,20000/3600", "1000").unwrap();
        assert_eq!(set.spending.to_string(), "5000/60,20000/3600");
        assert_eq!(set.largest_order.kobo(), 1_000);
        assert!(limits("5000", "").unwrap_err().to_string().contains("SPEND_LIMIT"));
        assert!(limits("", "many").unwrap_err().to_string().contains("LARGEST_ORDER_KOBO"));
        assert!(limits("", "-1").unwrap_err().to_string().contains("LARGEST_ORDER_KOBO"));
    }

    #[test]
    fn a_tenants_own_limit_stands_in_place_of_the_deployments() {
        let default = limits("", "").unwrap();
        assert_eq!(default.but_for(&OwnMoneyLimits::default()), default);
        let spend_limit = Some("1/60,2/120".parse().unwrap());
        let own = OwnMoneyLimits { spend_limit, largest_order_kobo: Kobo::new(3).ok() };
        let limits = default.but_for(&own);
        assert_eq!(limits.spending.to_string(), "1/60,2/120");
        assert_eq!(limits.largest_order.kobo(), 3);
    }

    #[test]
    fn a_largest_order_that_is_read_is_an_amount_that_can_be_bought() {
        fuzz(|choices| {
            let text = choices.text(&["50000000", "0", "-1", "1000000000001", "1.5"]);
            let Ok(limits) = limits("", &text) else { return };
            assert!(limits.largest_order <= Kobo::MAX, "{text}");
        });
    }

    #[test]
    fn a_limit_on_spending_that_is_read_is_written_and_read_as_the_same_limit() {
        fuzz(|choices| {
            let words = ["100000000/600,2000000000/86400", "0/1,0/1", "1/0,1/0", "/", ","];
            let text = choices.text(&words);
            let Ok(limit) = text.parse::<SpendLimit>() else { return };
            assert_eq!(limit.to_string().parse(), Ok(limit), "{text}");
            assert_eq!(SpendLimit::try_from(String::from(limit)), Ok(limit), "{text}");
        });
    }
}
