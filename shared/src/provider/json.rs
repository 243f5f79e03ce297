//! What the clients share about reading JSON from a provider.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The JSON cannot be read, or has a key twice, so that nobody knows which value is meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

/// Reads an object; `None` if the value is missing or of another type. The check is needed because
/// serde also reads a struct from a list, by position.
pub(super) fn object<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
) -> Result<Option<T>, Unreadable> {
    match raw.map(RawValue::get) {
        Some(text) if text.starts_with('{') => {
            serde_json::from_str(text).map(Some).map_err(|_| Unreadable)
        }
        _ => Ok(None),
    }
}
