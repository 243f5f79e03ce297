//! The gateway's errors: what the caller reads, kept apart from what the operator reads.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;

/// The `code` of an error answer. The set is closed and public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be understood or breaks a stated rule.
    InvalidRequest,
    /// The provider says the OTP is not right.
    InvalidOtp,
    /// No such thing for this caller (also when it is another caller's).
    NotFound,
    /// The idempotency key was used with another body.
    IdempotencyConflict,
    /// The same operation is under way; ask again in a moment.
    InProgress,
    /// The OTP session is unknown, foreign, used up or expired.
    SessionExpired,
    /// The code is unknown, foreign, used up or expired.
    CodeExpired,
    /// The body is larger than the route takes.
    PayloadTooLarge,
    /// The provider understood the request and refused it.
    UpstreamRejected,
    /// The session's OTP tries are used up.
    TooManyAttempts,
    /// The caller, the number or the address asks too often.
    RateLimited,
    /// Our own store or queue is out of reach, or the provider is not configured.
    Unavailable,
    /// The provider is down, unparseable, or refuses our credentials.
    UpstreamUnavailable,
    /// The provider did not answer in time.
    UpstreamTimeout,
}

impl Code {
    /// The code as callers read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidOtp => "invalid_otp",
            Self::NotFound => "not_found",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::InProgress => "in_progress",
            Self::SessionExpired => "session_expired",
            Self::CodeExpired => "code_expired",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UpstreamRejected => "upstream_rejected",
            Self::TooManyAttempts => "too_many_attempts",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::UpstreamTimeout => "upstream_timeout",
        }
    }

    /// The HTTP status that goes with the code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest | Self::InvalidOtp => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::IdempotencyConflict | Self::InProgress => StatusCode::CONFLICT,
            Self::SessionExpired | Self::CodeExpired => StatusCode::GONE,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UpstreamRejected => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyAttempts | Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable | Self::UpstreamUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

/// An error answer in the making.
#[derive(Debug, thiserror::Error)]
#[error("{code:?}: {message} ({detail})")]
pub struct ApiError {
    /// What kind of error it is.
    pub code: Code,
    /// What the caller reads: no provider internals, no personal data, no secret.
    pub message: Cow<'static, str>,
    /// What the operator reads in the log: ids and causes, never bodies or personal data.
    pub detail: String,
    /// When to come back, where that is known.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// An error with a message for the caller.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), detail: String::new(), retry_after: None }
    }

    /// Adds what the operator should read.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait.max(Duration::from_secs(1)));
        self
    }

    /// `invalid_request` with a message that names the rule.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    /// `not_found`, the same for an absent thing and another caller's.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "No such resource.")
    }

    /// `session_expired`, the same for every reason.
    pub fn session_expired() -> Self {
        Self::new(
            Code::SessionExpired,
            "This session is unknown, used or older than 10 minutes. Begin a new one.",
        )
    }

    /// `code_expired`, the same for every reason.
    pub fn code_expired() -> Self {
        Self::new(
            Code::CodeExpired,
            "This code is unknown, used or older than 10 minutes. Begin a new session.",
        )
    }

    /// `unavailable` for a provider that this deployment does not have.
    pub fn provider_off(provider: &'static str) -> Self {
        Self::new(Code::Unavailable, format!("{provider} is not configured on this deployment."))
    }

    /// `unavailable` for our own store or queue.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, "The gateway cannot do this right now. Try again.")
            .detail(detail)
    }
}
