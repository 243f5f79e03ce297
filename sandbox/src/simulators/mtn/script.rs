//! Outcomes that a test scripts with `POST /_sandbox/mtn/next`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::envelope::{Envelope, JsonReply};
use super::operations::Operation;
use crate::simulators::response::SimulatedResponse;

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptedAnswer {
    /// With the data.
    Now,
    /// By a callback right after the acknowledgement.
    Later,
    /// By a callback that is never sent.
    Lost,
    /// By a callback that is held until `POST /_sandbox/mtn/deliver`.
    Held,
    /// By a callback that is sent before the acknowledgement.
    Before,
    /// By the same callback twice.
    Duplicate,
    /// By two callbacks with different data.
    Conflicting,
    /// With a part of the data missing.
    Partial,
    /// With an error in the canonical envelope.
    Error,
    /// With an error in Spring's envelope.
    SpringError,
    /// With an HTML page.
    Html,
    /// With a status and an empty body.
    Silent,
    /// With half a body; then the connection breaks.
    Broken,
    /// With 401; the token is revoked.
    RefuseToken,
    /// By a callback after a delay. Some operations do this without a script.
    #[serde(skip)]
    Eventually,
}

/// One scripted outcome.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The operation it is for.
    pub operation: Operation,
    /// How the request is answered.
    pub answer: ScriptedAnswer,
    /// The HTTP status of an error, a page or an empty body.
    pub http_status: Option<u16>,
    /// MTN's status code in an error; 3001 if none.
    pub status_code: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// Whether a refill is done, whatever the answer is.
    pub apply: Option<bool>,
}

impl ScriptedAnswer {
    pub(super) fn calls_back(self) -> bool {
        use ScriptedAnswer::{Before, Conflicting, Duplicate, Eventually, Held, Later, Lost};
        matches!(self, Later | Lost | Held | Before | Duplicate | Conflicting | Eventually)
    }
}

impl Script {
    /// Whether the operation takes effect: a refill is done, a token is valid.
    pub(super) fn performs(&self) -> bool {
        self.answer == ScriptedAnswer::Now || self.apply == Some(true)
    }

    fn status(&self, default: StatusCode) -> StatusCode {
        self.http_status.and_then(|it| StatusCode::from_u16(it).ok()).unwrap_or(default)
    }

    /// The response, given the reply that would be sent without the script.
    pub(super) fn respond(
        &self,
        operation: Operation,
        usual: JsonReply,
        envelope: &Envelope,
    ) -> SimulatedResponse {
        let failed = self.status(StatusCode::INTERNAL_SERVER_ERROR);
        match self.answer {
            ScriptedAnswer::Partial => partial(operation, usual).respond(),
            ScriptedAnswer::Error => {
                envelope.error(failed, self.status_code.as_deref().unwrap_or("3001")).respond()
            }
            ScriptedAnswer::SpringError => envelope.spring_error(failed).respond(),
            ScriptedAnswer::Html => {
                let body = format!("<html><body>{failed}</body></html>");
                SimulatedResponse::Complete { status: failed, body, is_json: false }
            }
            ScriptedAnswer::Silent => {
                let status = self.status(StatusCode::OK);
                SimulatedResponse::Complete { status, body: String::new(), is_json: true }
            }
            ScriptedAnswer::Broken => SimulatedResponse::Broken(usual.body.to_string()),
            ScriptedAnswer::RefuseToken => {
                envelope.error(StatusCode::UNAUTHORIZED, "4000").respond()
            }
            _ => usual.respond(),
        }
    }

    /// Adds the script's `Retry-After` header.
    pub(super) fn with_headers(&self, mut response: Response) -> Response {
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The reply without a part of its data; a reply without data stays as it is.
fn partial(operation: Operation, mut usual: JsonReply) -> JsonReply {
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
