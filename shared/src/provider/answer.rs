//! What the clients share about answers: missing answers, HTTP status codes and `Retry-After`.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use crate::domain::purchase::{Outcome, Verdict};
use crate::platform::http::NoAnswer;

/// The outcome of a purchase call that got no answer. `verdict` is what the provider's rules make
/// of it.
pub(super) fn no_answer(provider: &str, verdict: Verdict, reason: NoAnswer) -> Outcome {
    let (code, note) = match reason {
        NoAnswer::NotSent => ("no_connection", format!("{provider} could not be reached")),
        NoAnswer::Timeout => ("timeout", format!("{provider} did not answer in time")),
        NoAnswer::Broken => ("broken", format!("the connection to {provider} broke")),
    };
    Outcome::new(verdict, code, note)
}

/// An HTTP status as a code of ours, such as `http_502`.
pub(super) fn http_code(status: StatusCode) -> String {
    format!("http_{}", status.as_u16())
}

/// The seconds of `Retry-After`. The header's date form is ignored.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
