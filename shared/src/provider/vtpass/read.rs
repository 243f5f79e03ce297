//! What the answers to VTpass's reads have in common: the envelope and the refusals.
//!
//! Source: VTpass documentation, *9mobile Data* and *Response codes*.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::codes::ReadMeaning;
use super::error::VtpassError;
use super::field::code;
use crate::platform::http::{Answer, NoAnswer};
use crate::provider::json::object;

/// The envelope of the catalogue.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub(super) struct ReadEnvelope<'a> {
    code: Option<&'a RawValue>,
    response_description: Option<&'a RawValue>,
    pub(super) content: Option<&'a RawValue>,
}

impl<'a> ReadEnvelope<'a> {
    /// Reads a body whose code is not that of a refusal.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, VtpassError> {
        let envelope = Self::parse(body).ok_or_else(VtpassError::unreadable)?;
        match envelope.refusal() {
            Some(refusal) => Err(refusal),
            None => Ok(envelope),
        }
    }

    fn parse(body: &'a [u8]) -> Option<Self> {
        object(Some(serde_json::from_slice(body).ok()?)).ok()?
    }

    fn refusal(&self) -> Option<VtpassError> {
        let (code, text) = code(self.code).or_else(|| code(self.response_description))?;
        match code.on_read {
            ReadMeaning::Readable => None,
            ReadMeaning::NoService => Some(VtpassError::UnknownService),
            ReadMeaning::ServiceOff => Some(VtpassError::ServiceOff),
            ReadMeaning::Refused => Some(VtpassError::CredentialsRefused(text)),
            ReadMeaning::Unavailable => {
                Some(VtpassError::Unavailable(format!("it answered code {text}")))
            }
        }
    }
}

/// Accepts a successful answer. Every other result is an error, sorted by what the caller does
/// next.
pub(super) fn accept(result: Result<Answer, NoAnswer>) -> Result<Answer, VtpassError> {
    let answer = result?;
    let status = answer.status;
    let unavailable = || VtpassError::Unavailable(format!("it answered {status}"));
    match status.as_u16() {
        200..=299 => Ok(answer),
        401 | 403 => Err(VtpassError::CredentialsRefused(status.as_u16().to_string())),
        400..=499 => {
            let envelope = ReadEnvelope::parse(&answer.body);
            Err(envelope.and_then(|it| it.refusal()).unwrap_or_else(unavailable))
        }
        _ => Err(unavailable()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::test_support::answer;

    fn error(status: u16, body: &str) -> VtpassError {
        accept(Ok(answer(status, body))).unwrap_err()
    }

    #[test]
    fn refused_reads_are_sorted_by_what_to_do() {
        assert!(matches!(error(400, r#"{"code":"012"}"#), VtpassError::UnknownService));
        assert!(matches!(error(404, "<html>"), VtpassError::Unavailable(_)));
        assert!(matches!(error(400, r#"{"message":"no"}"#), VtpassError::Unavailable(_)));
        assert!(matches!(error(401, ""), VtpassError::CredentialsRefused(it) if it == "401"));
        assert!(matches!(error(503, r#"{"code":"012"}"#), VtpassError::Unavailable(_)));
        assert!(matches!(error(302, ""), VtpassError::Unavailable(_)));
        assert!(matches!(accept(Err(NoAnswer::Timeout)), Err(VtpassError::Timeout)));
    }
}
