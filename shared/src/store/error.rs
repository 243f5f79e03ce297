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
        Self::Unreadable(error.to_string())
    }
}

impl From<BuildError> for StoreError {
    fn from(error: BuildError) -> Self {
        Self::Unreadable(error.to_string())
    }
}
