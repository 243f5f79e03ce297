//! The response of a simulated provider, including broken ones.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use serde_json::Value;

/// A response as it is sent.
pub(super) enum SimulatedResponse {
    Complete {
        status: StatusCode,
        body: String,
        is_json: bool,
    },
    /// The first half of this body; then the connection breaks.
    Broken(String),
    /// No response for a minute, which is longer than any client waits.
    Hanging,
}

/// Longer than any client waits, but short enough not to delay a shutdown for ever.
const HANG: Duration = Duration::from_secs(60);
/// Lets the first half reach the client before the connection breaks.
const HALF_PAUSE: Duration = Duration::from_millis(50);

impl SimulatedResponse {
    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::Complete { status, body: body.to_string(), is_json: true }
    }

    pub(super) async fn send(self) -> Response {
        match self {
            Self::Complete { status, body, is_json } => {
                let content_type = if is_json { "application/json" } else { "text/html" };
                (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
            }
            Self::Broken(body) => {
                let length = body.len();
                let half = Bytes::from(body).slice(..length / 2);
                let failure = stream::once(async {
                    tokio::time::sleep(HALF_PAUSE).await;
                    Err(io::Error::from(io::ErrorKind::BrokenPipe))
                });
                let body = Body::from_stream(stream::once(async { Ok(half) }).chain(failure));
                ([(header::CONTENT_LENGTH, length)], body).into_response()
            }
            Self::Hanging => {
                tokio::time::sleep(HANG).await;
                StatusCode::GATEWAY_TIMEOUT.into_response()
            }
        }
    }
}
