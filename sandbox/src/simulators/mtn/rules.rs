//! The rules for a single field of a request.

use serde_json::{Map, Value};
use time::Date;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use url::Url;

/// A field of a request: a header, a query parameter, a part of the path or of a body.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) rule: Rule,
}

/// What the value of a field must be.
pub(super) enum Rule {
    /// A text that is not empty.
    Text,
    /// One of these texts, case-sensitive.
    OneOf(&'static [&'static str]),
    /// An MSISDN: digits only, with the country code.
    Msisdn,
    /// 5 to 20 letters, digits and `+/=-`. Another MTN API documents this; it is applied
    /// everywhere.
    TransactionId,
    /// Digits that are a number above zero.
    WholeNaira,
    /// A day that exists, in this format.
    Day(DayFormat),
    /// An integer from `min` to `max`.
    Whole { min: i64, max: i64 },
    /// An absolute http(s) URL.
    CallbackUrl,
    /// An object of these fields and no others.
    Object(&'static [Field]),
}

/// The format of a day.
pub(super) type DayFormat = &'static [BorrowedFormatItem<'static>];

/// `20240717`, for recharges.
pub(super) const COMPACT_DAY: DayFormat = format_description!("[year][month][day]");
/// `17-07-2024`, for usage.
pub(super) const DASHED_DAY: DayFormat = format_description!("[day]-[month]-[year]");

/// A required field.
pub(super) const fn must(name: &'static str, rule: Rule) -> Field {
    Field { name, required: true, rule }
}

/// An optional field.
pub(super) const fn may(name: &'static str, rule: Rule) -> Field {
    Field { name, required: false, rule }
}

/// Checks an object against its fields. The error names fields and never a value.
pub(super) fn check(
    place: &str,
    fields: &[Field],
    given: &Map<String, Value>,
) -> Result<(), String> {
    let known = |name: &str| fields.iter().any(|field| field.name == name);
    if let Some(unknown) = given.keys().find(|name| !known(name)) {
        return Err(format!("{place}: unknown field {}", printable(unknown)));
    }
    for field in fields {
        match given.get(field.name) {
            Some(value) => field.rule.check(&format!("{place} {}", field.name), value)?,
            None if field.required => return Err(format!("{place}: lacks {}", field.name)),
            None => {}
        }
    }
    Ok(())
}

/// A name as a violation may show it: what does not look like a field's name could be personal
/// data.
pub(super) fn printable(name: &str) -> &str {
    let is_name = name.len() <= 40 && name.bytes().all(|it| it.is_ascii_alphabetic() || it == b'-');
    if is_name { name } else { "(unprintable)" }
}

/// Parses a day.
pub(super) fn day(text: &str, format: DayFormat) -> Option<Date> {
    // The parser alone would also accept signs and missing digits.
    let dash_at = |index| format == DASHED_DAY && matches!(index, 2 | 5);
    let length = if format == DASHED_DAY { 10 } else { 8 };
    let mut bytes = text.bytes().enumerate();
    let shaped = bytes.all(|(at, it)| if dash_at(at) { it == b'-' } else { it.is_ascii_digit() });
    (text.len() == length && shaped).then(|| Date::parse(text, format).ok())?
}

impl Rule {
    fn check(&self, place: &str, value: &Value) -> Result<(), String> {
        let problem = match (self, value) {
            (Self::Object(fields), Value::Object(object)) => return check(place, fields, object),
            (Self::Object(_), _) => Some("is no object"),
            (Self::Whole { min, max }, value) => match value.as_i64() {
                Some(number) if (*min..=*max).contains(&number) => None,
                Some(_) => Some("is out of range"),
                None => Some("is no integer"),
            },
            (_, Value::String(text)) if text.is_empty() => Some("is empty"),
            (rule, Value::String(text)) => rule.problem(text),
            _ => Some("is no text"),
        };
        problem.map_or(Ok(()), |problem| Err(format!("{place}: {problem}")))
    }

    /// What is wrong with a text, if anything.
    fn problem(&self, text: &str) -> Option<&'static str> {
        let digits = text.bytes().all(|it| it.is_ascii_digit());
        let (right, problem) = match self {
            Self::Text | Self::Whole { .. } | Self::Object(_) => return None,
            Self::OneOf(values) => (values.contains(&text), "is not one of the allowed values"),
            Self::Msisdn if !digits || !(3..=15).contains(&text.len()) => {
                return Some("is not 3 to 15 digits");
            }
            Self::Msisdn => (
                text.len() == 13 && text.starts_with("234"),
                "is not international: 234 and ten digits",
            ),
            Self::TransactionId => (
                (5..=20).contains(&text.len())
                    && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"+/=-".contains(&it)),
                "is not 5 to 20 of the allowed characters",
            ),
            Self::WholeNaira => (
                digits && text.len() <= 9 && !text.starts_with('0'),
                "is no whole number above zero",
            ),
            Self::Day(format) => (day(text, format).is_some(), "is no day in the right format"),
            Self::CallbackUrl => (
                Url::parse(text)
                    .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()),
                "is no absolute http(s) URL",
            ),
        };
        (!right).then_some(problem)
    }
}
