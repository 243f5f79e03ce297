//! Single fields of VTpass's answers.
//!
//! Codes and amounts come as strings or numbers, and fields are missing or of another type. None of
//! that may hide the rest of an answer, so every field is read separately.

use serde_json::value::RawValue;

use super::codes::ResponseCode;
use crate::domain::money::Kobo;

/// A field that may be missing or of an unexpected form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field<T> {
    /// Missing, null or blank.
    Absent,
    /// Read.
    Value(T),
    /// Present, but not readable.
    Invalid,
}

impl<T> Field<T> {
    /// The value, if it was read.
    pub(super) fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Invalid => None,
        }
    }

    /// Whether it is absent or has an expected value. An unreadable one is not expected.
    pub(super) fn is_absent_or(&self, expected: impl FnOnce(&T) -> bool) -> bool {
        match self {
            Self::Absent => true,
            Self::Value(value) => expected(value),
            Self::Invalid => false,
        }
    }
}

/// A text. A number counts as the text of its digits.
pub(super) fn text(raw: Option<&RawValue>) -> Field<String> {
    let Some(raw) = raw.map(RawValue::get) else { return Field::Absent };
    let text = match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw).ok(),
        Some(b'0'..=b'9' | b'-') => Some(raw.to_owned()),
        _ => None,
    };
    match text.as_deref().map(str::trim) {
        Some("") => Field::Absent,
        Some(text) => Field::Value(text.to_owned()),
        None => Field::Invalid,
    }
}

/// An amount of naira, as a number or a text.
pub(super) fn naira(raw: Option<&RawValue>) -> Field<Kobo> {
    match text(raw) {
        Field::Absent => Field::Absent,
        Field::Value(text) => Kobo::from_naira(&text).map_or(Field::Invalid, Field::Value),
        Field::Invalid => Field::Invalid,
    }
}

/// A code, and its text for logs and history; `None` if there is none. 0, "0" and "000" are the
/// same code. A long or unexpected text is not kept: it may be a phone number.
pub(super) fn code(raw: Option<&RawValue>) -> Option<(&'static ResponseCode, String)> {
    const MAX_CODE_LENGTH: usize = 6;
    let text = match text(raw) {
        Field::Absent => return None,
        Field::Value(text) => text,
        Field::Invalid => String::new(),
    };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = if digits { format!("{text:0>3}") } else { text };
    let printable = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let kept = printable && (1..=MAX_CODE_LENGTH).contains(&text.len());
    let code = ResponseCode::parse(&text);
    Some((code, if kept { text } else { "unrecognised".to_owned() }))
}
