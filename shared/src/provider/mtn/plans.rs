//! Plans and premiums (MTN Customer Plans v2.1).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use strum::IntoStaticStr;
use url::form_urlencoded;

use super::data::Data;
use super::envelope::accept;
use super::error::MtnError;
use crate::domain::msisdn::Msisdn;
use crate::platform::http::Answer;

/// A kind of plan. It narrows a list of balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum PlanKind {
    /// Calls.
    Voice,
    /// Data.
    Data,
    /// Short messages.
    Sms,
}

/// The query of a customer's plans. The parameters about mobile money belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlansQuery {
    /// Only the balances of this kind.
    pub plan: Option<PlanKind>,
    /// Whether to include mobile money.
    pub momo: Option<bool>,
    /// Whether to include the reserved amounts of mobile money.
    pub include_reservations: Option<bool>,
    /// A quote of mobile money to take into account.
    pub quote_id: Option<String>,
    /// A fixed line whose balances to include.
    pub fixed_line: Option<Msisdn>,
}

/// An amount (`Amount` in MTN Customer Plans v2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// The amount, as a decimal text.
    pub value: String,
    /// What is counted.
    #[serde(rename = "type")]
    pub kind: AmountType,
    /// The unit.
    pub unit: AmountUnit,
}

/// What an amount counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AmountType {
    /// Money.
    Currency,
    /// Data.
    Data,
    /// Minutes of calls.
    Minutes,
    /// Short messages.
    Sms,
}

/// The unit of an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AmountUnit {
    /// South African rand.
    Zar,
    /// Naira.
    Ngn,
    /// Gigabytes.
    Gb,
    /// Megabytes.
    Mb,
    /// Minutes.
    Minutes,
    /// Short messages.
    Sms,
    /// CFA francs.
    Fcfa,
}

/// A question for a premium (`PremiumRequest` in MTN Customer Plans v2.1). `Debug` prints no field,
/// because the fields name people.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PremiumRequest {
    /// The receiver. MTN requires it; a tenant may omit it for the number of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving_customer_id: Option<String>,
    /// The product the premium is for.
    pub product: String,
    /// The kind of transaction, on which the premium may depend.
    pub transaction_type: String,
    /// The amount the premium is for.
    pub amount: Amount,
    /// The holder of the sending account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_holder_id: Option<String>,
    /// The quote that the question belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_id: Option<String>,
    /// A note for MTN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The body of a question for a premium.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PremiumBody<'a> {
    pub(super) transaction_id: &'a str,
    #[serde(flatten)]
    pub(super) request: &'a PremiumRequest,
}

impl PlansQuery {
    /// The query with its question mark, or an empty text.
    pub(super) fn to_text(&self) -> String {
        let flag = |flag: Option<bool>| flag.map(|it| if it { "true" } else { "false" }.to_owned());
        let pairs = [
            ("plan", self.plan.map(|kind| <&str>::from(kind).to_owned())),
            ("momo", flag(self.momo)),
            ("includeReservations", flag(self.include_reservations)),
            ("quoteid", self.quote_id.clone()),
            ("fixedLine", self.fixed_line.as_ref().map(Msisdn::international)),
        ];
        let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        if text.is_empty() { text } else { format!("?{text}") }
    }
}

/// The path of a customer's plans.
pub(super) fn path(msisdn: &Msisdn) -> String {
    format!("/v2/customers/{}/plans", msisdn.international())
}

/// The path of a customer's plans for a product. The code is always one segment.
pub(super) fn product_path(msisdn: &Msisdn, code: &str) -> Result<String, MtnError> {
    // Encoding does not help here: a URL parser resolves `.` and `..` even if they are encoded.
    if matches!(code, "" | "." | "..") {
        return Err(MtnError::Rejected("product_code".to_owned()));
    }
    let segment: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
    Ok(format!("{}/{}", path(msisdn), segment.replace('+', "%20")))
}

/// Reads an answer: `data` unchanged, or null if MTN has nothing about the customer.
pub(super) fn data(answer: &Answer) -> Result<Data, MtnError> {
    let envelope = accept(answer)?;
    let partial = answer.status.as_u16() == 207;
    let json = match envelope.data() {
        Some(data) => data.to_owned(),
        None if (answer.status.as_u16() == 200 || partial) && !envelope.is_error() => {
            RawValue::NULL.to_owned()
        }
        None => return Err(MtnError::no_data()),
    };
    Ok(Data { json, partial })
}

