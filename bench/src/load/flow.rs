//! What is asked: the next request by its number, so that each run asks the same.

use serde_json::{Value, json};
use shared::domain::purchase::{TEST_PENDING, TEST_SUCCESS};

/// A number whose customer has an account at the simulated Mono.
const CUSTOMER: &str = "07082109281";
/// How many orders are made first and repeated.
pub const REPEATED: u64 = 50;

/// A mix of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Flow {
    /// Everything: consents, reads, purchases that are delivered at once and later, lists, repeats.
    Mixed,
    /// Repeats of the same orders, and what shows nothing about a person: nothing more is kept for them.
    Repeats,
}

/// What is asked next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// One request.
    One(Ask),
    /// The three requests of a consent.
    Consent,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Its name in the report.
    pub route: &'static str,
    /// The method.
    pub method: &'static str,
    /// The path with its query.
    pub path: String,
    /// Headers beside the API key.
    pub headers: Vec<(&'static str, String)>,
    /// The JSON.
    pub body: Option<Value>,
    /// The statuses of an answer that is right.
    pub expected: &'static [u16],
}

/// What earlier answers showed, by which later requests ask.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The linked account.
    pub account: String,
    /// The ids of the orders that are repeated.
    pub purchases: Vec<String>,
}

impl Flow {
    /// What the request with this number asks for.
    pub fn step(self, number: u64, known: &Known) -> Step {
        let place = number % 100;
        // Spread over the kinds below, and the same in each run.
        let pick = number / 100;
        Step::One(match (self, place) {
            (Self::Mixed, 0) => return Step::Consent,
            (Self::Mixed, 1..=4) => order(format!("now-{number}"), TEST_SUCCESS),
            (Self::Mixed, 5..=6) => order(format!("later-{number}"), TEST_PENDING),
            (Self::Mixed, 7..=36) => repeat(pick),
            (Self::Mixed, 37..=56) => {
                let id = &known.purchases[usize_of(pick) % known.purchases.len()];
                get("GET /purchases/{id}", format!("/purchases/{id}"))
            }
            (Self::Mixed, 57..=61) => get("GET /purchases", "/purchases?limit=20".to_owned()),
            (Self::Mixed, 62..=64) => get("GET /events", "/events?limit=20".to_owned()),
            (Self::Mixed, _) => {
                let account = &known.account;
                match place % 4 {
                    0 => get("GET /accounts/{id}", format!("/accounts/{account}")),
                    1 => get("GET .../balances", format!("/accounts/{account}/balances")),
                    2 => get("GET .../transactions", format!("/accounts/{account}/transactions")),
                    _ => get("GET .../identity", format!("/accounts/{account}/identity")),
                }
            }
            (Self::Repeats, 0..=79) => repeat(pick),
            (Self::Repeats, 80..=89) => get("GET /providers", "/providers".to_owned()),
            (Self::Repeats, _) => {
                let path = "/services/mtn-data/variations".to_owned();
                get("GET .../variations", path)
            }
        })
    }
}

/// The orders that are made first.
pub fn first_orders() -> impl Iterator<Item = Ask> {
    (0..REPEATED).map(|number| order(key(number), TEST_SUCCESS))
}

/// Asks for an OTP.
pub fn auth() -> Ask {
    post(
        "POST /telecom/auth",
        "/v2/telecom/auth",
        json!({ "phone": CUSTOMER, "provider": "airtel" }),
    )
}

/// Proves an OTP.
pub fn verify(session: &str, otp: &str) -> Ask {
    let ask = post("POST /telecom/verify", "/v2/telecom/verify", json!({ "otp": otp }));
    Ask { headers: vec![("x-session-id", session.to_owned())], ..ask }
}

/// Exchanges a code for an account.
pub fn exchange(code: &str) -> Ask {
    post("POST /account/auth", "/account/auth", json!({ "code": code }))
}

/// Asks for the orders that are still open.
pub fn open_orders() -> Ask {
    get("GET /purchases?state=pending", "/purchases?state=pending&limit=1".to_owned())
}

fn repeat(pick: u64) -> Ask {
    let ask = order(key(pick % REPEATED), TEST_SUCCESS);
    Ask { route: "POST /purchases, repeated", ..ask }
}

fn key(number: u64) -> String {
    format!("repeated-{number}")
}

fn order(key: String, phone: &str) -> Ask {
    let body = json!({ "service_id": "mtn", "phone": phone, "amount_kobo": 10_000 });
    let route = if phone == TEST_PENDING { "POST /purchases, later" } else { "POST /purchases" };
    let expected: &[u16] = if phone == TEST_PENDING { &[202] } else { &[201] };
    Ask { headers: vec![("idempotency-key", key)], expected, ..post(route, "/purchases", body) }
}

fn get(route: &'static str, path: String) -> Ask {
    Ask { route, method: "GET", path, headers: Vec::new(), body: None, expected: &[200] }
}

fn post(route: &'static str, path: &str, body: Value) -> Ask {
    let (method, path) = ("POST", path.to_owned());
    Ask { route, method, path, headers: Vec::new(), body: Some(body), expected: &[200] }
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn known() -> Known {
        Known { account: "a".to_owned(), purchases: vec!["p".to_owned()] }
    }

    fn routes(flow: Flow) -> BTreeMap<&'static str, u64> {
        let mut routes = BTreeMap::new();
        for number in 0..1_000 {
            let route = match flow.step(number, &known()) {
                Step::One(ask) => ask.route,
                Step::Consent => "consent",
            };
            *routes.entry(route).or_default() += 1;
        }
        routes
    }

    #[test]
    fn the_mixed_flow_has_each_kind_of_request() {
        let routes = routes(Flow::Mixed);
        for (route, share) in [("consent", 10), ("POST /purchases", 40), ("GET .../identity", 90)] {
            assert_eq!(routes.get(route), Some(&share), "{routes:?}");
        }
        assert_eq!(routes.len(), 11, "{routes:?}");
    }

    #[test]
    fn the_repeats_make_no_order_that_is_new() {
        let firsts: Vec<Ask> = first_orders().collect();
        for number in 0..100_000 {
            let Step::One(ask) = Flow::Repeats.step(number, &known()) else { panic!("{number}") };
            let is_first = firsts.iter().any(|first| first.headers == ask.headers);
            assert!(ask.method == "GET" || is_first, "{ask:?}");
        }
    }
}
