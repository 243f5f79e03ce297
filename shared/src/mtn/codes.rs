//! MTN's four-digit status codes and what each says.
//!
//! One code means the same in every answer; the HTTP status it usually comes with is in the
//! comment. Codes that are not listed say nothing: then the HTTP status decides.

use http::HeaderMap;
use serde_json::value::RawValue;

use super::error::{MtnError, retry_after};

/// What a code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Done.
    Fine,
    /// MTN has no such customer.
    UnknownCustomer,
    /// Understood and refused.
    Rejected,
    /// Under way: the answer comes later.
    Pending,
    /// Something there does not work, or cannot be reached from there.
    Unavailable,
    /// Something there took too long; it may go on.
    Timeout,
    /// Too many calls.
    RateLimited,
    /// MTN does not take our credentials.
    Credentials,
    /// Refused by the billing there.
    Billing,
    /// Our wallet there is too low.
    WalletLow,
    /// Not in the book.
    Unknown,
}

/// A status code as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StatusCode {
    /// What it says.
    pub(super) class: Class,
    /// The code as it may be written down, if it may.
    pub(super) text: Option<String>,
}

impl Class {
    fn of(code: &str) -> Self {
        match code {
            "0000" => Self::Fine,                       // 200
            "1000" => Self::UnknownCustomer,            // 404
            "1001" | "1002" | "1003" => Self::Rejected, // 400: bad request, (un)subscribed already
            "1004" => Self::Pending,                    // 102
            "1005" => Self::Unavailable,                // 500: try again
            "1007" => Self::Timeout,                    // 500
            "1012" | "3003" => Self::Timeout,           // 408
            "1013" | "3006" => Self::RateLimited,       // 429
            "2000" => Self::Unavailable,                // 400: no connection from there
            "3000" => Self::Unavailable,                // 503
            "3001" => Self::Unavailable,                // 500
            "4000" => Self::Credentials,                // 401
            "4001" => Self::Rejected,                   // 405
            "5000" | "5001" => Self::Rejected,          // 400: bad parameters, failed
            "6000" => Self::Billing,                    // 403
            "6001" => Self::WalletLow,                  // 403
            _ => Self::Unknown,
        }
    }
}

impl StatusCode {
    /// Reads `statusCode`, a text or a number; `None` where there is none.
    pub(super) fn read(raw: Option<&RawValue>) -> Option<Self> {
        /// No code is longer; whatever is might be somebody's number.
        const LONGEST: usize = 6;
        let raw = raw?.get();
        let text = match raw.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(raw).ok()?.trim().to_owned(),
            Some(b'n') => return None,
            // The code 0000 written as a number.
            Some(b'0') if raw == "0" => "0000".to_owned(),
            _ => raw.to_owned(),
        };
        if text.is_empty() {
            return None;
        }
        let shown = text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_alphanumeric());
        Some(Self { class: Class::of(&text), text: shown.then_some(text) })
    }

    /// The error that the code stands for, unless it is fine, pending or unknown.
    pub(super) fn error(&self, headers: &HeaderMap) -> Option<MtnError> {
        let text = || self.text.clone().unwrap_or_default();
        match self.class {
            Class::Fine | Class::Pending | Class::Unknown => None,
            Class::UnknownCustomer => Some(MtnError::UnknownCustomer),
            Class::Rejected | Class::Billing | Class::WalletLow => Some(MtnError::Rejected(text())),
            Class::Unavailable => {
                Some(MtnError::Unavailable(format!("it answered code {}", text())))
            }
            Class::Timeout => Some(MtnError::Timeout),
            Class::RateLimited => Some(MtnError::RateLimited(retry_after(headers))),
            Class::Credentials => Some(MtnError::CredentialsRefused(text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<StatusCode> {
        StatusCode::read(Some(&RawValue::from_string(json.to_owned()).unwrap()))
    }

    #[test]
    fn every_code_has_its_class() {
        let table = [
            ("0000", Class::Fine),
            ("1000", Class::UnknownCustomer),
            ("1001", Class::Rejected),
            ("1002", Class::Rejected),
            ("1003", Class::Rejected),
            ("1004", Class::Pending),
            ("1005", Class::Unavailable),
            ("1007", Class::Timeout),
            ("1012", Class::Timeout),
            ("1013", Class::RateLimited),
            ("2000", Class::Unavailable),
            ("3000", Class::Unavailable),
            ("3001", Class::Unavailable),
            ("3003", Class::Timeout),
            ("3006", Class::RateLimited),
            ("4000", Class::Credentials),
            ("4001", Class::Rejected),
            ("5000", Class::Rejected),
            ("5001", Class::Rejected),
            ("6000", Class::Billing),
            ("6001", Class::WalletLow),
            ("7777", Class::Unknown),
            ("200", Class::Unknown),
        ];
        for (code, class) in table {
            let expected = Some(StatusCode { class, text: Some(code.to_owned()) });
            assert_eq!(read(&format!(r#""{code}""#)), expected, "{code}");
            if !code.starts_with('0') {
                assert_eq!(read(code), expected, "{code} as a number");
            }
        }
    }

    #[test]
    fn a_code_may_be_absent_odd_or_not_to_be_shown() {
        for absent in ["null", r#""""#, r#"" ""#] {
            assert_eq!(read(absent), None, "{absent}");
        }
        assert_eq!(StatusCode::read(None), None);
        assert_eq!(read("0").unwrap().class, Class::Fine);
        assert_eq!(read(r#"" 0000 ""#).unwrap().class, Class::Fine);
        for odd in [r#""0""#, r#""000""#, "true", "[]", "{}", "-1", "1e3", r#""OK""#] {
            assert_eq!(read(odd).unwrap().class, Class::Unknown, "{odd}");
        }
        for hidden in [r#""2348031234567""#, r#""a b""#, "[1]", r#""<x>""#] {
            assert_eq!(read(hidden).unwrap().text, None, "{hidden}");
        }
    }
}
