//! The envelopes of MTN's answers: the canonical one of errors (MTN Customer Plans v2.1), and the
//! one its Spring services let through.

use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::{Value, json};
use shared::world::{World, iso};

use crate::simulators::wire::Wire;

/// An answer before it goes out.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    pub(super) fn wire(self) -> Wire {
        Wire::Whole { status: self.status, body: self.body.to_string(), is_json: true }
    }
}

/// What an envelope repeats of the request.
pub(super) struct Request {
    method: String,
    path: String,
    transaction_id: Option<String>,
    timestamp: String,
}

impl Request {
    pub(super) fn new(parts: &Parts, world: &World) -> Self {
        let id = parts.headers.get("transactionId").and_then(|id| id.to_str().ok());
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            transaction_id: id.map(str::to_owned),
            timestamp: iso(world.clock.now()),
        }
    }

    /// The canonical envelope under one of MTN's status codes.
    pub(super) fn error(&self, status: StatusCode, code: &str) -> Reply {
        let body = json!({
            "statusCode": code,
            "statusMessage": meaning(code),
            "supportMessage": "simulated",
            "transactionId": self.transaction_id,
            "timestamp": self.timestamp,
            "path": self.path,
            "method": self.method,
        });
        Reply { status, body }
    }

    /// The envelope of a service that never came to writing its own.
    pub(super) fn spring_error(&self, status: StatusCode) -> Reply {
        let body = json!({
            "timestamp": self.timestamp,
            "status": status.as_u16(),
            "error": status.canonical_reason().unwrap_or("Unknown"),
            "message": "simulated",
            "path": self.path,
        });
        Reply { status, body }
    }

    /// Nobody has this number.
    pub(super) fn no_customer(&self) -> Reply {
        let mut reply = self.error(StatusCode::NOT_FOUND, "1000");
        reply.body["data"] = Value::Null;
        reply
    }

    /// The answer comes later.
    pub(super) fn pending(&self) -> Reply {
        let body = json!({
            "statusCode": "1004",
            "statusMessage": meaning("1004"),
            "transactionId": self.transaction_id,
        });
        Reply { status: StatusCode::ACCEPTED, body }
    }
}

fn meaning(code: &str) -> &'static str {
    match code {
        "0000" => "done",
        "1000" => "no such customer",
        "1004" => "in progress",
        "3000" => "not available at present",
        "4000" => "not authorised",
        "5000" => "the request is not as it should be",
        "5001" => "this cannot be done",
        _ => "it did not work",
    }
}
