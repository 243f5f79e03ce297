//! MTN's four-digit status codes, and what each code means.
//!
//! Source: the table of status codes in MTN's developer documentation. A code means the same in
//! every answer. The comments give the HTTP status that usually comes with it. A code that is not
//! listed means nothing: then the HTTP status decides.

use http::HeaderMap;
use serde_json::value::RawValue;

use super::error::MtnError;
use crate::provider::answer::retry_after;

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeClass {
    /// Success.
    Success,
    /// MTN does not know the customer.
    UnknownCustomer,
    /// Understood and refused.
    Rejected,
    /// MTN is working on it: the answer comes later.
    Pending,
    /// A system at MTN does not work, or MTN cannot reach it.
    Unavailable,
    /// A system at MTN took too long. It may still go on.
    Timeout,
    /// Too many calls.
    RateLimited,
    /// MTN does not accept our credentials.
    CredentialsRefused,
    /// Refused by MTN's billing.
    Billing,
    /// Our wallet at MTN is too low.
    WalletLow,
    /// Not listed.
    Unknown,
}

/// A status code of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MtnCode {
    /// What it means.
    pub(super) class: CodeClass,
    /// The code for logs and history. `None` for a long or unexpected text, which may be a phone
    /// number.
    pub(super) text: Option<String>,
}

impl CodeClass {
    fn of(code: &str) -> Self {
        match code {
            "0000" => Self::Success,                    // 200
            "1000" => Self::UnknownCustomer,            // 404
            "1001" | "1002" | "1003" => Self::Rejected, // 400: bad request, (un)subscribed already
            "1004" => Self::Pending,                    // 102
            "1005" => Self::Unavailable,                // 500: try again
            "1007" => Self::Timeout,                    // 500
            "1012" | "3003" => Self::Timeout,           // 408
            "1013" | "3006" => Self::RateLimited,       // 429
            "2000" => Self::Unavailable,                // 400: no connection
            "3000" => Self::Unavailable,                // 503
            "3001" => Self::Unavailable,                // 500
            "4000" => Self::CredentialsRefused,         // 401
            "4001" => Self::Rejected,                   // 405
            "5000" | "5001" => Self::Rejected,          // 400: bad parameters, failed
            "6000" => Self::Billing,                    // 403
            "6001" => Self::WalletLow,                  // 403
            _ => Self::Unknown,
        }
    }
}

impl MtnCode {
    /// Reads `statusCode`, a text or a number; `None` if there is none.
    pub(super) fn read(raw: Option<&RawValue>) -> Option<Self> {
        const MAX_CODE_LENGTH: usize = 6;
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
        let kept = text.len() <= MAX_CODE_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric());
        Some(Self { class: CodeClass::of(&text), text: kept.then_some(text) })
    }

    /// The error that the code means; `None` for success, pending and unknown codes.
    pub(super) fn error(&self, headers: &HeaderMap) -> Option<MtnError> {
        let text = || self.text.clone().unwrap_or_default();
        match self.class {
            CodeClass::Success | CodeClass::Pending | CodeClass::Unknown => None,
            CodeClass::UnknownCustomer => Some(MtnError::UnknownCustomer),
            CodeClass::Rejected | CodeClass::Billing | CodeClass::WalletLow => {
                Some(MtnError::Rejected(text()))
            }
            CodeClass::Unavailable => {
                Some(MtnError::Unavailable(format!("it answered code {}", text())))
            }
            CodeClass::Timeout => Some(MtnError::Timeout),
            CodeClass::RateLimited => Some(MtnError::RateLimited(retry_after(headers))),
            CodeClass::CredentialsRefused => Some(MtnError::CredentialsRefused(text())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<MtnCode> {
        MtnCode::read(Some(&RawValue::from_string(json.to_owned()).unwrap()))
    }

    #[test]
    fn code_may_be_absent_or_invalid_or_not_kept() {
        for absent in ["null", r#""""#, r#"" ""#] {
            assert_eq!(read(absent), None, "{absent}");
        }
        assert_eq!(MtnCode::read(None), None);
        assert_eq!(read("0").unwrap().class, CodeClass::Success);
        assert_eq!(read(r#"" 0000 ""#).unwrap().class, CodeClass::Success);
        for unlisted in
            [r#""0""#, r#""000""#, "0.5", "0e0", "true", "[]", "{}", "-1", "1e3", r#""OK""#]
        {
            assert_eq!(read(unlisted).unwrap().class, CodeClass::Unknown, "{unlisted}");
        }
        for hidden in [r#""2348031234567""#, r#""a b""#, "[1]", r#""<x>""#] {
            assert_eq!(read(hidden).unwrap().text, None, "{hidden}");
        }
    }
}
