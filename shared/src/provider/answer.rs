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
        NoAnswer::TooLarge => ("too_large", format!("{provider}'s answer is too large to be read")),
    };
    Outcome::new(verdict, code, note)
}

/// An HTTP status as a code of ours, such as `http_502`.
pub(super) fn http_code(status: StatusCode) -> String {
    format!("http_{}", status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_large_proves_as_little_as_a_broken_one() {
        for reason in [NoAnswer::Broken, NoAnswer::TooLarge] {
            let outcome = no_answer("VTpass", Verdict::Unclear, reason);
            assert_eq!(outcome.verdict, Verdict::Unclear);
            assert!(!outcome.acknowledged && !outcome.unknown_reference);
        }
        let too_large = no_answer("VTpass", Verdict::Unclear, NoAnswer::TooLarge);
        assert_eq!(too_large.code, "too_large");
        assert_eq!(too_large.note, "VTpass's answer is too large to be read");
    }
}
