//! What the clients share about answers: missing answers and HTTP status codes.

use http::StatusCode;

use crate::domain::purchase::{Outcome, Verdict};
pub(super) use crate::platform::breaker::retry_after;
use crate::platform::http::NoAnswer;

/// The outcome of a purchase call that got no answer. `verdict` is what the provider's rules make
/// of it.
pub(super) fn no_answer(provider: &str, verdict: Verdict, reason: NoAnswer) -> Outcome {
    let (code, note) = match reason {
        NoAnswer::NotSent => ("no_connection", format!("{provider} could not be reached")),
        NoAnswer::Timeout => ("timeout", format!("{provider} did not answer in time")),
        NoAnswer::Down(_) => ("not_asked", format!("{provider} is down and was not asked")),
        NoAnswer::Broken => ("broken", format!("the connection to {provider} broke")),
    };
    Outcome::new(verdict, code, note)
}

/// An HTTP status as a code of ours, such as `http_502`.
pub(super) fn http_code(status: StatusCode) -> String {
    format!("http_{}", status.as_u16())
}
