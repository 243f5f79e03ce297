//! Disclosures: which answer showed whose data to whom.
//!
//! A record holds ids, times and keyed hashes. It outlives the data that was shown, so it holds no word
//! of a person or of a tenant.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::account::Account;
use super::date::Date;
use super::ids::{AccountId, KeyId, PurchaseId, TenantId};
use super::time::{epoch_ms, epoch_seconds, iso, to_iso};
use crate::platform::config::{ConfigError, Vars};
use crate::platform::crypto::KeyedHash;
use crate::platform::environment::Random;

/// The routes whose answers show data of a person, without `/v2`. Each such answer is recorded.
///
/// A test compares both lists with the template: each of its routes is in exactly one of them.
pub const DISCLOSING: [&str; 19] = [
    "GET /accounts/{id}",
    "GET /accounts/{id}/balances",
    "GET /accounts/{id}/transactions",
    "GET /accounts/{id}/identity",
    "GET /accounts/{id}/consent",
    "GET /accounts/{id}/export",
    "GET /accounts/{id}/mtn/plans",
    "GET /accounts/{id}/mtn/plans/{productCode}",
    "POST /accounts/{id}/mtn/premium",
    "GET /accounts/{id}/mtn/balance",
    "GET /accounts/{id}/mtn/recharges",
    "GET /accounts/{id}/mtn/recharges/summary",
    "GET /accounts/{id}/mtn/usage",
    "GET /accounts/{id}/mtn/usage/summary",
    "GET /requests/{request_id}",
    // The numbers of orders.
    "GET /purchases",
    "GET /purchases/{purchase_id}",
    "GET /events",
    "GET /events/{event_id}",
];

/// The routes whose answers are not recorded.
pub const NOT_DISCLOSING: [&str; 22] = [
    // Ids, and what the request itself held.
    "POST /telecom/auth",
    "POST /telecom/verify",
    "POST /account/auth",
    "POST /accounts/auth",
    "POST /accounts/{id}/unlink",
    "POST /purchases",
    // Nothing about a person.
    "POST /events/{event_id}/resend",
    "GET /providers",
    "GET /services/{serviceID}/variations",
    "GET /reports/{date}",
    "POST /webhook-endpoints",
    "GET /webhook-endpoints",
    "GET /webhook-endpoints/{endpoint_id}",
    "PATCH /webhook-endpoints/{endpoint_id}",
    "DELETE /webhook-endpoints/{endpoint_id}",
    "POST /webhook-endpoints/{endpoint_id}/rotate",
    "POST /webhook-endpoints/{endpoint_id}/test",
    "POST /webhook-endpoints/{endpoint_id}/recover",
    "GET /webhook-endpoints/{endpoint_id}/attempts",
    // Answers to providers.
    "POST /callbacks/mono",
    "POST /callbacks/mtn/{request_id}/{token}",
    "POST /callbacks/vtpass",
];

/// Whether a route's answers are recorded. Those of a route that is in no list are, too.
pub fn is_disclosing(route: &str) -> bool {
    !NOT_DISCLOSING.contains(&route)
}

/// Whose data an answer shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Nobody's.
    Nobody,
    /// That of some people.
    People(People),
}

/// The people whose data is shown: one behind an account, or those that purchases are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    account_id: Option<AccountId>,
    /// When the consent in force was given, and its purpose.
    consent: Option<(OffsetDateTime, Option<String>)>,
    purchases: Vec<PurchaseId>,
}

impl From<&Account> for Shown {
    fn from(account: &Account) -> Self {
        let consent = account.consent.as_ref();
        let consent = consent.map(|it| (it.given_at, it.terms.purpose.clone()));
        let account_id = Some(account.account_id.clone());
        Self::People(People { account_id, consent, purchases: Vec::new() })
    }
}

impl FromIterator<PurchaseId> for Shown {
    fn from_iter<I: IntoIterator<Item = PurchaseId>>(purchases: I) -> Self {
        let purchases: BTreeSet<PurchaseId> = purchases.into_iter().collect();
        let purchases: Vec<PurchaseId> = purchases.into_iter().collect();
        match purchases.is_empty() {
            true => Self::Nobody,
            false => Self::People(People { purchases, ..People::default() }),
        }
    }
}

