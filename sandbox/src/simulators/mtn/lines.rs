//! The lines of the customers on MTN's network: their plans and balances.

use serde_json::{Value, json};
use shared::domain::msisdn::Msisdn;
use shared::domain::time::to_iso;
use time::{Duration, OffsetDateTime};

use super::contract::CheckedRequest;
use crate::simulators::mono::CUSTOMERS;

/// A prepaid line.
pub(super) struct Line {
    /// Makes the data of one line differ from another's.
    pub(super) seed: u32,
    /// The sum of its refills, in naira.
    pub(super) refilled_naira: u64,
}

/// The airtime of a line without refills, in naira.
const AIRTIME_NAIRA: u64 = 1_500;

impl Line {
    /// The line of an MSISDN, `234…`.
    pub(super) fn of(msisdn: &str, refilled_naira: u64) -> Option<Self> {
        let is_it = |phone| Msisdn::parse(phone).is_ok_and(|it| it.international() == msisdn);
        let seed = (0..).zip(&CUSTOMERS);
        let mut mtn = seed.filter(|(_, customer)| customer.provider == "mtn");
        let (seed, _) = mtn.find(|(_, customer)| is_it(customer.phone))?;
        Some(Self { seed, refilled_naira })
    }

    fn airtime(&self) -> String {
        format!("{}.00", AIRTIME_NAIRA + u64::from(self.seed) * 250 + self.refilled_naira)
    }

    fn megabytes(&self) -> String {
        (500 + self.seed * 256).to_string()
    }

    /// The answer about airtime and bundles.
    pub(super) fn balance(&self) -> Value {
        json!({
            "mainBalance": [{ "amount": self.airtime(), "currency": "NGN" }],
            "bundles": [
                { "dataAmount": self.megabytes(), "unit": "MB" },
                { "dataAmount": "2", "unit": "GB" },
            ],
        })
    }

    /// The plan with the balances that the query asks for.
    pub(super) fn plans(&self, request: &CheckedRequest, now: OffsetDateTime) -> Value {
        let wanted = match request.text("plan") {
            Some("VOICE") => Some("MINUTES"),
            other => other,
        };
        let mut balances = vec![
            balance("Main Account", "CURRENCY", &self.airtime(), "NGN", now),
            balance("Data Bundle", "DATA", &self.megabytes(), "MB", now),
            balance("Voice Bundle", "MINUTES", "45", "MINUTES", now),
            balance("SMS Bundle", "SMS", "20", "SMS", now),
        ];
        balances.retain(|it| wanted.is_none_or(|wanted| it["balanceDetail"]["type"] == wanted));
        if request.text("momo") == Some("true") {
            let mut account = balance("MoMo", "CURRENCY", "320.00", "NGN", now);
            account["momoBalanceData"] = momo(request.text("includeReservations") == Some("true"));
            balances.push(account);
        }
        let path = format!("{}/plans", request.msisdn());
        json!({ "_link": link(&path), "data": plan(balances, now) })
    }

    /// The plan with the balances and the offer of one product.
    pub(super) fn product_plans(&self, request: &CheckedRequest, now: OffsetDateTime) -> Value {
        let product_code = request.text("productCode").unwrap_or_default();
        let mut data =
            plan(vec![balance("Data Bundle", "DATA", &self.megabytes(), "MB", now)], now);
        data["offers"] = json!({
            "offerId": product_code,
            "offerType": "2",
            "startDate": to_iso(now - Duration::days(3)),
            "expiryDate": to_iso(now + Duration::days(27)),
            "expiryDateValue": "53402237800000",
        });
        let path = format!("{}/plans/{}", request.msisdn(), product_code);
        json!({ "_link": link(&path), "data": data })
    }

    /// The price of a product, which is the same for everyone.
    pub(super) fn premium(&self, request: &CheckedRequest) -> Value {
        json!({
            "originReferenceId": request.text("transactionId"),
            "statusCode": "0000",
            "data": {
                "message": request.text("product"),
                "premium": naira("50.00"),
                "loyaltyInformation": {
                    "generatedAmount": naira("1.00"),
                    "consumedAmount": naira("0.00"),
                    "newBalance": naira(&format!("{}.00", 10 + self.seed)),
                },
            },
            "link": link(&format!("{}/plans", request.msisdn())),
        })
    }
}

/// A link to a resource of a customer.
pub(super) fn link(path: &str) -> Value {
    json!({ "self": { "href": format!("https://api.mtn.com/v2/customers/{path}") } })
}

fn plan(balances: Vec<Value>, now: OffsetDateTime) -> Value {
    json!({
        "type": "Prepaid",
        "status": "Active",
        "startDate": "2019-04-12T14:31:21.810Z",
        "endDate": to_iso(now + Duration::days(365)),
        "language": "1",
        "tariffPlan": "Pulse",
        "balance": balances,
    })
}

/// A balance with one wallet.
fn balance(name: &str, kind: &str, value: &str, unit: &str, now: OffsetDateTime) -> Value {
    let expires = to_iso(now + Duration::days(30));
    json!({
        "balanceType": name,
        "expiryDate": expires,
        "category": kind,
        "balanceDetail": {
            "type": kind,
            "activeValue": value,
            "activeUnit": unit,
            "unusedValue": "0",
            "unusedUnit": unit,
        },
        "wallets": [{
            "name": format!("{name} wallet"),
            "status": "Active",
            "expiryDate": expires,
            "amount": { "type": kind, "value": value, "unit": unit },
        }],
    })
}

fn momo(with_reservations: bool) -> Value {
    let mut data = json!({ "balance": naira("320.00") });
    if with_reservations {
        data["positiveReservations"] = naira("0.00");
        data["negativeReservations"] = naira("20.00");
    }
    data
}

fn naira(value: &str) -> Value {
    json!({ "type": "CURRENCY", "value": value, "unit": "NGN" })
}
