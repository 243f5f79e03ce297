//! The envelopes of MTN's answers: the canonical one for errors (MTN Customer Plans v2.1), and the
//! one of Spring, which some services send instead.

use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::{Value, json};
use shared::domain::time::to_iso;
use shared::platform::environment::Environment;

use crate::simulators::response::SimulatedResponse;

/// An answer before it is sent.
pub(super) struct JsonReply {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl JsonReply {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    pub(super) fn respond(self) -> SimulatedResponse {
        SimulatedResponse::json(self.status, &self.body)
    }
}

/// What an envelope repeats of the request.
pub(super) struct Envelope {
    method: String,
    path: String,
    transaction_id: Option<String>,
    timestamp: String,
}

impl Envelope {
    pub(super) fn new(parts: &Parts, environment: &Environment) -> Self {
        let id = parts.headers.get("transactionId").and_then(|id| id.to_str().ok());
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            transaction_id: id.map(str::to_owned),
            timestamp: to_iso(environment.clock.now()),
        }
    }

    /// The canonical envelope under one of MTN's status codes.
    pub(super) fn error(&self, status: StatusCode, code: &str) -> JsonReply {
        let body = json!({
            "statusCode": code,
            "statusMessage": meaning(code),
            "supportMessage": "simulated",
            "transactionId": self.transaction_id,
            "timestamp": self.timestamp,
            "path": self.path,
            "method": self.method,
        });
        JsonReply { status, body }
    }

    /// Spring's envelope.
    pub(super) fn spring_error(&self, status: StatusCode) -> JsonReply {
        let body = json!({
            "timestamp": self.timestamp,
            "status": status.as_u16(),
            "error": status.canonical_reason().unwrap_or("Unknown"),
            "message": "simulated",
            "path": self.path,
        });
        JsonReply { status, body }
    }

    /// The error for a number that no customer has.
    pub(super) fn no_customer(&self) -> JsonReply {
        let mut reply = self.error(StatusCode::NOT_FOUND, "1000");
        reply.body["data"] = Value::Null;
        reply
    }

    /// The acknowledgement: the answer is sent by callback.
    pub(super) fn pending(&self) -> JsonReply {
        let body = json!({
            "statusCode": "1004",
            "statusMessage": meaning("1004"),
            "transactionId": self.transaction_id,
        });
        JsonReply { status: StatusCode::ACCEPTED, body }
    }
}

fn meaning(code: &str) -> &'static str {
    match code {
        "0000" => "done",
        "1000" => "no such customer",
        "1004" => "in progress",
        "3000" => "temporarily unavailable",
        "4000" => "not authorised",
        "5000" => "invalid request",
        "5001" => "the operation is not possible",
        _ => "internal error",
    }
}
