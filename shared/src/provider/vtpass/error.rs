//! The errors of reads at VTpass. A purchase call has no error: it returns an `Outcome`.

use std::time::Duration;

use crate::platform::breaker::Down;
use crate::platform::http::NoAnswer;

/// Why a read gave no usable answer, sorted by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum VtpassError {
    /// There is no such service. A repeat does not help.
    #[error("VTpass has no such service")]
    UnknownService,
    /// The service is not sold at present.
    #[error("VTpass does not sell this service at present")]
    ServiceOff,
    /// VTpass does not accept our credentials, our address or our account. An operator must act.
    /// Carries VTpass's code, or the HTTP status.
    #[error("VTpass refuses us with {0}")]
    CredentialsRefused(String),
    /// VTpass is down, or its answer cannot be read.
    #[error("VTpass is unavailable: {0}")]
    Unavailable(String),
    /// VTpass did not answer in time.
    #[error("VTpass did not answer in time")]
    Timeout,
    /// VTpass is down, so it was not asked. Carries the time to wait.
    #[error("VTpass is down and was not asked")]
    Down(Duration),
}

impl VtpassError {
    /// The error for an answer that cannot be read.
    pub(super) fn unreadable() -> Self {
        Self::Unavailable("its answer could not be understood".to_owned())
    }
}

impl From<NoAnswer> for VtpassError {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::Timeout => Self::Timeout,
            NoAnswer::Down(wait) => Self::Down(wait),
            NoAnswer::NotSent | NoAnswer::Broken | NoAnswer::TooLarge => {
                Self::Unavailable(reason.to_string())
            }
        }
    }
}

impl From<Down> for VtpassError {
    fn from(Down(wait): Down) -> Self {
        Self::Down(wait)
    }
}
