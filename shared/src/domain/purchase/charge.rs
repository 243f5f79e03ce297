//! What an order cost, by the provider's own books.

use super::Purchase;
use crate::domain::money::Kobo;

/// What a provider says of an order in its own books. What no answer said is not known, and never zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Charge {
    /// The provider's own id of the transaction.
    pub transaction_id: Option<String>,
    /// What it took from our wallet, in kobo.
    pub cost: Option<Kobo>,
    /// Our commission, in kobo: it is taken off already.
    pub commission: Option<Kobo>,
}

impl Charge {
    /// What of it a purchase does not say yet, or says otherwise: the newest answer counts.
    #[must_use]
    pub fn news_for(&self, purchase: &Purchase) -> Self {
        let Self { transaction_id, cost, commission } = self.clone();
        Self {
            transaction_id: transaction_id
                .filter(|_| self.transaction_id != purchase.transaction_id),
            cost: cost.filter(|_| self.cost != purchase.cost),
            commission: commission.filter(|_| self.commission != purchase.commission),
        }
    }

    /// This, where it says something, and the other one elsewhere.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            transaction_id: self.transaction_id.or(other.transaction_id),
            cost: self.cost.or(other.cost),
            commission: self.commission.or(other.commission),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::{State, samples};
    use super::*;

    fn charge(id: Option<&str>, cost: Option<u64>, commission: Option<u64>) -> Charge {
        let kobo = |kobo: u64| Kobo::new(kobo).unwrap();
        let transaction_id = id.map(str::to_owned);
        Charge { transaction_id, cost: cost.map(kobo), commission: commission.map(kobo) }
    }

    #[test]
    fn only_what_is_new_is_news_and_what_is_not_said_changes_nothing() {
        let mut purchase = samples::purchase(State::Pending, datetime!(2026-11-22 10:00 UTC));
        let all = charge(Some("1"), Some(9_600), Some(400));
        assert_eq!(all.news_for(&purchase), all);
        purchase.transaction_id = Some("1".to_owned());
        purchase.cost = all.cost;
        assert_eq!(all.news_for(&purchase), charge(None, None, Some(400)));
        assert_eq!(charge(None, Some(0), None).news_for(&purchase), charge(None, Some(0), None));
        assert_eq!(Charge::default().news_for(&purchase), Charge::default());
    }

    #[test]
    fn the_later_word_counts_where_it_says_something() {
        let (first, later) = (charge(Some("1"), Some(1), None), charge(None, Some(2), Some(3)));
        assert_eq!(later.or(first), charge(Some("1"), Some(2), Some(3)));
    }
}
