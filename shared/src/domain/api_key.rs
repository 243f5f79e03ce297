//! The API key of a tenant: how it is made, what is stored of it, and when it opens the API.

use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use time::{Duration, OffsetDateTime};

use super::access::{Networks, Scopes};
use super::ids::{KeyId, TenantId};
use super::money::Kobo;
use super::spending::{OwnMoneyLimits, SpendLimit};
use super::time::{epoch_seconds, iso};
use crate::platform::config::{ConfigError, Vars};
use crate::platform::crypto::{SecretString, hashed};
use crate::platform::environment::Random;

/// How many random bytes a key holds: 160 bits.
const RANDOM_BYTES: usize = 20;
/// The variable that tells a function which keys open it.
const DEPLOYMENT_KIND: &str = "DEPLOYMENT_KIND";

/// What a key is for. A deployment is of one kind, and keys of the other open nothing there: a key
/// from a test's configuration must never spend money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// Real customers and real money.
    Live,
    /// Trials.
    Test,
}

impl KeyKind {
    /// The kind of this deployment, by `DEPLOYMENT_KIND`.
    ///
    /// # Errors
    /// [`ConfigError`] unless it is `live` or `test`.
    pub fn of_deployment(vars: &Vars) -> Result<Self, ConfigError> {
        vars.required(DEPLOYMENT_KIND)?
            .parse()
            .map_err(|problem| ConfigError::invalid(DEPLOYMENT_KIND, problem))
    }

    /// The kind's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// A new key of this kind: `live_sk_` or `test_sk_`, and 160 random bits.
    pub fn generate(self, random: &Random) -> SecretString {
        let bits = hex::encode(random.bytes::<RANDOM_BYTES>());
        format!("{}_sk_{bits}", self.as_str()).into()
    }
}

impl FromStr for KeyKind {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err("must be live or test"),
        }
    }
}

/// An API key as it is stored: by its hash, with the tenant it speaks for.
///
/// Read strictly: an attribute that this version does not know may be the one that restricts the
/// key, so such an item opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// SHA-256 of the key: the partition key.
    pub key_hash: String,
    /// The first digits of the hash: the key's name for people, of no use to a caller.
    pub key_id: KeyId,
    /// The tenant.
    #[serde(deserialize_with = "tenant")]
    pub tenant: TenantId,
    /// The deployments that it opens.
    pub kind: KeyKind,
    /// What the operator calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How much the tenant may buy, where that differs from the deployment's limit. It is the same with
    /// each key of a tenant.
    #[serde(default, deserialize_with = "stated", skip_serializing_if = "Option::is_none")]
    pub spend_limit: Option<SpendLimit>,
    /// The tenant's largest order, in kobo, where that differs from the deployment's.
    #[serde(default, deserialize_with = "stated", skip_serializing_if = "Option::is_none")]
    pub largest_order_kobo: Option<Kobo>,
    /// What it may do; everything where there are none.
    #[serde(default, deserialize_with = "stated", skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// From where it may be used; from everywhere where there are none.
    #[serde(default, deserialize_with = "stated", skip_serializing_if = "Option::is_none")]
    pub networks: Option<Networks>,
    /// When the key was made.
    #[serde(with = "iso")]
    pub created_at: OffsetDateTime,
    /// When it was revoked: from then on it opens nothing.
    #[serde(default, with = "iso::option", skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<OffsetDateTime>,
    /// Why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_because: Option<String>,
    /// When it ends: from then on it opens nothing.
    #[serde(default, with = "epoch_seconds::option", skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<OffsetDateTime>,
}

/// How long before its end the tenant is told that a key ends.
pub const WARNED_BEFORE: Duration = Duration::days(30);

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It works and has no end.
    Active,
    /// It works until its end.
    Expiring,
    /// Its end has passed.
    Expired,
    /// Somebody revoked it.
    Revoked,
}

impl ApiKey {
    /// What is stored of `key`.
    pub fn new(
        key: &str,
        tenant: TenantId,
        kind: KeyKind,
        label: Option<String>,
        now: OffsetDateTime,
    ) -> Self {
        let key_hash = hashed(key);
        Self {
            key_id: KeyId::of_hash(&key_hash),
            key_hash,
            tenant,
            kind,
            label,
            spend_limit: None,
            largest_order_kobo: None,
            scopes: None,
            networks: None,
            created_at: now,
            revoked_at: None,
            revoked_because: None,
            valid_until: None,
        }
    }

