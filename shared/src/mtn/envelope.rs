//! The envelopes of MTN's answers.
//!
//! Three kinds come: MTN's own (`statusCode`, `statusMessage`, `data`, …), the bare one of balances
//! (`mainBalance`, `bundles`), and that of the framework behind it (`timestamp`, `status`, `error`,
//! `message`, `path`). Fields are read on their own, so that an odd one hides nothing; one that is
//! there twice makes the answer unreadable. Texts meant for people are never read.

use http::{HeaderMap, StatusCode as HttpStatus};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::MtnError;
use super::codes::{Class, StatusCode};
use super::error::retry_after;
use crate::upstream::Answer;

/// The fields that say nothing about a customer.
const ENVELOPE: [&str; 16] = [
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
    /// The whole, as MTN wrote it.
    pub(super) whole: &'a RawValue,
    /// `statusCode`, if there is one.
    pub(super) code: Option<StatusCode>,
    /// `data`, if there is one that is not null.
    pub(super) data: Option<&'a RawValue>,
    /// Whether `mainBalance` or `bundles` is there.
    pub(super) has_balance: bool,
    /// Whether there is more than an envelope's own fields.
    pub(super) has_more: bool,
    status: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    status_message: Option<&'a RawValue>,
    support_message: Option<&'a RawValue>,
}

/// The body is no JSON object, or one that nobody can rely upon.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow, default)]
    status_code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status_message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    support_message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    main_balance: Option<&'a RawValue>,
    #[serde(borrow, default)]
    bundles: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// Reads a body.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Unreadable> {
        // Once as a value: that limits its depth, which raw values do not.
        let value: Value = serde_json::from_slice(body).map_err(|_| Unreadable)?;
        let Value::Object(fields) = value else { return Err(Unreadable) };
        let known = |name: &str| ENVELOPE.contains(&name);
        let has_more = fields.iter().any(|(name, value)| !known(name) && !value.is_null());
        let whole = serde_json::from_slice(body).map_err(|_| Unreadable)?;
        let wire: Wire<'a> = serde_json::from_slice(body).map_err(|_| Unreadable)?;
        Ok(Self {
            whole,
            code: StatusCode::read(wire.status_code),
            data: wire.data,
            has_balance: wire.main_balance.is_some() || wire.bundles.is_some(),
            has_more,
            status: wire.status,
            error: wire.error,
            status_message: wire.status_message,
            support_message: wire.support_message,
        })
    }

    /// What the code says against the answer, if it is one of the book.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<MtnError> {
        self.code.as_ref()?.error(headers)
    }

    /// Whether MTN says that it is working on it.
    pub(super) fn is_pending(&self) -> bool {
        self.code.as_ref().is_some_and(|code| code.class == Class::Pending)
    }

    /// Whether it is the framework's error: `error` has something to say.
    pub(super) fn is_frameworks_error(&self) -> bool {
        match self.error.map(RawValue::get) {
            Some(text) => text.starts_with('{') || (text.starts_with('"') && text != r#""""#),
            None => false,
        }
    }

    /// Whether it has the form of an error, MTN's own or the framework's.
    pub(super) fn is_error(&self) -> bool {
        let tells = self.status_message.or(self.support_message).is_some();
        match &self.code {
            Some(code) => code.class != Class::Fine,
            None => tells || self.is_frameworks_error(),
        }
    }

    /// Whether its `status` speaks of a failure: an HTTP status or a word.
    pub(super) fn status_says_failure(&self) -> bool {
        says_failure(self.status)
    }

    /// The code, or the HTTP status where there is none that may be written down.
    pub(super) fn code_text(&self, status: HttpStatus) -> String {
        let text = self.code.as_ref().and_then(|code| code.text.clone());
        text.unwrap_or_else(|| http_code(status))
    }
}

/// Whether a `status` speaks of a failure.
pub(super) fn says_failure(status: Option<&RawValue>) -> bool {
    const WORDS: [&str; 5] = ["failed", "failure", "fail", "error", "rejected"];
    let Some(text) = status.map(|raw| raw.get().trim_matches('"').trim()) else { return false };
    text.parse::<u16>().is_ok_and(|status| status >= 400)
        || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `http_502`
pub(super) fn http_code(status: HttpStatus) -> String {
    format!("http_{}", status.as_u16())
}

/// Takes the answer to a read, unless code or HTTP status say why there is none. The code goes
/// first.
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
        // A page without JSON is some proxy's and judges nothing.
        (404, Some(_)) => Err(MtnError::UnknownCustomer),
        (400..=499, Some(_)) => Err(MtnError::Rejected(code)),
        _ => Err(MtnError::Unavailable(format!("it answered {status}"))),
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
