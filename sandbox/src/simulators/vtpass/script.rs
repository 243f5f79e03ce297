//! Outcomes that a test scripts with `POST /_sandbox/vtpass/next`.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::order::{ApiCall, OrderState};
use crate::simulators::response::SimulatedResponse;

/// One scripted outcome. Every field is optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The call it is for.
    pub call: ApiCall,
    /// The phone number it is for; any if none.
    pub phone: Option<String>,
    /// The HTTP status; 200 if none.
    pub http_status: Option<u16>,
    /// The body: a text is sent as it is, anything else as JSON.
    pub body: Option<Value>,
    /// Whether there is no answer.
    pub hang: bool,
    /// Whether the connection breaks in the middle of the answer.
    pub half: bool,
    /// Whether the order is taken and charged, whatever the answer is. The default is yes, unless
    /// `code` says that it was not.
    pub charge: Option<bool>,
    /// The answer's code.
    pub code: Option<String>,
    /// The answer's `content.transactions.status`.
    pub status: Option<String>,
    /// The order's true state. If the answer says that it is pending: the state it gets later.
    pub resolves_to: Option<OrderState>,
    /// How many requeries it takes until a pending order gets that state; 1 if none.
    pub asks: Option<u32>,
    /// Values to replace in the usual answer, by JSON pointer.
    pub set: BTreeMap<String, Value>,
}

/// Codes after which the order exists.
const TAKEN: [&str; 6] = ["000", "001", "040", "044", "089", "099"];
/// Codes after which the order exists and was not charged.
const KNOWN_UNCHARGED: [&str; 2] = ["016", "091"];

impl Script {
    pub(super) fn is_for(&self, call: ApiCall, phone: &str) -> bool {
        (self.call == ApiCall::Any || self.call == call)
            && self.phone.as_deref().is_none_or(|it| it == phone)
    }

    pub(super) fn charges(&self) -> bool {
        self.charge.unwrap_or_else(|| self.code.as_deref().is_none_or(|code| TAKEN.contains(&code)))
    }

    /// Whether a requery finds the order afterwards.
    pub(super) fn is_known(&self) -> bool {
        let uncharged = self.code.as_deref().is_some_and(|code| KNOWN_UNCHARGED.contains(&code));
        self.charges() || uncharged || self.resolves_to.is_some()
    }

    /// The order's state after the `pay`, and the one it gets later.
    pub(super) fn states(&self) -> (OrderState, OrderState) {
        let says_pending = matches!(self.code.as_deref(), Some("099" | "089"))
            || matches!(self.status.as_deref(), Some("pending" | "initiated"));
        let stated = match (self.status.as_deref(), self.code.as_deref()) {
            (Some("failed"), _) | (None, Some("016" | "091")) => OrderState::Failed,
            (Some("reversed"), _) | (None, Some("040")) => OrderState::Reversed,
            _ => OrderState::Delivered,
        };
        let end = self.resolves_to.unwrap_or(stated);
        if says_pending { (OrderState::Pending, end) } else { (end, end) }
    }

    /// The response, given the answer that would be sent without the script.
    pub(super) fn respond(&self, mut usual: Value) -> SimulatedResponse {
        for (pointer, value) in &self.set {
            replace(&mut usual, pointer, value);
        }
        let status = status_or_ok(self.http_status);
        let scripted = self.code.is_some() || self.status.is_some() || !self.set.is_empty();
        let (body, is_json) = match &self.body {
            Some(Value::String(text)) => (text.clone(), false),
            Some(json) => (json.to_string(), true),
            None if status.is_success() || scripted => (usual.to_string(), true),
            None => (format!("<html><body>{status}</body></html>"), false),
        };
        match (self.hang, self.half) {
            (true, _) => SimulatedResponse::Hanging,
            (false, true) => SimulatedResponse::Broken(body),
            (false, false) => SimulatedResponse::Complete { status, body, is_json },
        }
    }
}

/// A scripted HTTP status; 200 if there is none.
pub(super) fn status_or_ok(status: Option<u16>) -> StatusCode {
    status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK)
}

/// Replaces a value, or adds it to its object.
fn replace(json: &mut Value, pointer: &str, value: &Value) {
    if let Some(found) = json.pointer_mut(pointer) {
        *found = value.clone();
    } else if let Some((parent, key)) = pointer.rsplit_once('/')
        && let Some(Value::Object(object)) = json.pointer_mut(parent)
    {
        object.insert(key.to_owned(), value.clone());
    }
}