/// Who asked, how and when.
#[derive(Debug)]
pub struct Asking<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// Its API key.
    pub key_id: &'a KeyId,
    /// The route, without `/v2`.
    pub route: &'a str,
    /// The address that the request came from.
    pub source_ip: &'a str,
    /// API Gateway's id of the request, which is in the log lines, too.
    pub request_id: &'a str,
    /// When it is answered.
    pub at: OffsetDateTime,
}

/// The record of one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disclosure {
    /// Partition key: the tenant and the day in Lagos, see [`partition`].
    pub tenant_day: String,
    /// Sort key: the time, then a random id.
    pub listed: String,
    /// Who asked.
    pub tenant: TenantId,
    /// With which key.
    pub key_id: KeyId,
    /// The account whose data was shown; none where purchases were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// The purchases that were shown, each with its number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purchases: Vec<PurchaseId>,
    /// Which route, without `/v2`.
    pub route: String,
    /// When.
    #[serde(rename = "at_ms", with = "epoch_ms")]
    pub at: OffsetDateTime,
    /// The consent that was in force then; none where it had been withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentMark>,
    /// Keyed hash of the source address.
    pub address_hash: String,
    /// API Gateway's id of the request.
    pub request_id: String,
    /// When it ends. DynamoDB's TTL deletes the item some hours later.
    #[serde(with = "epoch_seconds")]
    pub expires_at: OffsetDateTime,
}

/// Which consent was in force. The account's history has an event of the same time, with its terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentMark {
    /// When it was given.
    #[serde(with = "iso")]
    pub given_at: OffsetDateTime,
    /// Keyed hash of its purpose, if it stated one. The purpose itself is free text, in which a tenant may
    /// have written a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose_hash: Option<String>,
}

impl Disclosure {
    /// The record of an answer that shows these people's data.
    pub fn new(
        people: &People,
        asking: &Asking<'_>,
        hash: &KeyedHash,
        kept: DisclosureRetention,
        random: &Random,
    ) -> Self {
        let &Asking { tenant, key_id, route, source_ip, request_id, at } = asking;
        let consent = people.consent.as_ref().map(|(given_at, purpose)| ConsentMark {
            given_at: *given_at,
            purpose_hash: purpose.as_deref().map(|purpose| hash.of(purpose)),
        });
        Self {
            tenant_day: partition(tenant, Date::of(at)),
            listed: format!("{}#{}", to_iso(at), hex::encode(random.bytes::<8>())),
            tenant: tenant.clone(),
            key_id: key_id.clone(),
            account_id: people.account_id.clone(),
            purchases: people.purchases.clone(),
            route: route.to_owned(),
            at,
            consent,
            address_hash: hash.of(source_ip),
            request_id: request_id.to_owned(),
            expires_at: at + kept.0,
        }
    }

    /// Whether it has not ended yet. DynamoDB deletes ended items late.
    pub fn is_alive(&self, now: OffsetDateTime) -> bool {
        self.expires_at > now
    }
}

/// The partition that holds a tenant's disclosures of a day in Lagos. No tenant's id holds the separator.
pub fn partition(tenant: &TenantId, day: Date) -> String {
    format!("{tenant}#{day}")
}

/// How long a disclosure is kept, counted from the answer.
#[derive(Debug, Clone, Copy)]
pub struct DisclosureRetention(Duration);

impl DisclosureRetention {
    /// For how long.
    pub fn time(self) -> Duration {
        self.0
    }

    /// Six years, unless `DISCLOSURE_RETENTION_DAYS` says otherwise: within that time a person may go to
    /// court over what was shown.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but whole days from 90 to 3653, which is ten years.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "DISCLOSURE_RETENTION_DAYS";
        let days = vars.optional(NAME).unwrap_or("2192").parse().ok();
        let days = days.filter(|days| (90..=3_653).contains(days));
        let days = days.ok_or(ConfigError::invalid(NAME, "must be whole days, from 90 to 3653"))?;
        Ok(Self(Duration::days(days)))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::domain::account::{AccountState, Consent};
    use crate::domain::consent::ConsentTerms;
    use crate::domain::network::Network;

