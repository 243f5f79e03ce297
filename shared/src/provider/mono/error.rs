//! The errors of calls to Mono.

use std::time::Duration;

use http::StatusCode;

use crate::platform::breaker::Down;
use crate::platform::http::NoAnswer;

/// Why Mono gave no usable answer, sorted by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum MonoError {
    /// Mono understood the request and refused it. A repeat does not help.
    #[error("Mono refused the request with {0}")]
    Rejected(StatusCode),
    /// Mono does not accept our key or its scope. An operator must act.
    #[error("Mono refuses our credentials with {0}")]
    CredentialsRefused(StatusCode),
    /// Mono limits our rate. Carries the time to wait, if Mono names one.
    #[error("Mono limits our rate")]
    RateLimited(Option<Duration>),
    /// Mono is down, or its answer cannot be read. It is unknown whether Mono acted.
    #[error("Mono is unavailable: {0}")]
    Unavailable(String),
    /// Mono's answer is too large to be read. A repeat does not help. It is unknown whether Mono acted.
    #[error("Mono's answer is too large to be read")]
    TooLarge,
    /// Mono did not answer in time. It is unknown whether Mono acted.
    #[error("Mono did not answer in time")]
    Timeout,
    /// Mono is down, so it was not asked. Carries the time to wait.
    #[error("Mono is down and was not asked")]
    Down(Duration),
}

impl MonoError {
    /// Whether Mono may have acted although it gave no usable answer.
    pub fn is_unclear(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::TooLarge | Self::Timeout => true,
            Self::Rejected(_) | Self::CredentialsRefused(_) => false,
            Self::RateLimited(_) | Self::Down(_) => false,
        }
    }
}

impl From<NoAnswer> for MonoError {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::Timeout => Self::Timeout,
            NoAnswer::Down(wait) => Self::Down(wait),
            NoAnswer::TooLarge => Self::TooLarge,
            NoAnswer::NotSent | NoAnswer::Broken => Self::Unavailable(reason.to_string()),
        }
    }
}

impl From<Down> for MonoError {
    fn from(Down(wait): Down) -> Self {
        Self::Down(wait)
    }
}
