//! The balance of our wallet at VTpass (VTpass documentation, *Authentication*).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::VtpassError;
use super::field::naira;
use super::read::ReadEnvelope;
use crate::domain::money::Kobo;
use crate::provider::json::object;

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct BalanceContents<'a> {
    balance: Option<&'a RawValue>,
}

/// Reads the answer to `balance`.
pub(super) fn balance(body: &[u8]) -> Result<Kobo, VtpassError> {
    let contents = object(ReadEnvelope::read(body)?.contents);
    let contents: Option<BalanceContents<'_>> = contents.map_err(|_| VtpassError::unreadable())?;
    let balance = contents.and_then(|contents| naira(contents.balance).value());
    balance.ok_or_else(VtpassError::unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balance_loses_its_float_noise() {
        let read = |body: &str| balance(body.as_bytes()).ok().map(Kobo::kobo);
        assert_eq!(read(r#"{"code":1,"contents":{"balance":1081.8199999998}}"#), Some(108_182));
        assert_eq!(read(r#"{"code":1,"contents":{"balance":"50"}}"#), Some(5_000));
        assert_eq!(read(r#"{"code":1,"contents":{}}"#), None);
        assert_eq!(read(r#"{"code":1,"contents":{"balance":-3}}"#), None);
        assert_eq!(read(r#"{"code":"087","contents":{"balance":5}}"#), None);
    }
}
