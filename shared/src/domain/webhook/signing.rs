//! Signatures of Standard Webhooks: over the id, the time of the attempt and the body.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use strum::{EnumString, IntoStaticStr};
use time::OffsetDateTime;

use crate::domain::ids::EventId;
use crate::domain::time::epoch_ms;
use crate::platform::environment::Random;

/// How deliveries to an endpoint are signed.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Scheme {
    /// HMAC-SHA256 under a secret that both sides know.
    #[default]
    V1,
    /// Ed25519: the receiver knows the public key only.
    V1a,
}

/// A signing key of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKey {
    secret: Secret,
    /// When it ends; it has no end while it is the newest one.
    #[serde(rename = "until_ms", default, skip_serializing_if = "Option::is_none")]
    #[serde(with = "epoch_ms::option")]
    pub until: Option<OffsetDateTime>,
}

/// 32 bytes in base64. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a stored key cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing key is not 32 bytes in base64")]
pub struct BadKey;

impl SigningKey {
    /// A new key.
    pub fn random(random: &Random) -> Self {
        Self { secret: Secret(STANDARD.encode(random.bytes::<32>())), until: None }
    }

    /// A key from the text that [`shown`](Self::shown) gives for a secret: `whsec_…`.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn read(text: &str) -> Result<Self, BadKey> {
        let secret = text.strip_prefix("whsec_").ok_or(BadKey)?;
        let key = Self { secret: Secret(secret.to_owned()), until: None };
        key.bytes().map(|_| key)
    }

    /// Whether it signs at `now`.
    pub fn is_alive(&self, now: OffsetDateTime) -> bool {
        self.until.is_none_or(|until| until > now)
    }

    /// What the receiver needs in order to verify: the secret (`whsec_…`) or the public key
    /// (`whpk_…`).
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn shown(&self, scheme: Scheme) -> Result<String, BadKey> {
        let seed = self.bytes()?;
        Ok(match scheme {
            Scheme::V1 => format!("whsec_{}", STANDARD.encode(seed)),
            Scheme::V1a => format!("whpk_{}", STANDARD.encode(pair(&seed)?.public_key())),
        })
    }

    /// The signature of one attempt, such as `v1,…`.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn sign(
        &self,
        scheme: Scheme,
        id: &EventId,
        at: OffsetDateTime,
        body: &str,
    ) -> Result<String, BadKey> {
        let (seed, text) = (self.bytes()?, format!("{id}.{}.{body}", at.unix_timestamp()));
        Ok(match scheme {
            Scheme::V1 => {
                let mac = Hmac::<Sha256>::new_from_slice(&seed).map_err(|_| BadKey)?;
                let code = mac.chain_update(text.as_bytes()).finalize().into_bytes();
                format!("v1,{}", STANDARD.encode(code))
            }
            Scheme::V1a => {
                format!("v1a,{}", STANDARD.encode(pair(&seed)?.sign(text.as_bytes())))
            }
        })
    }

    /// The key, which is never empty: an empty secret would sign for everybody.
    fn bytes(&self) -> Result<[u8; 32], BadKey> {
        let bytes = STANDARD.decode(&self.secret.0).map_err(|_| BadKey)?;
        bytes.try_into().map_err(|_| BadKey)
    }
}

fn pair(seed: &[u8; 32]) -> Result<Ed25519KeyPair, BadKey> {
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| BadKey)
}

#[cfg(test)]
mod tests {
    use ring::signature::{ED25519, UnparsedPublicKey};
    use time::macros::datetime;

    use super::*;

    const AT: OffsetDateTime = datetime!(2021-02-25 13:30:00 UTC);

    fn key(secret: &str) -> SigningKey {
        SigningKey { secret: Secret(secret.to_owned()), until: None }
    }

    /// RFC 8032, section 7.1, test 1.
    const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn a_v1_signature_is_the_hmac_of_id_time_and_body() {
        let key = key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let id = EventId::parse("0123456789abcdef0123456789abcdef").unwrap();
        let signed = key.sign(Scheme::V1, &id, AT, r#"{"a":1}"#).unwrap();
        // By another implementation of HMAC.
        let mac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &(0..32).collect::<Vec<u8>>());
        let text = format!(r#"{id}.1614259800.{{"a":1}}"#);
        let expected = STANDARD.encode(ring::hmac::sign(&mac, text.as_bytes()));
        assert_eq!(signed, format!("v1,{expected}"));
        let secret = key.shown(Scheme::V1).unwrap();
        assert_eq!(SigningKey::read(&secret), Ok(key));
        assert_eq!(SigningKey::read("AAECAwQF"), Err(BadKey));
        assert_eq!(secret, "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    }

    #[test]
    fn a_v1a_signature_verifies_under_the_public_key_that_is_shown() {
        let key = key(SEED);
        assert_eq!(key.shown(Scheme::V1a).unwrap(), format!("whpk_{PUBLIC}"));
        let id = EventId::parse("0123456789abcdef0123456789abcdef").unwrap();
        let signed = key.sign(Scheme::V1a, &id, AT, "body").unwrap();
        let signature = STANDARD.decode(signed.strip_prefix("v1a,").unwrap()).unwrap();
        let public = UnparsedPublicKey::new(&ED25519, STANDARD.decode(PUBLIC).unwrap());
        let verify = |text: String| public.verify(text.as_bytes(), &signature);
        assert_eq!(verify(format!("{id}.1614259800.body")), Ok(()));
        assert!(verify(format!("{id}.1614259801.body")).is_err());
    }

    #[test]
    fn a_key_of_another_length_does_not_sign() {
        let id = EventId::parse("0123456789abcdef0123456789abcdef").unwrap();
        for secret in ["", "AAAA", "not base64", &STANDARD.encode([0; 31])] {
            for scheme in [Scheme::V1, Scheme::V1a] {
                assert_eq!(key(secret).sign(scheme, &id, AT, ""), Err(BadKey), "{secret}");
                assert_eq!(key(secret).shown(scheme), Err(BadKey), "{secret}");
            }
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        assert!(!format!("{:?}", key(SEED)).contains("nWG"));
    }

    #[test]
    fn a_key_without_an_end_lives() {
        assert!(key(SEED).is_alive(AT));
        let ends = SigningKey { until: Some(AT), ..key(SEED) };
        assert!(!ends.is_alive(AT) && ends.is_alive(AT - time::Duration::SECOND));
    }
}
