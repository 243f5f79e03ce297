//! How the errors of the store, the queue and the providers become error answers.

use std::time::Duration;

use super::{ApiError, ErrorCode};
use crate::platform::queue::QueueError;
use crate::provider::mono::MonoError;
use crate::provider::mtn::MtnError;
use crate::provider::vtpass::VtpassError;
use crate::store::{OverLimit, StoreError, TryRefused};

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl From<OverLimit> for ApiError {
    fn from(over: OverLimit) -> Self {
        match over {
            OverLimit::Reached(rest) => {
                Self::new(ErrorCode::RateLimited, "Too many requests. Try again later.")
                    .retry_after(rest)
            }
            // Of a limit of none.
            OverLimit::TooMuch => {
                Self::new(ErrorCode::RateLimited, "Too many requests. Try again later.")
                    .retry_after(DAY)
            }
            OverLimit::Unknown(error) => error.into(),
        }
    }
}

impl From<TryRefused> for ApiError {
    fn from(refused: TryRefused) -> Self {
        match refused {
            TryRefused::NoSession => Self::session_expired(),
            TryRefused::TooMany(rest) => {
                let message = "No tries are left. Begin a new session.";
                Self::new(ErrorCode::TooManyAttempts, message).retry_after(rest)
            }
            TryRefused::WrongLength { least, most } if least == most => {
                Self::invalid(format!("otp must have {least} characters."))
            }
            TryRefused::WrongLength { least, most } => {
                Self::invalid(format!("otp must have {least} to {most} characters."))
            }
            TryRefused::Store(error) => error.into(),
        }
    }
}

impl From<MonoError> for ApiError {
    fn from(error: MonoError) -> Self {
        let detail = error.to_string();
        match error {
            MonoError::Rejected(_) => rejected(),
            MonoError::CredentialsRefused(_) => refuses_us(),
            MonoError::RateLimited(wait) => busy(wait),
            MonoError::Down(wait) => down(wait),
            MonoError::Unavailable(_) => unreachable_provider(),
            MonoError::TooLarge => Self::answer_too_large(),
            MonoError::Timeout => timeout(),
        }
        .detail(detail)
    }
}

impl From<VtpassError> for ApiError {
    fn from(error: VtpassError) -> Self {
        let detail = error.to_string();
        match error {
            VtpassError::UnknownService => Self::not_found(),
            VtpassError::ServiceOff => {
                Self::new(ErrorCode::UpstreamRejected, "This service is not sold at present.")
            }
            VtpassError::CredentialsRefused(_) => refuses_us(),
            VtpassError::Down(wait) => down(wait),
            VtpassError::Unavailable(_) => unreachable_provider(),
            VtpassError::Timeout => timeout(),
        }
        .detail(detail)
    }
}

impl From<MtnError> for ApiError {
    fn from(error: MtnError) -> Self {
        let detail = error.to_string();
        match error {
            MtnError::Rejected(_) => rejected(),
            MtnError::UnknownCustomer => {
                Self::new(ErrorCode::UpstreamRejected, "MTN knows no such customer.")
            }
            MtnError::CredentialsRefused(_) => refuses_us(),
            MtnError::RateLimited(wait) => busy(wait),
            MtnError::Down(wait) => down(wait),
            MtnError::Unavailable(_) | MtnError::Broken => unreachable_provider(),
            MtnError::TooLarge => Self::answer_too_large(),
            MtnError::Timeout => timeout(),
        }
        .detail(detail)
    }
}

/// What is told where waiting does not help before the limit is changed.
const DAY: Duration = Duration::from_secs(86_400);

fn rejected() -> ApiError {
    ApiError::new(ErrorCode::UpstreamRejected, "The provider refused this request.")
}

fn refuses_us() -> ApiError {
    ApiError::new(ErrorCode::UpstreamUnavailable, "The provider cannot be used right now.")
}

fn busy(wait: Option<Duration>) -> ApiError {
    let error = ApiError::new(ErrorCode::UpstreamUnavailable, "The provider is busy. Try again.");
    match wait {
        Some(wait) => error.retry_after(wait),
        None => error,
    }
}

/// Tells the whole seconds after which the provider may be up again.
fn down(wait: Duration) -> ApiError {
    let message = "The provider is down. Nothing was begun. Try again later.";
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    ApiError::new(ErrorCode::UpstreamUnavailable, message).retry_after(Duration::from_secs(seconds))
}

fn unreachable_provider() -> ApiError {
    let message = "The provider cannot be reached. Try again.";
    ApiError::new(ErrorCode::UpstreamUnavailable, message)
}

fn timeout() -> ApiError {
    let message = "The provider did not answer in time. Try again.";
    ApiError::new(ErrorCode::UpstreamTimeout, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Option<Duration> = Some(Duration::from_secs(7));
    const ALMOST: Duration = Duration::from_millis(6_001);

    #[test]
    fn provider_errors_become_answers_without_the_providers_words() {
        use ErrorCode::{NotFound, UpstreamRejected, UpstreamTimeout, UpstreamUnavailable};
        let status = http::StatusCode::BAD_REQUEST;
        let (vtpass, mtn) = (VtpassError::CredentialsRefused, MtnError::CredentialsRefused);
        let table: [(ApiError, ErrorCode, Option<Duration>); 23] = [
            (MonoError::Rejected(status).into(), UpstreamRejected, None),
            (MonoError::CredentialsRefused(status).into(), UpstreamUnavailable, None),
            (MonoError::RateLimited(WAIT).into(), UpstreamUnavailable, WAIT),
            (MonoError::Unavailable("x7".into()).into(), UpstreamUnavailable, None),
            (MonoError::TooLarge.into(), UpstreamUnavailable, None),
            (MonoError::Timeout.into(), UpstreamTimeout, None),
            (MonoError::Down(ALMOST).into(), UpstreamUnavailable, WAIT),
            (VtpassError::Down(ALMOST).into(), UpstreamUnavailable, WAIT),
            (MtnError::Down(ALMOST).into(), UpstreamUnavailable, WAIT),
            (VtpassError::UnknownService.into(), NotFound, None),
            (VtpassError::ServiceOff.into(), UpstreamRejected, None),
            (vtpass("087".into()).into(), UpstreamUnavailable, None),
            (VtpassError::Unavailable("x7".into()).into(), UpstreamUnavailable, None),
            (VtpassError::Timeout.into(), UpstreamTimeout, None),
            (MtnError::Rejected("1001".into()).into(), UpstreamRejected, None),
            (MtnError::UnknownCustomer.into(), UpstreamRejected, None),
            (mtn("4000".into()).into(), UpstreamUnavailable, None),
            (MtnError::RateLimited(WAIT).into(), UpstreamUnavailable, WAIT),
            (MtnError::RateLimited(None).into(), UpstreamUnavailable, None),
            (MtnError::Unavailable("x7".into()).into(), UpstreamUnavailable, None),
            (MtnError::Broken.into(), UpstreamUnavailable, None),
            (MtnError::TooLarge.into(), UpstreamUnavailable, None),
            (MtnError::Timeout.into(), UpstreamTimeout, None),
        ];
        for (error, code, retry_after) in table {
            assert_eq!(error.code, code, "{error}");
            assert_eq!(error.retry_after, retry_after, "{error}");
            assert!(!error.message.contains(char::is_numeric), "{error}");
        }
        let unknown = ApiError::from(MtnError::UnknownCustomer);
        assert_eq!(unknown.message, "MTN knows no such customer.");
    }
}
