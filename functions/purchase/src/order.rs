//! The order in a request: validated, normalised, and compared with earlier ones.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::domain::money::Kobo;
use shared::domain::purchase::{Purchase, Recipient};
use shared::domain::service::{Service, ServiceKind};
use shared::lambda::error::ApiError;
use shared::lambda::request::ApiRequest;
use shared::platform::crypto::{KeyedHash, SecretString, hashed};

use crate::refill_order::RefillOrder;

/// What the tenant wants to buy.
pub(crate) struct Order {
    pub(crate) service: Service,
    pub(crate) recipient: Recipient,
    pub(crate) variation_code: Option<String>,
    pub(crate) amount: Option<Kobo>,
    pub(crate) refill: Option<RefillOrder>,
}

#[derive(Deserialize)]
struct PurchaseRequest {
    service_id: String,
    phone: String,
    #[serde(default)]
    variation_code: Option<String>,
    #[serde(default)]
    amount_kobo: Option<Box<RawValue>>,
    #[serde(default)]
    refill_type: Option<String>,
    #[serde(default)]
    refill_profile_id: Option<String>,
    #[serde(default)]
    voucher_code: Option<SecretString>,
}

const EXPECTED: &str = "service_id and phone as strings, and variation_code as a string (data) \
                        or amount_kobo as an integer (airtime); a refill also takes refill_type, \
                        refill_profile_id and voucher_code as strings";

impl Order {
    /// Reads the order. `test_numbers` allows VTpass's test numbers.
    pub(crate) fn parse(request: &ApiRequest, test_numbers: bool) -> Result<Self, ApiError> {
        let body: PurchaseRequest = request.json(EXPECTED)?;
        let service = Service::parse(body.service_id.trim()).ok_or_else(|| {
            ApiError::invalid(format!("service_id must be one of: {}.", Service::supported()))
        })?;
        let refill = RefillOrder::read(
            service.kind,
            body.refill_type.as_deref(),
            body.refill_profile_id,
            body.voucher_code,
        )?;
        let test_numbers = test_numbers && service.kind != ServiceKind::Refill;
        let recipient = Recipient::parse(&body.phone, test_numbers)
            .ok_or_else(|| ApiError::invalid("phone must be a Nigerian mobile number."))?;
        let order = Self {
            service,
            refill,
            recipient,
            variation_code: body.variation_code,
            amount: body.amount_kobo.map(|raw| whole_kobo(&raw)).transpose()?,
        };
        order.check()?;
        Ok(order)
    }

    fn check(&self) -> Result<(), ApiError> {
        match (self.service.kind, &self.variation_code, self.amount) {
            (ServiceKind::Data, None, _) => {
                Err(ApiError::invalid("A data service needs a variation_code."))
            }
            (ServiceKind::Data, Some(code), _) if !(1..=100).contains(&code.len()) => {
                Err(ApiError::invalid("variation_code must have 1 to 100 characters."))
            }
            (ServiceKind::Airtime | ServiceKind::Refill, Some(_), _) => {
                Err(ApiError::invalid("An airtime service has no variation_code."))
            }
            (ServiceKind::Airtime, None, None) => {
                Err(ApiError::invalid("An airtime service needs an amount_kobo."))
            }
            (ServiceKind::Refill, None, amount) => match &self.refill {
                Some(refill) => refill.check(amount),
                None => Err(ApiError::invalid("A refill needs a refill_type.")),
            },
            _ => Ok(()),
        }
    }

    /// Whether `purchase` was made from this order. A number that has been masked since is compared
    /// by the digits that are left.
    pub(crate) fn made(&self, purchase: &Purchase, hash: &KeyedHash) -> bool {
        purchase.recipient.matches(&self.recipient)
            && purchase.fingerprint == self.fingerprint(hash)
    }

    /// The hash of the order. It excludes the phone number; otherwise the masked digits could be
    /// brute-forced.
    pub(crate) fn fingerprint(&self, hash: &KeyedHash) -> String {
        let amount = self.amount.map(|amount| amount.kobo().to_string());
        let mut fields = vec![
            self.service.id,
            self.variation_code.as_deref().unwrap_or_default(),
            amount.as_deref().unwrap_or_default(),
        ];
        let refill = self.refill.as_ref().map(|refill| refill.fingerprint(hash));
        fields.extend(refill.as_deref());
        hashed(&fields.join("\n"))
    }
}

/// A JSON number without a fraction, above zero: `10000` and `10000.0` are the same.
fn whole_kobo(raw: &RawValue) -> Result<Kobo, ApiError> {
    let invalid = || ApiError::invalid("amount_kobo must be a whole number of kobo above zero.");
    let (whole, fraction) = raw.get().split_once('.').unwrap_or((raw.get(), "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.bytes().any(|b| b != b'0') {
        return Err(invalid());
    }
    let kobo = whole.parse().ok().and_then(|kobo| Kobo::new(kobo).ok());
    kobo.filter(|kobo| kobo.kobo() > 0).ok_or_else(invalid)
}

/// The idempotency key: 1 to 255 visible ASCII characters.
pub(crate) fn idempotency_key(request: &ApiRequest) -> Result<&str, ApiError> {
    let key = request
        .headers
        .get("idempotency-key")
        .ok_or_else(|| ApiError::invalid("The header Idempotency-Key is missing."))?;
    key.to_str()
        .ok()
        .filter(|key| (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()))
        .ok_or_else(|| {
            ApiError::invalid("Idempotency-Key must be 1 to 255 visible ASCII characters.")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_a_whole_number_of_kobo_above_zero() {
        let read = |json: &str| {
            let raw = RawValue::from_string(json.to_owned()).unwrap();
            whole_kobo(&raw).ok().map(Kobo::kobo)
        };
        assert_eq!(
            [read("10000"), read("10000.0"), read("1")],
            [Some(10_000), Some(10_000), Some(1)]
        );
        let refused = ["0", "-1", "0.5", "1e4", r#""10000""#, "null", "[]", "99999999999999999999"];
        for json in refused {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