    /// The money limits that its tenant has of its own.
    pub fn money_limits(&self) -> OwnMoneyLimits {
        let Self { spend_limit, largest_order_kobo, .. } = *self;
        OwnMoneyLimits { spend_limit, largest_order_kobo }
    }

    /// The same key with these money limits.
    #[must_use]
    pub fn with_money_limits(self, limits: OwnMoneyLimits) -> Self {
        let OwnMoneyLimits { spend_limit, largest_order_kobo } = limits;
        Self { spend_limit, largest_order_kobo, ..self }
    }

    /// Where it is in its life, by the clock: an item may outlive its key.
    pub fn state(&self, now: OffsetDateTime) -> KeyState {
        match (&self.revoked_at, self.valid_until) {
            (Some(_), _) => KeyState::Revoked,
            (None, Some(until)) if until <= now => KeyState::Expired,
            (None, Some(_)) => KeyState::Expiring,
            (None, None) => KeyState::Active,
        }
    }

    /// When its tenant is told that it ends; none where it has no end, or was revoked. A key that lives
    /// shorter than the time of warning is told of at once.
    pub fn warned_at(&self) -> Option<OffsetDateTime> {
        let until = self.valid_until.filter(|_| self.revoked_at.is_none())?;
        Some((until - WARNED_BEFORE).max(self.created_at))
    }

    /// Whether it opens deployments of its kind.
    pub fn usable(&self, now: OffsetDateTime) -> bool {
        match self.state(now) {
            KeyState::Active | KeyState::Expiring => true,
            KeyState::Expired | KeyState::Revoked => false,
        }
    }
}

fn tenant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TenantId, D::Error> {
    let id = String::deserialize(deserializer)?;
    TenantId::parse(&id).ok_or_else(|| D::Error::custom("no tenant has such an id"))
}

/// A restriction that is stated. A null is not taken for absence: it would lift the restriction.
fn stated<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::crypto::ExposeSecret;

    fn key() -> ApiKey {
        let tenant = TenantId::parse("acme").unwrap();
        ApiKey::new("k", tenant, KeyKind::Live, None, OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_new_key_names_its_kind_and_has_160_random_bits() {
        for (kind, prefix) in [(KeyKind::Live, "live_sk_"), (KeyKind::Test, "test_sk_")] {
            let (one, two) = (kind.generate(&Random::system()), kind.generate(&Random::system()));
            let bits = one.expose_secret().strip_prefix(prefix).unwrap();
            assert_eq!(bits.len() * 4, 160);
            assert!(bits.bytes().all(|b| b.is_ascii_alphanumeric()));
            assert_ne!(one.expose_secret(), two.expose_secret());
        }
    }

    #[test]
    fn a_deployment_is_live_or_test_and_nothing_else() {
        let of = |value: &str| {
            let vars = [(DEPLOYMENT_KIND.to_owned(), value.to_owned())];
            KeyKind::of_deployment(&vars.into_iter().collect())
        };
        assert_eq!(of("live"), Ok(KeyKind::Live));
        assert_eq!(of("test"), Ok(KeyKind::Test));
        for wrong in ["", "Live", "prod", "live,test"] {
            assert!(of(wrong).unwrap_err().to_string().contains(DEPLOYMENT_KIND), "{wrong}");
        }
    }

    #[test]
    fn a_key_works_until_its_end_or_its_revocation() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let mut key = key();
        assert_eq!((key.state(at(9)), key.usable(at(9))), (KeyState::Active, true));
        key.valid_until = Some(at(10));
        assert_eq!((key.state(at(9)), key.usable(at(9))), (KeyState::Expiring, true));
        assert_eq!((key.state(at(10)), key.usable(at(10))), (KeyState::Expired, false));
        key.revoked_at = Some(at(0));
        assert_eq!((key.state(at(9)), key.usable(at(9))), (KeyState::Revoked, false));
    }
}
