//! Why the store did not do what was asked, by what the caller does next.

use std::error::Error;
use std::fmt::Debug;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};

use crate::platform::aws::{AwsError, AwsErrorKind};

/// The store did not do what was asked, or is not known to have done it. A refused condition is not
/// an error: each operation tells it apart in its own result.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB is out of reach or busy, or the item changed meanwhile: try again.
    #[error("store: {0}")]
    Unavailable(String),
    /// This version cannot read or write the item: a person must look.
    #[error("store: an item has an unexpected shape: {0}")]
    Unreadable(String),
    /// DynamoDB refuses us: permissions or configuration must be mended.
    #[error("store: not allowed: {0}")]
    NotAllowed(String),
    /// Something else stands in the item's place.
    #[error("store: {0}")]
    Conflict(&'static str),
}

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        let error = AwsError::from(error);
        match error.kind {
            AwsErrorKind::TryAgain => Self::Unavailable(error.reason),
            AwsErrorKind::NotAllowed => Self::NotAllowed(error.reason),
        }
    }
}

impl From<serde_dynamo::Error> for StoreError {
    fn from(error: serde_dynamo::Error) -> Self {
        Self::Unreadable(without_values(&error))
    }
}

impl From<BuildError> for StoreError {
    fn from(error: BuildError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// What is wrong with an item, for the log: the library's text quotes what is stored, which may be
/// personal data.
pub(super) fn without_values(error: &serde_dynamo::Error) -> String {
    let text = error.to_string();
    if ["missing field `", "duplicate field `"].iter().any(|start| text.starts_with(start)) {
        return text;
    }
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "a value cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_dynamo::{from_item, to_item};
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::purchase::Purchase;

    fn reason(item: Value) -> String {
        let item: super::super::conditional::Item = to_item(item).unwrap();
        StoreError::from(from_item::<_, Purchase>(item).unwrap_err()).to_string()
    }

    #[test]
    fn what_is_wrong_with_an_item_is_told_without_what_it_holds() {
        let start = "store: an item has an unexpected shape: ";
        assert_eq!(reason(json!({})), format!("{start}missing field `purchase_id`"));
        for held in [json!("08039998877"), json!(8_039_998_877_u64), json!({ "a": "08039998877" })]
        {
            for field in ["purchase_id", "tenant", "state", "phone", "created_ms", "history"] {
                let told = reason(json!({ field: held }));
                assert!(told.starts_with(start), "{told}");
                assert!(!told.contains("8039998877") && !told.contains("8_039"), "{told}");
            }
        }
        let told = reason(json!({ "state": { "a": 7 } }));
        assert!(told.contains("expected"), "{told}");
    }
}