    const NOW: OffsetDateTime = datetime!(2026-11-29 23:30 UTC);

    fn vars(days: &str) -> Vars {
        let key = "k".repeat(32);
        let pairs = [("DISCLOSURE_RETENTION_DAYS", days), ("LIMITS_HMAC_KEY", &key)];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect()
    }

    fn account(consent: Option<Consent>) -> Account {
        Account {
            account_id: AccountId::parse("acc1").unwrap(),
            tenant: TenantId::parse("shop-1").unwrap(),
            state: AccountState::Linked,
            network: Network::Mtn,
            msisdn: None,
            consent,
            unlink_again_at: None,
            history: Vec::new(),
        }
    }

    fn recorded(account: &Account) -> Disclosure {
        let Shown::People(shown) = Shown::from(account) else { panic!("it shows an account") };
        let (tenant, key_id) = (&account.tenant, &KeyId::new("0123456789ab"));
        let route = "GET /accounts/{id}/identity";
        let asking =
            Asking { tenant, key_id, route, source_ip: "192.0.2.1", request_id: "r", at: NOW };
        let (hash, kept) =
            (KeyedHash::from_vars(&vars("")), DisclosureRetention::from_vars(&vars("")));
        Disclosure::new(&shown, &asking, &hash.unwrap(), kept.unwrap(), &Random::system())
    }

    #[test]
    fn a_record_is_kept_for_90_days_to_ten_years() {
        for (days, kept) in [("", 2_192), ("90", 90), ("3653", 3_653)] {
            let retention = DisclosureRetention::from_vars(&vars(days)).unwrap();
            assert_eq!(retention.0, Duration::days(kept), "{days}");
        }
        for days in ["89", "0", "-1", "3654", "x", "90.5"] {
            let error = DisclosureRetention::from_vars(&vars(days)).unwrap_err().to_string();
            assert!(error.contains("DISCLOSURE_RETENTION_DAYS"), "{error}");
        }
        let record = recorded(&account(None));
        assert!(record.is_alive(NOW + Duration::days(2_192) - Duration::SECOND));
        assert!(!record.is_alive(NOW + Duration::days(2_192)));
    }

    #[test]
    fn a_record_holds_no_word_of_the_tenant_and_no_address() {
        let purpose = Some("a loan for Ngozi Okafor".to_owned());
        let scope = Some("Ngozi".to_owned());
        let terms = ConsentTerms { purpose, scope, ..ConsentTerms::default() };
        let (source_ip, session) = ("198.51.100.7".to_owned(), "s".to_owned());
        let consent = Consent { terms, given_at: NOW - Duration::DAY, source_ip, session };
        let record = recorded(&account(Some(consent)));
        let text = serde_json::to_string(&record).unwrap();
        for word in ["Ngozi", "loan", "192.0.2.1", "198.51.100.7"] {
            assert!(!text.contains(word), "{text}");
        }
        let consent = record.consent.expect("a consent was in force");
        assert_eq!(consent.given_at, NOW - Duration::DAY);
        assert_eq!(consent.purpose_hash.map(|hash| hash.len()), Some(64));
        assert_eq!(record.address_hash.len(), 64);
    }

    #[test]
    fn a_record_stands_in_the_day_of_lagos_and_no_other_takes_its_place() {
        let (first, second) = (recorded(&account(None)), recorded(&account(None)));
        assert_eq!(first.tenant_day, "shop-1#2026-11-30", "it is half past midnight in Lagos");
        assert!(first.listed.starts_with("2026-11-29T23:30:00.000Z#"), "{}", first.listed);
        assert_ne!(first.listed, second.listed);
    }

    #[test]
    fn a_page_without_purchases_shows_nobody() {
        assert_eq!(Shown::from_iter([]), Shown::Nobody);
        let Shown::People(people) = Shown::from_iter([PurchaseId::default()]) else { panic!() };
        assert_eq!((people.account_id, people.purchases.len()), (None, 1));
    }

    #[test]
    fn a_route_of_no_list_counts_as_disclosing() {
        assert!(DISCLOSING.iter().all(|route| is_disclosing(route)));
        assert!(!is_disclosing("GET /providers") && is_disclosing("GET /a/new/route"));
    }
}
