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
    if fraction.bytes().any(|b| b != b'0') {
        return Err(invalid());
    }
    // What is no digit here is a minus, an exponent or not of a number.
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
    use fuzzing::{Asked, ask, fuzz};

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
        let refused = [
            "0",
            "-0",
            "-1",
            "0.5",
            "1e4",
            "1E4",
            "1.0e3",
            "1.5e1",
            r#""10000""#,
            "null",
            "[]",
            "99999999999999999999",
        ];
        for json in refused {
            assert_eq!(read(json), None, "{json}");
        }
    }

    /// A number and a voucher code that no answer may show.
    const NUMBER: &str = "08039998877";
    const VOUCHER: &str = "c4nary-voucher";
    const ORDERS: [&str; 4] = [
        r#"{"service_id":"mtn","phone":"08039998877","amount_kobo":10000}"#,
        r#"{"service_id":"glo-data","phone":"+2348039998877","variation_code":"a","amount_kobo":5.0}"#,
        r#"{"service_id":"mtn-refill","phone":"08039998877","refill_type":"voucherless",
        "refill_profile_id":"p","amount_kobo":10000}"#,
        r#"{"service_id":"mtn-refill","phone":"08039998877","refill_type":"voucher",
        "voucher_code":"c4nary-voucher"}"#,
    ];
    const WORDS: [&str; 14] = [
        "mtn",
        "9MOBILE",
        "mtn-data",
        "mtn-refill",
        "voucher",
        "voucherless",
        "amount_kobo",
        "variation_code",
        "voucher_code",
        "201000000000",
        "phone",
        "p/q",
        NUMBER,
        VOUCHER,
    ];

    #[test]
    fn an_order_that_is_read_is_one_that_can_be_sold() {
        fuzz(|choices| {
            let (body, test_numbers) = (choices.body(&ORDERS, &WORDS), choices.once_in(2));
            let asked = Asked { route: "POST /purchases", body, ..Asked::default() };
            let (status, answer) = ask(asked, move |request| {
                let order = Order::parse(request, test_numbers)?;
                let kind = order.service.kind;
                assert_eq!(order.refill.is_some(), kind == ServiceKind::Refill);
                assert_eq!(order.variation_code.is_some(), kind == ServiceKind::Data);
                assert!(order.amount.is_none_or(|it| (1..=Kobo::MAX.kobo()).contains(&it.kobo())));
                assert!(kind != ServiceKind::Airtime || order.amount.is_some());
                assert!(
                    test_numbers && kind != ServiceKind::Refill
                        || order.recipient.msisdn().is_some()
                );
                let voucher = matches!(order.refill, Some(RefillOrder::Voucher { .. }));
                assert!(!voucher || order.amount.is_none());
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status}");
            for hidden in [&NUMBER[1..], VOUCHER] {
                assert!(!answer.contains(hidden), "{answer}");
            }
        });
    }

    #[test]
    fn an_amount_in_kobo_is_the_same_with_and_without_a_fraction_of_zeros() {
        fuzz(|choices| {
            let number = choices.json(&["10000", "1", "10000.00"], &["1"]);
            let read = |json: &str| {
                let raw = RawValue::from_string(json.to_owned()).unwrap();
                whole_kobo(&raw).ok().map(Kobo::kobo)
            };
            let Some(kobo) = read(&number) else { return };
            assert!((1..=Kobo::MAX.kobo()).contains(&kobo), "{number}");
            for same in [kobo.to_string(), format!("{kobo}.0"), format!("{kobo}.000")] {
                assert_eq!(read(&same), Some(kobo), "{same}");
            }
            for other in [format!("{kobo}.01"), format!("{kobo}e1"), format!("\"{kobo}\"")] {
                assert_eq!(read(&other), None, "{other}");
            }
        });
    }

    #[test]
    fn an_idempotency_key_is_taken_as_it_came_or_refused() {
        fuzz(|choices| {
            let key = choices.text(&["k-1", "c4nary voucher", &"k".repeat(256)]).into_bytes();
            let asked = Asked { header: ("idempotency-key", &key), ..Asked::default() };
            let came = key.clone();
            let (status, answer) = ask(asked, move |request| {
                assert_eq!(idempotency_key(request)?.as_bytes(), came);
                Ok(())
            });
            let right = (1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
            // A header has no space at its ends.
            let sent = http::HeaderValue::from_bytes(&key).is_ok();
            assert_eq!(status, if right && sent { 200 } else { 400 }, "{answer}");
            assert!(!answer.contains("c4nary"), "{answer}");
        });
    }
}
