//! Outcomes that a test asks for.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::contract::Operation;
use super::envelope::{Reply, Request};
use crate::simulators::wire::Wire;

/// What a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Whatever comes first and can be answered so.
    Any,
    /// One operation.
    #[serde(untagged)]
    Only(Operation),
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// With the data.
    Now,
    /// By a callback right after the answer.
    Later,
    /// By a callback that is never sent.
    Lost,
    /// By a callback that waits until it is released.
    Held,
    /// By a callback that overtakes the answer.
    Before,
    /// By the same callback twice.
    Duplicate,
    /// By two callbacks with different data.
    Conflicting,
    /// With a part of the data only.
    Partial,
    /// With the canonical envelope of errors.
    Error,
    /// With Spring's envelope of errors.
    SpringError,
    /// With a page for people.
    Html,
    /// With a status and an empty body.
    Silent,
    /// With half a body.
    Broken,
    /// Not at all, for a minute.
    Hang,
    /// As if the token were wrong; from then on it is.
    RefuseToken,
    /// By a callback after a while: what some operations do when no script says otherwise.
    #[serde(skip)]
    Eventually,
}

/// One scripted outcome.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// What it is for.
    pub operation: Target,
    /// How it is answered.
    pub answer: Answer,
    /// The HTTP status of an error, a page or a silent answer.
    pub http_status: Option<u16>,
    /// MTN's status code in an error; 3001 without.
    pub status_code: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// Whether a refill is done, whatever is answered.
    pub apply: Option<bool>,
}

impl Operation {
    /// Whether its answer may come by callback.
    pub(super) fn has_callback(self) -> bool {
        matches!(self, Self::Balance | Self::Recharges | Self::RechargeSummary | Self::Usage)
    }
}

impl Answer {
    pub(super) fn calls_back(self) -> bool {
        use Answer::{Before, Conflicting, Duplicate, Eventually, Held, Later, Lost};
        matches!(self, Later | Lost | Held | Before | Duplicate | Conflicting | Eventually)
    }

    fn suits(self, operation: Operation) -> bool {
        match self {
            Self::RefuseToken | Self::Partial => operation != Operation::Token,
            _ => !self.calls_back() || operation.has_callback(),
        }
    }

    fn has_status(self) -> bool {
        matches!(self, Self::Error | Self::SpringError | Self::Html | Self::Silent)
    }
}

impl Script {
    /// What is wrong with it: a script that would do nothing is a mistake in a test.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let (answer, only) = match self.operation {
            Target::Any => (self.answer, None),
            Target::Only(operation) => (self.answer, Some(operation)),
        };
        let applicable = !matches!(answer, Answer::Now | Answer::RefuseToken)
            && only.is_none_or(|it| it == Operation::Refill);
        let has_status = self.http_status.is_some() || self.retry_after.is_some();
        if only.is_some_and(|operation| !answer.suits(operation)) {
            Some("this operation has no such answer")
        } else if has_status && !answer.has_status() {
            Some("this answer has no status of its own")
        } else if self.http_status.is_some_and(|it| StatusCode::from_u16(it).is_err()) {
            Some("http_status is none")
        } else if self.status_code.is_some() && answer != Answer::Error {
            Some("only an error has a status_code")
        } else if self.apply.is_some() && !applicable {
            Some("apply is for refills that are not answered as usual")
        } else {
            None
        }
    }

    pub(super) fn is_for(&self, operation: Operation) -> bool {
        match self.operation {
            Target::Any => self.answer.suits(operation),
            Target::Only(only) => only == operation,
        }
    }

    /// Whether what is asked for happens: a refill, the giving of a token.
    pub(super) fn acts(&self) -> bool {
        self.answer == Answer::Now || self.apply == Some(true)
    }

    fn status(&self, default: StatusCode) -> StatusCode {
        self.http_status.and_then(|it| StatusCode::from_u16(it).ok()).unwrap_or(default)
    }

    /// The answer, given the one that would have gone out.
    pub(super) fn wire(&self, operation: Operation, usual: Reply, request: &Request) -> Wire {
        let failed = self.status(StatusCode::INTERNAL_SERVER_ERROR);
        match self.answer {
            Answer::Partial => partial(operation, usual).wire(),
            Answer::Error => {
                request.error(failed, self.status_code.as_deref().unwrap_or("3001")).wire()
            }
            Answer::SpringError => request.spring_error(failed).wire(),
            Answer::Html => {
                let body = format!("<html><body>{failed}</body></html>");
                Wire::Whole { status: failed, body, is_json: false }
            }
            Answer::Silent => {
                let status = self.status(StatusCode::OK);
                Wire::Whole { status, body: String::new(), is_json: true }
            }
            Answer::Broken => Wire::Half(usual.body.to_string()),
            Answer::Hang => Wire::Hang,
            Answer::RefuseToken => request.error(StatusCode::UNAUTHORIZED, "4000").wire(),
            _ => usual.wire(),
        }
    }

    /// Adds what the script says of headers.
    pub(super) fn with_headers(&self, mut response: Response) -> Response {
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The answer without one of its parts; an answer without data stays as it is.
fn partial(operation: Operation, mut usual: Reply) -> Reply {
    let part = match operation {
        Operation::Plans | Operation::ProductPlans => "/data/balance",
        Operation::Premium => "/data/loyaltyInformation",
        Operation::Balance => "/bundles",
        Operation::Recharges => "/data/usage",
        Operation::RechargeSummary | Operation::Usage | Operation::UsageSummary => "/data/summary",
        Operation::Refill | Operation::Token => "/data",
    };
    if usual.status.is_success()
        && let Some(part) = usual.body.pointer_mut(part)
    {
        *part = Value::Null;
        usual.status = StatusCode::MULTI_STATUS;
    }
    usual
}
