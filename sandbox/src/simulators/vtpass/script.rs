//! Outcomes that a test asks for.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::orders::State;
use crate::simulators::wire::Wire;

/// Which call a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `pay`
    Pay,
    /// `requery`
    Requery,
    /// Whichever comes first.
    #[default]
    Any,
}

/// One scripted outcome. Every field may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The call it is for.
    pub call: Call,
    /// The number it is for; any without.
    pub phone: Option<String>,
    /// The HTTP status; 200 without.
    pub http_status: Option<u16>,
    /// The body: a text goes out as it is, anything else as JSON.
    pub body: Option<Value>,
    /// Whether the answer never comes.
    pub hang: bool,
    /// Whether the connection breaks in the middle of the answer.
    pub half: bool,
    /// Whether the order is taken and charged, whatever is answered. Without it: yes, unless `code`
    /// says that it was not.
    pub charge: Option<bool>,
    /// The answer's code.
    pub code: Option<String>,
    /// The answer's `content.transactions.status`.
    pub status: Option<String>,
    /// How the order stands in fact; where the answer says that it is pending, what it becomes.
    pub resolves_to: Option<State>,
    /// How many requeries it takes until a pending order settles; 1 without.
    pub asks: Option<u32>,
    /// Values of the usual answer to replace, by JSON pointer.
    pub set: BTreeMap<String, Value>,
}

/// Codes after which the order exists.
const TAKEN: [&str; 6] = ["000", "001", "040", "044", "089", "099"];
/// Codes after which the order exists and was not charged.
const KNOWN_UNCHARGED: [&str; 2] = ["016", "091"];

impl Script {
    pub(super) fn is_for(&self, call: Call, phone: &str) -> bool {
        (self.call == Call::Any || self.call == call)
            && self.phone.as_deref().is_none_or(|it| it == phone)
    }

    pub(super) fn charges(&self) -> bool {
        self.charge.unwrap_or_else(|| self.code.as_deref().is_none_or(|code| TAKEN.contains(&code)))
    }

    /// Whether a requery knows the order afterwards.
    pub(super) fn is_known(&self) -> bool {
        let uncharged = self.code.as_deref().is_some_and(|code| KNOWN_UNCHARGED.contains(&code));
        self.charges() || uncharged || self.resolves_to.is_some()
    }

    /// How the order stands after the `pay`, and what it becomes.
    pub(super) fn states(&self) -> (State, State) {
        let says_pending = matches!(self.code.as_deref(), Some("099" | "089"))
            || matches!(self.status.as_deref(), Some("pending" | "initiated"));
        let told = match (self.status.as_deref(), self.code.as_deref()) {
            (Some("failed"), _) | (None, Some("016" | "091")) => State::Failed,
            (Some("reversed"), _) | (None, Some("040")) => State::Reversed,
            _ => State::Delivered,
        };
        let end = self.resolves_to.unwrap_or(told);
        if says_pending { (State::Pending, end) } else { (end, end) }
    }

    /// The answer, given the one that would have gone out.
    pub(super) fn wire(&self, mut usual: Value) -> Wire {
        for (pointer, value) in &self.set {
            replace(&mut usual, pointer, value);
        }
        let status = self.http_status.and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.unwrap_or(StatusCode::OK);
        let scripted = self.code.is_some() || self.status.is_some() || !self.set.is_empty();
        let (body, is_json) = match &self.body {
            Some(Value::String(text)) => (text.clone(), false),
            Some(json) => (json.to_string(), true),
            None if status.is_success() || scripted => (usual.to_string(), true),
            None => (format!("<html><body>{status}</body></html>"), false),
        };
        match (self.hang, self.half) {
            (true, _) => Wire::Hang,
            (false, true) => Wire::Half(body),
            (false, false) => Wire::Whole { status, body, is_json },
        }
    }
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
