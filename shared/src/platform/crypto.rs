//! Cryptography: secrets are compared in constant time, stored as hashes and never printed.

use hmac::{Hmac, KeyInit, Mac};
pub use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::platform::config::{ConfigError, Vars};

/// A keyed hash for values that could be guessed from a plain hash: phone numbers, addresses, voucher
/// codes.
#[derive(Debug, Clone)]
pub struct KeyedHash(SecretString);

/// The shortest key, in characters.
const MIN_KEY: usize = 32;

impl KeyedHash {
    /// Under the deployment's `LIMITS_HMAC_KEY`.
    ///
    /// # Errors
    /// [`ConfigError`] when it is missing or short.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        let key = vars.required("LIMITS_HMAC_KEY")?;
        if key.len() < MIN_KEY {
            return Err(ConfigError::invalid("LIMITS_HMAC_KEY", "must have 32 characters or more"));
        }
        Ok(Self(SecretString::from(key)))
    }

    /// The HMAC-SHA256 of `text`, as 64 lower-case hexadecimal digits.
    pub fn of(&self, text: &str) -> String {
        keyed_hash(self.0.expose_secret(), text)
    }
}

/// The HMAC-SHA256 of `text` under `key`, as 64 lower-case hexadecimal digits.
///
/// # Panics
/// Never: an HMAC takes a key of any length.
pub fn keyed_hash(key: &str, text: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes());
    let mut mac = mac.expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The SHA-256 of a secret, as 64 lower-case hexadecimal digits: the only form in which session
/// ids, codes, API keys and callback tokens are stored.
///
/// Without salt, because each of these has enough entropy, and the hash is the key of the item.
pub fn hashed(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Whether two secrets are equal, in a time that depends on their lengths only.
pub fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256_in_hexadecimal() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hashed("abc"), abc);
    }

    #[test]
    fn only_equal_secrets_are_equal() {
        assert!(same("token", "token"));
        assert!(!same("token", "tokem"));
        assert!(!same("token", "token2"));
        assert!(!same("", "t"));
    }
}
