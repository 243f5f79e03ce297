//! The key by which a tenant finds its purchases for one number.

use serde::{Deserialize, Serialize};

use super::Recipient;
use crate::domain::ids::TenantId;
use crate::platform::crypto::KeyedHash;

/// How many hexadecimal digits of the hash are kept: 128 bits are enough, and the item stays small.
const DIGITS: usize = 32;

/// A keyed hash of a tenant and a number. It is personal data, because whoever has the secret can try
/// all numbers: it goes when the number is masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneKey(String);

impl PhoneKey {
    /// The key of a number among a tenant's purchases; none for a masked number.
    pub fn of(hash: &KeyedHash, tenant: &TenantId, recipient: &Recipient) -> Option<Self> {
        let number = match recipient {
            Recipient::Number(number) => number.local(),
            Recipient::TestNumber(number) => (*number).to_owned(),
            Recipient::Masked(_) => return None,
        };
        let mut key = hash.of(&format!("phone\n{tenant}\n{number}"));
        key.truncate(DIGITS);
        Some(Self(key))
    }

    /// The key as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::config::Vars;

    #[test]
    fn a_key_belongs_to_one_tenant_one_number_and_one_secret() {
        let key = |secret: &str, tenant: &str, number: &str| {
            let secret = ("LIMITS_HMAC_KEY".to_owned(), secret.repeat(32));
            let vars: Vars = [secret].into_iter().collect();
            let hash = KeyedHash::from_vars(&vars).unwrap();
            let recipient = serde_json::from_value(number.into()).unwrap();
            PhoneKey::of(&hash, &TenantId::parse(tenant).unwrap(), &recipient)
        };
        let first = key("a", "t", "08031234567").unwrap();
        assert_eq!(Some(&first), key("a", "t", "+234 803 123 4567").as_ref());
        assert_eq!(first.as_str().len(), DIGITS);
        for other in [
            key("b", "t", "08031234567"),
            key("a", "u", "08031234567"),
            key("a", "t", "08031234568"),
            key("a", "t", "201000000000"),
        ] {
            assert_ne!(Some(&first), other.as_ref());
            assert!(other.is_some());
        }
        assert_eq!(key("a", "t", "0803****567"), None);
    }
}
