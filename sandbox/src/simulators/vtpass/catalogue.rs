//! The services that the simulated VTpass sells. Their ids and the odd spelling are VTpass's
//! (*Service ids*, *MTN data*, *GLO SME data*); the offers are invented.

use serde_json::{Value, json};
use shared::domain::money::Kobo;

use super::simulator::VtpassSimulator;

/// A service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) id: &'static str,
    /// The id as the answer about variations spells it.
    echoed: &'static str,
    pub(super) name: &'static str,
    /// The name of the list in that answer.
    list: &'static str,
    /// Empty for airtime.
    offers: &'static [Offer],
}

/// Variation code, name and price in kobo.
type Offer = (&'static str, &'static str, u64);

/// Airtime is sold from 50 to 50,000 naira.
pub(super) const AIRTIME_KOBO: std::ops::RangeInclusive<u64> = 5_000..=5_000_000;

/// VTpass misspells this name for most services.
const MISSPELLED: &str = "varations";
const CORRECT: &str = "variations";

const SERVICES: [Service; 10] = [
    service(
        "etisalat-data",
        "9mobile Data",
        MISSPELLED,
        &[
            ("eti-100", "40 MB for a day", 10_000),
            ("eti-200", "250 MB for a week", 20_000),
            ("eti-500", "1 GB for a month", 50_000),
        ],
    ),
    service(
        "mtn-data",
        "MTN Data",
        CORRECT,
        &[
            ("mtn-10mb-100", "100 MB for a day", 10_000),
            ("mtn-500mb-600", "2.5 GB for two days", 60_000),
            ("mtn-100hr-5000", "25 GB for a month", 500_000),
        ],
    ),
    service(
        "airtel-data",
        "Airtel Data",
        MISSPELLED,
        &[("airt-50", "25 MB for a day", 4_999), ("airt-500", "1.5 GB for a month", 50_000)],
    ),
    service(
        "glo-data",
        "GLO Data",
        CORRECT,
        &[("glo50x", "50 MB for a day", 5_000), ("glo1000", "3.9 GB for a month", 100_000)],
    ),
    service(
        "9mobile-sme-data",
        "9mobile SME Data",
        MISSPELLED,
        &[("9sme-150", "500 MB for a month", 15_000)],
    ),
    Service {
        echoed: "GLO-sme-data",
        ..service(
            "glo-sme-data",
            "GLO SME Data",
            MISSPELLED,
            &[("glo-sme-70", "200 MB for two weeks", 7_000)],
        )
    },
    service("mtn", "MTN Airtime VTU", MISSPELLED, &[]),
    service("airtel", "Airtel Airtime VTU", MISSPELLED, &[]),
    service("glo", "GLO Airtime VTU", MISSPELLED, &[]),
    service("etisalat", "9mobile Airtime VTU", MISSPELLED, &[]),
];

const fn service(
    id: &'static str,
    name: &'static str,
    list: &'static str,
    offers: &'static [Offer],
) -> Service {
    Service { id, echoed: id, name, list, offers }
}

/// The ledger's collection of changed prices, by `service/code`.
const PRICES: &str = "vtpass-prices";

impl Service {
    pub(super) fn find(id: &str) -> Option<&'static Self> {
        SERVICES.iter().find(|it| it.id == id)
    }

    pub(super) fn is_airtime(&self) -> bool {
        self.offers.is_empty()
    }
}

impl VtpassSimulator {
    /// The current price of an offer, in kobo.
    pub(super) fn price(&self, service: &Service, code: &str) -> Option<u64> {
        let (_, _, price) = service.offers.iter().find(|offer| offer.0 == code)?;
        let key = format!("{}/{code}", service.id);
        Some(self.ledger.get(PRICES, &key).unwrap_or(*price))
    }

    /// Changes the price of an offer, in kobo.
    pub fn set_price(&self, service_id: &str, code: &str, price: u64) {
        self.ledger.put(PRICES, &format!("{service_id}/{code}"), &price);
    }

    /// The `content` of the answer to `service-variations`.
    pub(super) fn variations(&self, service: &Service) -> Value {
        let mut content = json!({
            "ServiceName": service.name,
            "serviceID": service.echoed,
            "convinience_fee": "0 %",
        });
        content[service.list] = self.offers(service);
        content
    }

    /// The current offers.
    pub(super) fn offers(&self, service: &Service) -> Value {
        let line = |offer: &Offer| {
            let price = Kobo::new(self.price(service, offer.0)?).ok()?;
            let (naira, kobo) = (price.kobo() / 100, price.kobo() % 100);
            Some(json!({
                "variation_code": offer.0,
                "name": format!("{} {}", service.name, offer.1),
                "variation_amount": format!("{naira}.{kobo:02}"),
                "fixedPrice": "Yes",
            }))
        };
        service.offers.iter().filter_map(line).collect()
    }
}
