//! The envelopes of MTN's answers (MTN Customer Plans v2.1 and MTN Consumption v2).
//!
//! There are three kinds: MTN's own envelope (`statusCode`, `statusMessage`, `data`, …), balances
//! without an envelope (`mainBalance`, `bundles`), and errors of the Spring framework that MTN uses
//! (`timestamp`, `status`, `error`, `message`, `path`). Every field is read separately, so that an
//! unexpected one does not hide the rest. A key that occurs twice makes the answer unreadable.
//! Texts for people are never read.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::codes::{CodeClass, MtnCode};
use super::error::MtnError;
use crate::platform::http::Answer;
use crate::provider::answer::{http_code, retry_after};
use crate::provider::json::Unreadable;

/// The fields of an envelope, which hold nothing about a customer.
const ENVELOPE_FIELDS: [&str; 16] = [
    "statusCode",
    "statusMessage",
    "supportMessage",
    "transactionId",
    "originReferenceId",
    "timestamp",
    "path",
    "method",
    "status",
    "message",
    "error",
    "data",
    "link",
    "links",
    "_link",
    "_links",
];

/// A JSON object from MTN.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// The whole object, as MTN wrote it.
    pub(super) whole: &'a RawValue,
    /// `statusCode`, if there is one.
    pub(super) code: Option<MtnCode>,
    /// Whether it holds more than the fields of an envelope.
    pub(super) has_more: bool,
    fields: EnvelopeFields<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct EnvelopeFields<'a> {
    status_code: Option<&'a RawValue>,
    status: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    status_message: Option<&'a RawValue>,
    support_message: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    main_balance: Option<&'a RawValue>,
    bundles: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads a body.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Unreadable> {
        // Reading it as a `Value` limits its depth; raw values do not.
        let value: Value = serde_json::from_slice(body).map_err(|_| Unreadable)?;
        let Value::Object(object) = value else { return Err(Unreadable) };
        let known = |name: &str| ENVELOPE_FIELDS.contains(&name);
        let has_more = object.iter().any(|(name, value)| !known(name) && !value.is_null());
        let whole = serde_json::from_slice(body).map_err(|_| Unreadable)?;
        let fields: EnvelopeFields<'a> = serde_json::from_slice(body).map_err(|_| Unreadable)?;
        Ok(Self { whole, code: MtnCode::read(fields.status_code), has_more, fields })
    }

    /// `data`, if there is one that is not null.
    pub(super) fn data(&self) -> Option<&'a RawValue> {
        self.fields.data
    }

    /// Whether it holds `mainBalance` or `bundles`.
    pub(super) fn has_balance(&self) -> bool {
        self.fields.main_balance.or(self.fields.bundles).is_some()
    }

    /// The error that the code means, if it is a listed one.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<MtnError> {
        self.code.as_ref()?.error(headers)
    }

    /// Whether MTN says that it is working on it.
    pub(super) fn is_pending(&self) -> bool {
        self.code.as_ref().is_some_and(|code| code.class == CodeClass::Pending)
    }

    /// Whether it is an error of the framework: `error` is a text or an object.
    pub(super) fn is_framework_error(&self) -> bool {
        match self.fields.error.map(RawValue::get) {
            Some(text) => text.starts_with('{') || (text.starts_with('"') && text != r#""""#),
            None => false,
        }
    }

    /// Whether it has the form of an error, of MTN's own or of the framework.
    pub(super) fn is_error(&self) -> bool {
        let has_message = self.fields.status_message.or(self.fields.support_message).is_some();
        match &self.code {
            Some(code) => code.class != CodeClass::Success,
            None => has_message || self.is_framework_error(),
        }
    }

    /// Whether its `status` reports a failure: by an HTTP status or by a word.
    pub(super) fn status_says_failure(&self) -> bool {
        says_failure(self.fields.status)
    }

    /// Whether its `status` says that the work is not done yet.
    pub(super) fn status_says_unfinished(&self) -> bool {
        says_unfinished(self.fields.status)
    }

    /// The code, or the HTTP status if there is no code that may be kept.
    fn code_text(&self, status: StatusCode) -> String {
        let text = self.code.as_ref().and_then(|code| code.text.clone());
        text.unwrap_or_else(|| http_code(status))
    }
}

/// Whether a `status` reports a failure.
pub(super) fn says_failure(status: Option<&RawValue>) -> bool {
    const WORDS: [&str; 5] = ["failed", "failure", "fail", "error", "rejected"];
    let is_http_error = |text: &str| text.parse::<u16>().is_ok_and(|status| status >= 400);
    says_one_of(&WORDS, status) || word(status).is_some_and(is_http_error)
}

