//! The order in a request: strict, normalised, and told apart from any other.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::error::ApiError;
use shared::http_function::ApiRequest;
use shared::money::Kobo;
use shared::phone::{Msisdn, masked};
use shared::purchase::{Purchase, Service, ServiceKind};
use shared::secret::{KeyedHash, SecretString, hashed};
use shared::vtpass::TEST_NUMBERS;

use crate::refill::RefillOrder;

/// What the caller wants to buy.
pub(crate) struct Order {
    pub(crate) service: Service,
    pub(crate) phone: String,
    pub(crate) variation_code: Option<String>,
    pub(crate) amount: Option<Kobo>,
    pub(crate) refill: Option<RefillOrder>,
}

#[derive(Deserialize)]
struct Body {
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
    /// Reads the order. `test_numbers` allows VTpass's own, which are no Nigerian numbers.
    pub(crate) fn parse(request: &ApiRequest, test_numbers: bool) -> Result<Self, ApiError> {
        let body: Body = request.json(EXPECTED)?;
        let service = Service::parse(body.service_id.trim()).ok_or_else(|| {
            ApiError::invalid(format!("service_id must be one of: {}.", Service::supported()))
        })?;
        let refill = RefillOrder::read(
            service.kind,
            body.refill_type.as_deref(),
            body.refill_profile_id,
            body.voucher_code,
        )?;
        let order = Self {
            service,
            refill,
            phone: recipient(&body.phone, test_numbers && service.kind != ServiceKind::Refill)?,
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

    /// Whether `purchase` was made of this very order, however it was written. Of a number that has
    /// been masked since, what is left is compared.
    pub(crate) fn made(&self, purchase: &Purchase, hash: &KeyedHash) -> bool {
        let number = purchase.phone == self.phone || purchase.phone == masked(&self.phone);
        number && purchase.fingerprint == self.fingerprint(hash)
    }

    /// Of all but the number: ten thousand guesses would find the digits that a mask hides.
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

fn recipient(phone: &str, test_numbers: bool) -> Result<String, ApiError> {
    if test_numbers && TEST_NUMBERS.contains(&phone.trim()) {
        return Ok(phone.trim().to_owned());
    }
    match Msisdn::parse(phone) {
        Ok(number) => Ok(number.local()),
        Err(_) => Err(ApiError::invalid("phone must be a Nigerian mobile number.")),
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
