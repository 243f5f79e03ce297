//! The ids of the gateway, a type for each.
//!
//! Ids read from our own store are taken as they are; ids from outside are parsed first.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::platform::environment::Random;

/// Defines an id that is stored and written as its text. `$is_valid` checks a text from outside.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $is_valid:ident) => {
        id! {
            $(#[$doc])*
            $name
        }

        impl $name {
            /// Reads an id from outside; `None` for a text of another form.
            pub fn parse(text: &str) -> Option<Self> {
                $is_valid(text).then(|| Self(text.to_owned()))
            }
        }
    };
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&$name> for String {
            fn from(id: &$name) -> Self {
                id.0.clone()
            }
        }
    };
}

id! {
    /// The tenant: the business behind an API key. 1 to 64 of letters, digits, `_` and `-`.
    TenantId, is_word
}
id! {
    /// A purchase: 32 lower-case hexadecimal digits.
    PurchaseId, is_hex_32
}
id! {
    /// The id by which a provider knows a purchase. VTpass calls it `request_id`, MTN
    /// `transactionId`.
    ProviderReference
}
id! {
    /// The requery chain of a purchase: 32 hexadecimal digits, random.
    ChainId
}
id! {
    /// A deferred request to MTN: 32 lower-case hexadecimal digits, random.
    DeferredRequestId, is_hex_32
}
id! {
    /// An event: 32 lower-case hexadecimal digits.
    EventId, is_hex_32
}
id! {
    /// A webhook endpoint of a tenant: 32 lower-case hexadecimal digits, random.
    EndpointId, is_hex_32
}
id! {
    /// A consented line at Mono, in Mono's own form: 1 to 64 of letters, digits, `_` and `-`.
    /// It becomes a part of paths, so nothing else is taken.
    AccountId, is_word
}
id! {
    /// The public name of an API key: the first 12 digits of its hash.
    KeyId
}

impl TenantId {
    /// How the operator is named where an owner is stored or given. No tenant can have this id.
    pub const OPERATOR: &str = "@operator";

    /// The operator of this deployment, as the owner of events and webhook endpoints.
    pub fn operator() -> Self {
        Self(Self::OPERATOR.to_owned())
    }

    /// Whether this is the operator, and no tenant.
    pub fn is_operator(&self) -> bool {
        self.0 == Self::OPERATOR
    }
}

impl PurchaseId {
    /// The id with these 128 bits.
    pub(super) fn from_bytes(bytes: &[u8; 16]) -> Self {
        Self(hex::encode(bytes))
    }
}

impl EventId {
    /// The id with these 128 bits.
    pub(super) fn from_bytes(bytes: &[u8; 16]) -> Self {
        Self(hex::encode(bytes))
    }
}

impl EndpointId {
    /// A new id.
    pub fn random(random: &Random) -> Self {
        Self(random.id())
    }
}

impl DeferredRequestId {
    /// A new id.
    pub fn random(random: &Random) -> Self {
        Self(random.id())
    }
}

impl ChainId {
    /// A new id.
    pub fn random(random: &Random) -> Self {
        Self(random.id())
    }
}

impl KeyId {
    /// How many digits of the hash make the id.
    const DIGITS: usize = 12;

    /// The id of the key with this hash.
    pub fn of_hash(key_hash: &str) -> Self {
        Self(key_hash.get(..Self::DIGITS).unwrap_or(key_hash).to_owned())
    }

    /// An id as the authorizer or an operator gave it.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl ProviderReference {
    /// A reference as a provider or an operator gave it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn is_hex_32(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    #[test]
    fn ids_from_outside_are_checked() {
        for text in ["", "a b", "a/b", "a?b", "../x", "é", &"a".repeat(65)] {
            assert_eq!(TenantId::parse(text), None, "{text}");
            assert_eq!(AccountId::parse(text), None, "{text}");
        }
        let hex = "0123456789abcdef0123456789abcdef";
        assert!(PurchaseId::parse(hex).is_some() && DeferredRequestId::parse(hex).is_some());
        for text in ["", &hex[1..], &hex.to_uppercase(), &format!("{}g", &hex[1..])] {
            assert_eq!(PurchaseId::parse(text), None, "{text}");
            assert_eq!(DeferredRequestId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_tenant_can_have_the_id_of_the_operator() {
        assert!(TenantId::operator().is_operator());
        assert_eq!(TenantId::parse(TenantId::OPERATOR), None);
        assert!(!TenantId::parse("operator").unwrap().is_operator());
    }

    #[test]
    fn an_id_of_any_text_is_refused_or_stays_that_text_and_is_safe_in_a_path() {
        fuzz(|choices| {
            let words = ["a1", "0123456789abcdef0123456789abcdef", "..", "a/b", "a#b", "a%2fb"];
            let text = choices.text(&words);
            let safe = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            let is_word = safe && (1..=64).contains(&text.len());
            let kept = TenantId::parse(&text).map(|id| id.to_string());
            assert_eq!(kept, is_word.then(|| text.clone()));
            let kept = AccountId::parse(&text).map(|id| id.to_string());
            assert_eq!(kept, is_word.then(|| text.clone()));
            let kept = PurchaseId::parse(&text).map(|id| id.to_string());
            let is_hex =
                text.len() == 32 && hex::decode(&text).is_ok_and(|it| hex::encode(it) == text);
            assert_eq!(kept, is_hex.then(|| text.clone()));
            assert_eq!(DeferredRequestId::parse(&text).is_some(), is_hex);
            assert_eq!(EventId::parse(&text).is_some(), is_hex);
            assert_eq!(EndpointId::parse(&text).is_some(), is_hex);
            assert!(KeyId::of_hash(&text).as_str().len() <= text.len());
        });
    }
}
