//! Errors of AWS calls, by what the caller does next.

use std::error::Error;
use std::fmt::Debug;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What the caller of AWS does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsErrorKind {
    /// Try again: no answer, throttled, or a fault of the service. Whether the call took effect is
    /// not known.
    TryAgain,
    /// Permissions or configuration must be mended: trying again does not help.
    NotAllowed,
}

/// A call to AWS that did not succeed, or is not known to have succeeded.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct AwsError {
    /// What to do next.
    pub kind: AwsErrorKind,
    /// The error and its causes, for the log. Holds no item and no credentials.
    pub reason: String,
}

impl<E, R> From<SdkError<E, R>> for AwsError
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        let kind = match code {
            Some(code) if is_refusal(code) => AwsErrorKind::NotAllowed,
            _ => AwsErrorKind::TryAgain,
        };
        Self { kind, reason: causes(&error) }
    }
}

fn is_refusal(code: &str) -> bool {
    const REFUSALS: [&str; 7] = [
        "AccessDenied",
        "AccessDeniedException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "ResourceNotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    ];
    REFUSALS.contains(&code)
}

/// An error and its causes as text, up to the first line break. The SDK's own debug output would hold
/// the raw response and with it the item; after a line break AWS repeats the headers of a request
/// with a wrong signature, the session token among them.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    let end = ["\n", "\\n"].iter().filter_map(|end| text.find(end)).min();
    text.truncate(end.unwrap_or(text.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_after_a_line_break_is_not_passed_on() {
        let error = |text: &str| causes(&std::io::Error::other(text.to_owned()));
        assert_eq!(error("refused: 'POST\nx-amz-security-token:t'"), "refused: 'POST");
        assert_eq!(error("refused: 'POST\\nx-amz-security-token:t'"), "refused: 'POST");
        assert_eq!(error("plain"), "plain");
    }
}
