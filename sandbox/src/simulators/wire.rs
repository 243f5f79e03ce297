//! Answers of a simulated provider as they go out on the wire, the broken ones included.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use serde_json::Value;

/// An answer as it goes out.
pub(super) enum Wire {
    Whole {
        status: StatusCode,
        body: String,
        is_json: bool,
    },
    /// The beginning of a body; then the connection breaks.
    Half(String),
    /// Nothing, for as long as any client waits.
    Hang,
}

/// Longer than any client waits, short enough not to hold up a shutdown for good.
const HANG: Duration = Duration::from_secs(60);
/// Lets the first half reach the client before the connection breaks.
const HALF_PAUSE: Duration = Duration::from_millis(50);

impl Wire {
    pub(super) fn json(body: &Value) -> Self {
        Self::Whole { status: StatusCode::OK, body: body.to_string(), is_json: true }
    }

    pub(super) async fn send(self) -> Response {
        match self {
            Self::Whole { status, body, is_json } => {
                let kind = if is_json { "application/json" } else { "text/html" };
                (status, [(header::CONTENT_TYPE, kind)], body).into_response()
            }
            Self::Half(body) => {
                let length = body.len();
                let half = Bytes::from(body).slice(..length / 2);
                let break_off = stream::once(async {
                    tokio::time::sleep(HALF_PAUSE).await;
                    Err(io::Error::from(io::ErrorKind::BrokenPipe))
                });
                let body = Body::from_stream(stream::once(async { Ok(half) }).chain(break_off));
                ([(header::CONTENT_LENGTH, length)], body).into_response()
            }
            Self::Hang => {
                tokio::time::sleep(HANG).await;
                StatusCode::GATEWAY_TIMEOUT.into_response()
            }
        }
    }
}
