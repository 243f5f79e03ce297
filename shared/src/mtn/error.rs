//! Why MTN gave nothing, by what the caller does next.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::error::{ApiError, Code};
use crate::upstream::NoAnswer;

/// The alarm for credentials that MTN does not take.
pub(super) const CREDENTIALS_ALARM: &str = "mtn_refuses_credentials";

/// Why MTN gave no usable answer. Carries codes of MTN's or ours, never its texts.
#[derive(Debug, thiserror::Error)]
pub enum MtnError {
    /// MTN understood the request and refused it: repeating it does not help. Carries MTN's code,
    /// or the HTTP status as `http_400`.
    #[error("MTN refused the request with {0}")]
    Rejected(String),
    /// MTN has no such customer.
    #[error("MTN knows no such customer")]
    UnknownCustomer,
    /// MTN does not take our key, client or token: an operator must act. Carries a code likewise.
    #[error("MTN refuses our credentials with {0}")]
    CredentialsRefused(String),
    /// MTN asks us to slow down, and perhaps for how long.
    #[error("MTN limits our rate")]
    RateLimited(Option<Duration>),
    /// MTN is down or not to be understood.
    #[error("MTN is unavailable: {0}")]
    Unavailable(String),
    /// MTN did not answer in time, or says that something behind it did not.
    #[error("MTN did not answer in time")]
    Timeout,
    /// The connection broke before the whole answer was there.
    #[error("the connection to MTN broke")]
    Broken,
}

impl MtnError {
    /// Whether MTN may have taken the question all the same and answer it at the callback URL.
    pub fn may_answer_later(&self) -> bool {
        match self {
            Self::Timeout | Self::Broken => true,
            Self::Rejected(_) | Self::UnknownCustomer | Self::CredentialsRefused(_) => false,
            Self::RateLimited(_) | Self::Unavailable(_) => false,
        }
    }
}

impl From<NoAnswer> for MtnError {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::NotSent => Self::Unavailable(reason.to_string()),
            NoAnswer::Timeout => Self::Timeout,
            NoAnswer::Broken => Self::Broken,
        }
    }
}

impl From<MtnError> for ApiError {
    fn from(error: MtnError) -> Self {
        let detail = error.to_string();
        match error {
            MtnError::Rejected(_) => {
                Self::new(Code::UpstreamRejected, "The provider refused this request.")
            }
            MtnError::UnknownCustomer => {
                Self::new(Code::UpstreamRejected, "MTN knows no such customer.")
            }
            MtnError::CredentialsRefused(_) => {
                Self::new(Code::UpstreamUnavailable, "The provider cannot be used right now.")
            }
            MtnError::RateLimited(wait) => {
                let busy = Self::new(Code::UpstreamUnavailable, "The provider is busy. Try again.");
                match wait {
                    Some(wait) => busy.retry_after(wait),
                    None => busy,
                }
            }
            MtnError::Unavailable(_) | MtnError::Broken => {
                Self::new(Code::UpstreamUnavailable, "The provider cannot be reached. Try again.")
            }
            MtnError::Timeout => {
                Self::new(Code::UpstreamTimeout, "The provider did not answer in time. Try again.")
            }
        }
        .detail(detail)
    }
}

/// `Retry-After` in seconds; a date there is not read.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_the_gateways_own() {
        let wait = Some(Duration::from_secs(7));
        let table = [
            (MtnError::Rejected("1001".into()), Code::UpstreamRejected, false),
            (MtnError::UnknownCustomer, Code::UpstreamRejected, false),
            (MtnError::CredentialsRefused("4000".into()), Code::UpstreamUnavailable, false),
            (MtnError::RateLimited(wait), Code::UpstreamUnavailable, false),
            (MtnError::RateLimited(None), Code::UpstreamUnavailable, false),
            (MtnError::Unavailable("x".into()), Code::UpstreamUnavailable, false),
            (MtnError::Timeout, Code::UpstreamTimeout, true),
            (MtnError::Broken, Code::UpstreamUnavailable, true),
        ];
        for (error, code, later) in table {
            assert_eq!(error.may_answer_later(), later, "{error}");
            let limited = matches!(error, MtnError::RateLimited(Some(_)));
            let error = ApiError::from(error);
            assert_eq!(error.code, code, "{error}");
            assert_eq!(error.retry_after, wait.filter(|_| limited), "{error}");
            assert!(!error.message.contains(char::is_numeric), "{error}");
        }
        let unknown = ApiError::from(MtnError::UnknownCustomer);
        assert_eq!(unknown.message, "MTN knows no such customer.");
    }

    #[test]
    fn only_what_was_sent_may_be_answered_later() {
        assert!(matches!(NoAnswer::NotSent.into(), MtnError::Unavailable(_)));
        assert!(matches!(NoAnswer::Timeout.into(), MtnError::Timeout));
        assert!(matches!(NoAnswer::Broken.into(), MtnError::Broken));
    }
}
