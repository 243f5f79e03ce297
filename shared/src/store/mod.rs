//! The DynamoDB store. Conditional writes decide races; expiry is checked in code, because
//! DynamoDB deletes expired items hours late.

mod accounts;
mod catalogues;
mod limits;
mod purchases;
mod requests;
mod sessions;
mod tenants;

use std::collections::HashMap;
use std::fmt;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use serde::{Deserialize, Serialize};

pub use self::accounts::{
    Account, AccountState, Accounts, Consent, ConsentTerms, HistoryEvent, Link,
};
pub use self::catalogues::Catalogues;
pub use self::limits::{Limits, OverLimit};
pub use self::purchases::{Change, Changed, Masked, Page, Purchases, Recorded};
pub use self::requests::{MAX_KEPT, Requests};
pub use self::sessions::{
    Claim, ClaimRefused, Code, LEASE, LIFETIME, NewSession, OTP_TRIES, Session, Sessions,
    TryRefused,
};
pub use self::tenants::{Found, Listing, Tenants};
use crate::error::ApiError;

/// The caller: the tenant behind an API key, never the key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tenant(String);

impl Tenant {
    /// A tenant's id: 1 to 64 of letters, digits, `_` and `-`.
    pub fn new(id: &str) -> Option<Self> {
        let valid = (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        valid.then(|| Self(id.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The store did not do what was asked, or is not known to have done it. A refused condition is
/// not an error: each operation tells it apart in its own result.
#[derive(Debug, thiserror::Error)]
#[error("store: {0}")]
pub struct StoreError(String);

impl StoreError {
    fn of<E: std::error::Error + 'static, R: fmt::Debug + 'static>(error: SdkError<E, R>) -> Self {
        Self(causes(&error))
    }
}

impl From<serde_dynamo::Error> for StoreError {
    fn from(error: serde_dynamo::Error) -> Self {
        Self(format!("an item has an unexpected shape: {error}"))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error.to_string())
    }
}

/// An error and its causes in words, up to the first line break. Not the SDK's own rendering, whose
/// debug part holds the raw response and with it the item; and not what follows a line break: of a
/// wrong signature AWS repeats the headers it received, the session token among them.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    let end = ["\n", "\\n"].iter().filter_map(|end| words.find(end)).min();
    words.truncate(end.unwrap_or(words.len()));
    words
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An attribute of the key behind which a page ended; `None` at the end.
fn last_key(key: Option<HashMap<String, AttributeValue>>, attribute: &str) -> Option<String> {
    key?.remove(attribute)?.as_s().ok().cloned()
}

/// Writes all of `items` or none. `Ok(false)` when a condition refused them.
///
/// # Errors
/// [`StoreError`] when it is not known to have been written.
async fn transact(
    client: &aws_sdk_dynamodb::Client,
    items: Vec<TransactWriteItem>,
) -> Result<bool, StoreError> {
    let Err(error) = client.transact_write_items().set_transact_items(Some(items)).send().await
    else {
        return Ok(true);
    };
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
        error.as_service_error()
    {
        let refused = |code: Option<&str>| code == Some("ConditionalCheckFailed");
        if cancelled.cancellation_reasons().iter().any(|reason| refused(reason.code())) {
            return Ok(false);
        }
    }
    Err(StoreError::of(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_line_break_is_not_passed_on() {
        let error = |text: &str| causes(&std::io::Error::other(text.to_owned()));
        assert_eq!(error("refused: 'POST\nx-amz-security-token:t'"), "refused: 'POST");
        assert_eq!(error("refused: 'POST\\nx-amz-security-token:t'"), "refused: 'POST");
        assert_eq!(error("plain"), "plain");
    }
}
