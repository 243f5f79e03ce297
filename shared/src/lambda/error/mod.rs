//! The gateway's error answers. What the tenant reads is kept apart from what the operator reads.

mod from;

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use strum::{EnumIter, IntoStaticStr};

/// The `code` of an error answer. The set is closed and public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ErrorCode {
    /// The request cannot be understood or breaks a stated rule.
    InvalidRequest,
    /// The provider says the OTP is not right.
    InvalidOtp,
    /// No such thing for this tenant (also when it is another tenant's).
    NotFound,
    /// The idempotency key was used with another body.
    IdempotencyConflict,
    /// The same operation is running; ask again in a moment.
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
    /// The tenant, the number or the address asks too often.
    RateLimited,
    /// The key may not do this.
    Forbidden,
    /// The tenant's money limit is reached, or the order is larger than one may be.
    LimitExceeded,
    /// Our own store or queue is out of reach, or the provider is not configured.
    Unavailable,
    /// The provider is down, unparseable, or refuses our credentials.
    UpstreamUnavailable,
    /// The provider did not answer in time.
    UpstreamTimeout,
}

impl ErrorCode {
    /// The code as tenants read it.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The HTTP status that goes with the code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest | Self::InvalidOtp => StatusCode::BAD_REQUEST,
            Self::Forbidden | Self::LimitExceeded => StatusCode::FORBIDDEN,
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

/// An error answer before it is written.
#[derive(Debug, thiserror::Error)]
#[error("{code:?}: {message} ({detail})")]
pub struct ApiError {
    /// What kind of error it is.
    pub code: ErrorCode,
    /// What the tenant reads: no provider internals, no personal data, no secret.
    pub message: Cow<'static, str>,
    /// What the operator reads in the log: ids and causes, never bodies or personal data.
    pub detail: String,
    /// When to try again, where that is known.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// An error with a message for the tenant.
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), detail: String::new(), retry_after: None }
    }

    /// Adds what the operator should read.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The same with another message for the tenant.
    #[must_use]
    pub fn with_message(self, message: &'static str) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Adds a `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait.max(Duration::from_secs(1)));
        self
    }

    /// `invalid_request` with a message that names the rule.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// `not_found`, the same for an absent thing and another tenant's.
    pub fn not_found() -> Self {
        Self::new(ErrorCode::NotFound, "No such resource.")
    }

    /// `session_expired`, the same for every reason.
    pub fn session_expired() -> Self {
        Self::new(
            ErrorCode::SessionExpired,
            "This session is unknown, used or older than 10 minutes. Begin a new one.",
        )
    }

    /// `code_expired`, the same for every reason.
    pub fn code_expired() -> Self {
        Self::new(
            ErrorCode::CodeExpired,
            "This code is unknown, used or older than 10 minutes. Begin a new session.",
        )
    }

    /// `limit_exceeded`: what the tenant may buy is used up, and for how long where that ends.
    pub fn limit_exceeded(
        message: impl Into<Cow<'static, str>>,
        ends_in: Option<Duration>,
    ) -> Self {
        let retry_after = ends_in.map(|wait| wait.max(Duration::from_secs(1)));
        Self { retry_after, ..Self::new(ErrorCode::LimitExceeded, message) }
    }

    /// `upstream_unavailable` for a provider's answer that is too large to pass on.
    pub fn answer_too_large() -> Self {
        let message = "The provider's answer is too large to pass on. Ask for less at a time.";
        Self::new(ErrorCode::UpstreamUnavailable, message)
    }

    /// `unavailable` for a provider that this deployment does not have.
    pub fn provider_off(provider: &'static str) -> Self {
        Self::new(
            ErrorCode::Unavailable,
            format!("{provider} is not configured on this deployment."),
        )
    }

    /// `unavailable` for our own store or queue.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, "The gateway cannot do this right now. Try again.")
            .detail(detail)
    }
}
