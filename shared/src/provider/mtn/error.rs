//! The errors of calls to MTN.

use std::time::Duration;

use crate::platform::breaker::Down;
use crate::platform::http::NoAnswer;

/// Why MTN gave no usable answer, sorted by what the caller does next. Carries codes of MTN's or of
/// ours, never MTN's texts.
#[derive(Debug, thiserror::Error)]
pub enum MtnError {
    /// MTN understood the request and refused it. A repeat does not help. Carries MTN's code, or
    /// the HTTP status as `http_400`.
    #[error("MTN refused the request with {0}")]
    Rejected(String),
    /// MTN does not know the customer.
    #[error("MTN knows no such customer")]
    UnknownCustomer,
    /// MTN does not accept our key, client or token. An operator must act. Carries a code as
    /// `Rejected` does.
    #[error("MTN refuses our credentials with {0}")]
    CredentialsRefused(String),
    /// MTN limits our rate. Carries the time to wait, if MTN names one.
    #[error("MTN limits our rate")]
    RateLimited(Option<Duration>),
    /// MTN is down, or its answer cannot be read.
    #[error("MTN is unavailable: {0}")]
    Unavailable(String),
    /// MTN, or a system behind MTN, did not answer in time.
    #[error("MTN did not answer in time")]
    Timeout,
    /// MTN is down, so it was not asked. Carries the time to wait.
    #[error("MTN is down and was not asked")]
    Down(Duration),
    /// The connection broke before the whole answer was received.
    #[error("the connection to MTN broke")]
    Broken,
    /// MTN's answer is too large to be read. A repeat does not help.
    #[error("MTN's answer is too large to be read")]
    TooLarge,
}

impl MtnError {
    /// Whether MTN may have accepted the question although there is no answer, and may still answer
    /// at the callback URL.
    pub fn may_answer_later(&self) -> bool {
        match self {
            Self::Timeout | Self::Broken => true,
            Self::Rejected(_) | Self::UnknownCustomer | Self::CredentialsRefused(_) => false,
            Self::RateLimited(_) | Self::Unavailable(_) | Self::Down(_) | Self::TooLarge => false,
        }
    }

    /// The error for a request that cannot be built.
    pub(super) fn unwritable() -> Self {
        Self::Unavailable("the request cannot be written".to_owned())
    }

    /// The error for an answer whose data is missing.
    pub(super) fn no_data() -> Self {
        Self::Unavailable("its answer has no data".to_owned())
    }
}

impl From<NoAnswer> for MtnError {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::NotSent => Self::Unavailable(reason.to_string()),
            NoAnswer::Timeout => Self::Timeout,
            NoAnswer::Down(wait) => Self::Down(wait),
            NoAnswer::Broken => Self::Broken,
            NoAnswer::TooLarge => Self::TooLarge,
        }
    }
}

impl From<Down> for MtnError {
    fn from(Down(wait): Down) -> Self {
        Self::Down(wait)
    }
}
