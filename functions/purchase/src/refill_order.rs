//! The refill in an order: by an amount or by a voucher.

use shared::domain::money::Kobo;
use shared::domain::purchase::RefillTerms;
use shared::domain::service::ServiceKind;
use shared::lambda::error::ApiError;
use shared::platform::crypto::{ExposeSecret, KeyedHash, SecretString};
use shared::provider::mtn::Refill;

/// How a refill is ordered. A voucher's code is held in this value only.
pub(crate) enum RefillOrder {
    Voucherless { profile_id: String },
    Voucher { code: SecretString },
}

/// The longest profile id or voucher code, in characters.
const MAX_TEXT: usize = 64;
const KOBO_IN_A_NAIRA: u64 = 100;

impl RefillOrder {
    /// Reads the fields of a refill; other orders must not have them.
    pub(crate) fn read(
        kind: ServiceKind,
        refill_type: Option<&str>,
        profile_id: Option<String>,
        voucher: Option<SecretString>,
    ) -> Result<Option<Self>, ApiError> {
        if kind != ServiceKind::Refill {
            return match (refill_type, profile_id, voucher) {
                (None, None, None) => Ok(None),
                _ => Err(ApiError::invalid(
                    "refill_type, refill_profile_id and voucher_code are for mtn-refill only.",
                )),
            };
        }
        match (refill_type, profile_id, voucher) {
            (Some("voucherless"), Some(profile_id), None) => {
                check_plain("refill_profile_id", &profile_id)?;
                Ok(Some(Self::Voucherless { profile_id }))
            }
            (Some("voucher"), None, Some(code)) => {
                check_plain("voucher_code", code.expose_secret())?;
                Ok(Some(Self::Voucher { code }))
            }
            _ => Err(ApiError::invalid(
                "A refill needs refill_type \"voucherless\" with refill_profile_id and \
                 amount_kobo, or \"voucher\" with voucher_code.",
            )),
        }
    }

    /// Checks the amount. MTN takes whole naira; a voucher has its own amount.
    pub(crate) fn check(&self, amount: Option<Kobo>) -> Result<(), ApiError> {
        match (self, amount) {
            (Self::Voucherless { .. }, Some(amount))
                if amount.kobo().is_multiple_of(KOBO_IN_A_NAIRA) =>
            {
                Ok(())
            }
            (Self::Voucherless { .. }, _) => {
                Err(ApiError::invalid("A refill needs an amount_kobo of whole naira."))
            }
            (Self::Voucher { .. }, None) => Ok(()),
            (Self::Voucher { .. }, Some(_)) => {
                Err(ApiError::invalid("A refill by voucher has no amount_kobo."))
            }
        }
    }

    pub(crate) fn fingerprint(&self, hash: &KeyedHash) -> String {
        match self {
            Self::Voucherless { profile_id } => format!("voucherless\n{profile_id}"),
            Self::Voucher { code } => format!("voucher\n{}", voucher_hash(code, hash)),
        }
    }

    /// What is stored of it.
    pub(crate) fn terms(&self, hash: &KeyedHash) -> RefillTerms {
        match self {
            Self::Voucherless { profile_id } => {
                RefillTerms::Voucherless { refill_profile_id: profile_id.clone() }
            }
            Self::Voucher { code } => {
                RefillTerms::Voucher { voucher_hash: voucher_hash(code, hash) }
            }
        }
    }

    /// The refill as MTN is asked for it, with the amount of the purchase.
    pub(crate) fn to_refill(&self, amount: Option<Kobo>) -> Refill<'_> {
        match self {
            Self::Voucherless { profile_id } => {
                Refill::Voucherless { profile_id, amount: amount.unwrap_or_default() }
            }
            Self::Voucher { code } => Refill::Voucher { code },
        }
    }
}

fn voucher_hash(code: &SecretString, hash: &KeyedHash) -> String {
    hash.of(&format!("voucher\n{}", code.expose_secret()))
}

fn check_plain(name: &str, text: &str) -> Result<(), ApiError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "{name} must be 1 to {MAX_TEXT} letters, digits, '-', '_' or '.'."
    )))
}
