//! A consent: what the customer agreed to, which data that opens, and until when.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use strum::{EnumIter, EnumString, IntoEnumIterator, IntoStaticStr};
use time::OffsetDateTime;

use super::time::iso;
use crate::platform::crypto::keyed_hash;

/// What the customer agreed to, in the tenant's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentTerms {
    /// What the data is for. Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Which data. Free text, or the names of scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The version of the policy the customer saw. Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<String>,
    /// The customer's own address, as the tenant saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_ip: Option<IpAddr>,
    /// When the consent ends; absent where it has no end.
    #[serde(default, with = "iso::option", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<OffsetDateTime>,
    /// The names of the scopes that it opens; absent where it opens everything. Only terms that were
    /// recorded with them are limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<Vec<String>>,
    /// Proof of the free texts that stays when they are erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashes: Option<TermHashes>,
}

/// The HMAC-SHA256 of each free text, as 64 hexadecimal digits. The key is the id of the OTP session,
/// which is not stored: the text cannot be found by trying. Whoever has the id and the text can prove it.
/// Where an older version recorded the text, the key is the id's SHA-256.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermHashes {
    /// Of `purpose`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Of `scope`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Of `policy_version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<String>,
}

impl ConsentTerms {
    /// Whether it holds free text.
    pub fn has_text(&self) -> bool {
        [&self.purpose, &self.scope, &self.policy_version].into_iter().any(Option::is_some)
    }

    /// Whether the consent is past its end.
    pub fn has_ended(&self, now: OffsetDateTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it opens the data of `scope`.
    pub fn covers(&self, scope: Scope) -> bool {
        self.opens.as_ref().is_none_or(|names| names.iter().any(|name| name == scope.name()))
    }

    /// With the hashes of its texts under `key`, unless it has hashes.
    #[must_use]
    pub fn hashed(mut self, key: &str) -> Self {
        if self.has_text() && self.hashes.is_none() {
            let hash = |text: &Option<String>| text.as_ref().map(|text| keyed_hash(key, text));
            self.hashes = Some(TermHashes {
                purpose: hash(&self.purpose),
                scope: hash(&self.scope),
                policy_version: hash(&self.policy_version),
            });
        }
        self
    }

    /// What stays once the consent is over: no free text and no address. Texts without hashes are
    /// hashed under `key`.
    #[must_use]
    pub fn erased(self, key: &str) -> Self {
        let Self { expires_at, opens, hashes, .. } = self.hashed(key);
        Self { expires_at, opens, hashes, ..Self::default() }
    }
}

/// A part of an account's data that a consent may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
pub enum Scope {
    /// Mono's account.
    #[strum(serialize = "account")]
    Account,
    /// Mono's balances.
    #[strum(to_string = "balance", serialize = "balances")]
    Balance,
    /// Mono's transactions.
    #[strum(to_string = "transactions", serialize = "transaction")]
    Transactions,
    /// Mono's identity.
    #[strum(serialize = "identity")]
    Identity,
    /// MTN's plans and premium for the line.
    #[strum(serialize = "mtn.plans")]
    MtnPlans,
    /// MTN's balance of the line.
    #[strum(serialize = "mtn.balance")]
    MtnBalance,
    /// MTN's recharges of the line.
    #[strum(serialize = "mtn.recharges")]
    MtnRecharges,
    /// MTN's usage of the line.
    #[strum(serialize = "mtn.usage")]
    MtnUsage,
}

/// The word for all of MTN's scopes.
const ALL_OF_MTN: &str = "mtn";

impl Scope {
    /// The name in answers and in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The names of the scopes in a text of words, separated by commas or spaces; none if one of them is
    /// not the name of a scope, or there is none.
    pub fn names_in(text: &str) -> Option<Vec<String>> {
        let text = text.to_ascii_lowercase();
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        let mut scopes = Vec::new();
        for word in words {
            match word.parse() {
                Ok(scope) => scopes.push(scope),
                Err(_) if word == ALL_OF_MTN => {
                    scopes.extend(Self::iter().filter(|it| it.is_mtn()))
                }
                Err(_) => return None,
            }
        }
        let named = Self::iter().filter(|scope| scopes.contains(scope));
        let names: Vec<String> = named.map(|scope| scope.name().to_owned()).collect();
        (!names.is_empty()).then_some(names)
    }

    /// The words that a text may hold, for a message.
    pub fn words() -> String {
        let names: Vec<&str> = Self::iter().map(Self::name).collect();
        format!("{}, {ALL_OF_MTN}", names.join(", "))
    }

    fn is_mtn(self) -> bool {
        self.name().starts_with("mtn.")
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn only_a_text_of_known_words_names_scopes() {
        let names = |text: &str| Scope::names_in(text).map(|names| names.join(" "));
        assert_eq!(names("balances, transactions").as_deref(), Some("balance transactions"));
        assert_eq!(names("Identity ACCOUNT identity").as_deref(), Some("account identity"));
        let all = "mtn.plans mtn.balance mtn.recharges mtn.usage";
        assert_eq!(names("mtn").as_deref(), Some(all));
        for text in ["", " , ", "balance of the line", "mtn.all", "account;identity"] {
            assert_eq!(names(text), None, "{text}");
        }
    }

    #[test]
    fn terms_open_what_they_name_or_everything() {
        let terms = ConsentTerms { opens: Scope::names_in("mtn.usage"), ..Default::default() };
        let open: Vec<Scope> = Scope::iter().filter(|scope| terms.covers(*scope)).collect();
        assert_eq!(open, [Scope::MtnUsage]);
        assert!(Scope::iter().all(|scope| ConsentTerms::default().covers(scope)));
        let unknown = ConsentTerms { opens: Some(vec!["of_later".to_owned()]), ..terms };
        assert!(!Scope::iter().any(|scope| unknown.covers(scope)));
    }

    #[test]
    fn what_stays_proves_a_text_and_does_not_hold_it() {
        let terms = ConsentTerms {
            purpose: Some("for 08031234567".to_owned()),
            customer_ip: "197.210.1.2".parse().ok(),
            expires_at: Some(datetime!(2027-01-01 0:00 UTC)),
            ..Default::default()
        };
        let stays = terms.hashed("session").erased("another key");
        let text = serde_json::to_string(&stays).unwrap();
        assert!(!text.contains("0803") && !text.contains("197.210"), "{text}");
        assert!(text.contains("2027-01-01"), "{text}");
        let hashes = stays.hashes.unwrap();
        assert_eq!(hashes.purpose.unwrap(), keyed_hash("session", "for 08031234567"));
        assert_eq!(hashes.scope, None);
    }
}