impl fmt::Debug for PremiumRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PremiumRequest").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::test_support::answer;

    fn read(status: u16, body: &str) -> Result<(String, bool), String> {
        data(&answer(status, body))
            .map(|data| (data.json.get().to_owned(), data.partial))
            .map_err(|error| error.to_string())
    }

    fn msisdn() -> Msisdn {
        Msisdn::parse("08031234567").unwrap()
    }

    #[test]
    fn data_is_passed_on_unchanged() {
        let plans = r#"{"type":"Prepaid","balance":[{"activeValue":"1.50","x":1.50}]}"#;
        let body = format!(r#"{{"_link":{{"self":{{"href":"u"}}}},"data": {plans} }}"#);
        assert_eq!(read(200, &body), Ok((plans.to_owned(), false)));
        assert_eq!(read(207, &body), Ok((plans.to_owned(), true)));
        let coded = format!(r#"{{"statusCode":"0000","statusMessage":"m","data":{plans}}}"#);
        assert_eq!(read(200, &coded), Ok((plans.to_owned(), false)));
        for nothing in [
            r#"{"data":null}"#,
            r#"{"_link":{}}"#,
            r#"{"statusCode":"0000","statusMessage":"m","data":null}"#,
        ] {
            assert_eq!(read(200, nothing), Ok(("null".to_owned(), false)), "{nothing}");
        }
    }

    #[test]
    fn body_that_is_not_an_answer_is_an_error() {
        for (status, body) in [
            (200, ""),
            (200, "[]"),
            (200, "<html>"),
            (200, r#"{"timestamp":"t","status":500,"error":"Internal","message":"m","path":"p"}"#),
            (200, r#"{"statusCode":"1004","statusMessage":"m"}"#),
            (200, r#"{"statusMessage":"m","supportMessage":"m"}"#),
            (200, r#"{"data":{},"data":{}}"#),
            (202, r#"{"data":null}"#),
            (204, ""),
        ] {
            assert!(read(status, body).unwrap_err().contains("unavailable"), "{status} {body}");
        }
        let coded = read(200, r#"{"statusCode":"5000","data":{}}"#).unwrap_err();
        assert_eq!(coded, "MTN refused the request with 5000");
        assert!(read(404, r#"{"data":null}"#).unwrap_err().contains("no such customer"));
    }

    #[test]
    fn product_code_is_one_path_segment() {
        let path = |code: &str| product_path(&msisdn(), code).ok();
        for (code, segment) in [
            ("DATA_1-2.3", "DATA_1-2.3"),
            ("a/b", "a%2Fb"),
            ("a b+c", "a%20b%2Bc"),
            ("../x?y=1#z", "..%2Fx%3Fy%3D1%23z"),
            ("%2e%2e", "%252e%252e"),
            ("a\\b\n", "a%5Cb%0A"),
            ("ä", "%C3%A4"),
            ("...", "..."),
        ] {
            let expected = format!("/v2/customers/2348031234567/plans/{segment}");
            assert_eq!(path(code).as_deref(), Some(expected.as_str()));
            let url = url::Url::parse(&format!("https://api.mtn.com{expected}")).unwrap();
            assert_eq!((url.path(), url.query()), (expected.as_str(), None), "{code}");
        }
        for code in ["", ".", ".."] {
            assert_eq!(path(code), None, "{code}");
        }
    }

    #[test]
    fn query_holds_only_the_given_parameters() {
        assert_eq!(PlansQuery::default().to_text(), "");
        let all = PlansQuery {
            plan: Some(PlanKind::Sms),
            momo: Some(true),
            include_reservations: Some(false),
            quote_id: Some("q 1&x=2".to_owned()),
            fixed_line: Some(msisdn()),
        };
        assert_eq!(
            all.to_text(),
            "?plan=SMS&momo=true&includeReservations=false&quoteid=q+1%26x%3D2\
             &fixedLine=2348031234567"
        );
        let voice = PlansQuery { plan: Some(PlanKind::Voice), ..PlansQuery::default() };
        assert_eq!(voice.to_text(), "?plan=VOICE");
        assert_eq!(serde_json::from_str::<PlanKind>(r#""DATA""#).unwrap(), PlanKind::Data);
        assert!(serde_json::from_str::<PlanKind>(r#""data""#).is_err());
    }

    #[test]
    fn premium_request_is_strict_and_debug_prints_no_field() {
        let json = r#"{"product":"p","transactionType":"t",
            "amount":{"value":"100","type":"CURRENCY","unit":"NGN"},"message":"for Ada"}"#;
        let request: PremiumRequest = serde_json::from_str(json).unwrap();
        assert_eq!(request.receiving_customer_id, None);
        assert_eq!(format!("{request:?}"), "PremiumRequest { .. }");
        for (from, to) in [
            (r#""CURRENCY""#, r#""MONEY""#),
            (r#""NGN""#, r#""ngn""#),
            (r#""value":"100","#, ""),
            (r#""100""#, "100"),
            (r#""product":"p","#, ""),
            (r#""transactionType":"t","#, ""),
        ] {
            let broken = json.replace(from, to);
            assert_ne!(broken, json);
            assert!(serde_json::from_str::<PremiumRequest>(&broken).is_err(), "{broken}");
        }
        for unit in ["ZAR", "NGN", "GB", "MB", "MINUTES", "SMS", "FCFA"] {
            let text = format!("\"{unit}\"");
            let read: AmountUnit = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }
}
