//! The balance of our wallet.
//!
//! Source: public clients of `GET /api/balance`; no page of VTpass's documentation describes it. The
//! answer is `{"code":1,"contents":{"balance":1081.8199999998}}`: the code is a number and means
//! success, and the balance is naira, with the noise of a float.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::VtpassError;
use super::field::naira;
use super::read::ReadEnvelope;
use crate::domain::money::Kobo;
use crate::provider::json::object;

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct BalanceAnswer<'a> {
    contents: Option<&'a RawValue>,
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Contents<'a> {
    balance: Option<&'a RawValue>,
}

/// Reads the answer to `balance`.
pub(super) fn balance(body: &[u8]) -> Result<Kobo, VtpassError> {
    let whole = serde_json::from_slice(body).map_err(|_| VtpassError::unreadable())?;
    let answer: Option<BalanceAnswer<'_>> = object(Some(whole)).ok().flatten();
    let held = answer.and_then(|answer| {
        let contents = [answer.contents, answer.content].into_iter().flatten();
        let mut contents = contents.filter_map(|raw| object::<Contents<'_>>(Some(raw)).ok()?);
        contents.find_map(|contents| naira(contents.balance).value())
    });
    match held {
        Some(balance) => Ok(balance),
        None => Err(ReadEnvelope::read(body).err().unwrap_or_else(VtpassError::unreadable)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_is_naira_as_a_number_or_as_text() {
        for (body, kobo) in [
            (r#"{"code":1,"contents":{"balance":1081.8199999998}}"#, 108_182),
            (r#"{"code":"1","contents":{"balance":"50"}}"#, 5_000),
            (r#"{"content":{"balance":0}}"#, 0),
        ] {
            assert_eq!(balance(body.as_bytes()).unwrap().kobo(), kobo, "{body}");
        }
    }

    #[test]
    fn what_is_no_balance_is_an_error_and_never_zero() {
        for body in ["", "[]", "{}", r#"{"contents":{}}"#, r#"{"contents":{"balance":-1}}"#] {
            let error = balance(body.as_bytes()).unwrap_err();
            assert!(matches!(error, VtpassError::Unavailable(_)), "{body}: {error}");
        }
        let refused = balance(br#"{"code":"087","response_description":"INVALID CREDENTIALS"}"#);
        assert!(matches!(refused.unwrap_err(), VtpassError::CredentialsRefused(_)));
    }
}
