//! How the console answers: JSON, and an error as a status with a message.

use axum::http::StatusCode;
use axum::response::Json;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// An error of the console: a status and `{"message":"..."}`.
pub(super) type ConsoleError = (StatusCode, Json<Value>);
/// What most routes give.
pub(super) type Answer = Result<Json<Value>, ConsoleError>;

pub(super) fn error(status: StatusCode, message: impl ToString) -> ConsoleError {
    (status, Json(json!({ "message": message.to_string() })))
}

pub(super) fn bad(message: impl ToString) -> ConsoleError {
    error(StatusCode::BAD_REQUEST, message)
}

pub(super) fn not_found() -> ConsoleError {
    error(StatusCode::NOT_FOUND, "Not Found")
}

/// Something that the sandbox uses does not answer.
pub(super) fn unavailable(cause: impl ToString) -> ConsoleError {
    error(StatusCode::SERVICE_UNAVAILABLE, cause)
}

/// Reads a body, which must be a JSON object. Its content type does not matter.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ConsoleError> {
    let object: Map<String, Value> = serde_json::from_slice(body).map_err(bad)?;
    serde_json::from_value(Value::Object(object)).map_err(bad)
}