/// Whether a `status` says that the work is not done yet.
pub(super) fn says_unfinished(status: Option<&RawValue>) -> bool {
    const WORDS: [&str; 10] = [
        "pending",
        "processing",
        "in_progress",
        "in progress",
        "in-progress",
        "inprogress",
        "queued",
        "initiated",
        "submitted",
        "accepted",
    ];
    says_one_of(&WORDS, status)
}

fn says_one_of(words: &[&str], status: Option<&RawValue>) -> bool {
    word(status).is_some_and(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
}

fn word(status: Option<&RawValue>) -> Option<&str> {
    Some(status?.get().trim_matches('"').trim())
}

/// Accepts the answer to a read, unless its code or its HTTP status is an error. The code takes
/// precedence.
pub(super) fn accept(answer: &Answer) -> Result<Envelope<'_>, MtnError> {
    let status = answer.status;
    let envelope = Envelope::read(&answer.body).ok();
    if let Some(error) = envelope.as_ref().and_then(|it| it.refusal(&answer.headers)) {
        return Err(error);
    }
    let code = envelope.as_ref().map_or_else(|| http_code(status), |it| it.code_text(status));
    match (status.as_u16(), envelope) {
        (100..=299, Some(envelope)) => Ok(envelope),
        (_, Some(envelope)) if envelope.is_pending() => Ok(envelope),
        (100..=299, None) => {
            Err(MtnError::Unavailable("its answer could not be understood".to_owned()))
        }
        (401 | 403, _) => Err(MtnError::CredentialsRefused(code)),
        (429, _) => Err(MtnError::RateLimited(retry_after(&answer.headers))),
        (408 | 504, _) => Err(MtnError::Timeout),
        // A page without JSON comes from a proxy and proves nothing.
        (404, Some(_)) => Err(MtnError::UnknownCustomer),
        (400..=499, Some(_)) => Err(MtnError::Rejected(code)),
        _ => Err(MtnError::Unavailable(format!("it answered {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::test_support;

    const SPRING: &str =
        r#"{"timestamp":"t","status":404,"error":"Not Found","message":"secret","path":"/p"}"#;
    const CANONICAL: &str = r#"{"statusMessage":"secret","supportMessage":"s","transactionId":"1",
        "path":"/p","method":"GET","timestamp":"t"}"#;

    fn answer(status: u16, body: &str) -> Answer {
        let mut answer = test_support::answer(status, body);
        answer.headers.insert("retry-after", http::HeaderValue::from_static("7"));
        answer
    }

    /// The name and code of the error, or `success`.
    fn sorted(status: u16, body: &str) -> String {
        match accept(&answer(status, body)) {
            Ok(_) => "success".to_owned(),
            Err(error) => {
                assert!(!error.to_string().contains("secret"), "{error}");
                match error {
                    MtnError::Rejected(code) => format!("rejected {code}"),
                    MtnError::UnknownCustomer => "unknown customer".to_owned(),
                    MtnError::CredentialsRefused(code) => format!("credentials {code}"),
                    MtnError::RateLimited(wait) => {
                        format!("rate {:?}", wait.map(|it| it.as_secs()))
                    }
                    MtnError::Unavailable(_) => "unavailable".to_owned(),
                    MtnError::Timeout => "timeout".to_owned(),
                    MtnError::Broken => "broken".to_owned(),
                    MtnError::TooLarge => "too large".to_owned(),
                    MtnError::Down(_) => "down".to_owned(),
                }
            }
        }
    }

    fn coded(code: &str) -> String {
        format!(r#"{{"statusCode":{code},"statusMessage":"secret","data":null}}"#)
    }

    #[test]
    fn listed_code_decides_whatever_the_http_status() {
        for (code, expected) in [
            ("1000", "unknown customer"),
            ("1001", "rejected 1001"),
            ("1002", "rejected 1002"),
            ("1003", "rejected 1003"),
            ("1005", "unavailable"),
            ("1007", "timeout"),
            ("1012", "timeout"),
            ("1013", "rate Some(7)"),
            ("2000", "unavailable"),
            ("3000", "unavailable"),
            ("3001", "unavailable"),
            ("3003", "timeout"),
            ("3006", "rate Some(7)"),
            ("4000", "credentials 4000"),
            ("4001", "rejected 4001"),
            ("5000", "rejected 5000"),
            ("5001", "rejected 5001"),
            ("6000", "rejected 6000"),
            ("6001", "rejected 6001"),
        ] {
            for status in [200, 202, 207, 400, 401, 403, 404, 405, 408, 429, 500, 503] {
                assert_eq!(sorted(status, &coded(code)), expected, "{status} {code}");
                let text = coded(&format!("\"{code}\""));
                assert_eq!(sorted(status, &text), expected, "{status} {code} as a text");
            }
        }
        for status in [102, 200, 202, 500] {
            assert_eq!(
                sorted(status, &coded("1004")),
                "success",
                "{status}: pending is not an error"
            );
        }
    }

    #[test]
    fn http_status_decides_if_no_code_is_listed() {
        for body in [SPRING, CANONICAL, "{}", r#"{"data":null}"#, &coded(r#""OK""#), &coded("0")] {
            let code = |http: &str| match body {
                _ if body == coded(r#""OK""#) => "OK".to_owned(),
                _ if body == coded("0") => "0000".to_owned(),
                _ => http.to_owned(),
            };
            for (status, expected) in [
                (102, "success".to_owned()),
                (200, "success".to_owned()),
                (207, "success".to_owned()),
                (301, "unavailable".to_owned()),
                (400, format!("rejected {}", code("http_400"))),
                (401, format!("credentials {}", code("http_401"))),
                (403, format!("credentials {}", code("http_403"))),
                (404, "unknown customer".to_owned()),
                (405, format!("rejected {}", code("http_405"))),
                (408, "timeout".to_owned()),
                (422, format!("rejected {}", code("http_422"))),
                (429, "rate Some(7)".to_owned()),
                (500, "unavailable".to_owned()),
                (502, "unavailable".to_owned()),
                (503, "unavailable".to_owned()),
                (504, "timeout".to_owned()),
            ] {
                assert_eq!(sorted(status, body), expected, "{status} {body}");
            }
        }
        let hidden = coded(r#""2348031234567""#);
        assert_eq!(sorted(400, &hidden), "rejected http_400", "no code is that long");
    }

    #[test]
    fn body_that_is_not_an_object_proves_nothing() {
        let deep = format!(r#"{{"data":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        let twice = r#"{"statusCode":"0000","statusCode":"1001"}"#;
        for body in ["", "<html>1000</html>", "null", "[]", r#""1000""#, "{", &deep, twice] {
            for (status, expected) in [
                (200, "unavailable"),
                (400, "unavailable"),
                (401, "credentials http_401"),
                (403, "credentials http_403"),
                (404, "unavailable"),
                (405, "unavailable"),
                (408, "timeout"),
                (429, "rate Some(7)"),
                (500, "unavailable"),
                (504, "timeout"),
            ] {
                assert_eq!(sorted(status, body), expected, "{status} {body:.40}");
            }
            let error = accept(&answer(200, body)).unwrap_err().to_string();
            assert!(error.ends_with("its answer could not be understood"), "{body:.40}: {error}");
        }
    }

    #[test]
    fn both_kinds_of_errors_are_distinguished_from_answers() {
        let is_error = |body: &str| Envelope::read(body.as_bytes()).unwrap().is_error();
        for error in [
            SPRING,
            CANONICAL,
            &coded("5001"),
            &coded("7777"),
            &coded("1004"),
            r#"{"error":{"code":1}}"#,
            r#"{"supportMessage":"m"}"#,
        ] {
            assert!(is_error(error), "{error}");
        }
        for answer in [
            "{}",
            r#"{"data":null}"#,
            &coded("0"),
            &coded(r#""0000""#),
            r#"{"status":"SUCCESS","message":"m","error":null}"#,
            r#"{"error":""}"#,
            r#"{"error":false}"#,
            r#"{"fault":{"faultstring":"x"}}"#,
        ] {
            assert!(!is_error(answer), "{answer}");
        }
    }

    #[test]
    fn status_reports_a_failure_by_a_number_or_a_word() {
        let fails = |json: &str| {
            let body = format!(r#"{{"status":{json}}}"#);
            Envelope::read(body.as_bytes()).unwrap().status_says_failure()
        };
        for json in ["400", "500", r#""503""#, r#""FAILED""#, r#""Error""#, r#""rejected""#] {
            assert!(fails(json), "{json}");
        }
        for json in ["200", r#""200""#, "399", "null", r#""SUCCESS""#, r#""""#, "[]", "{}"] {
            assert!(!fails(json), "{json}");
        }
    }
}
