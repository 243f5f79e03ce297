//! The reply that an HTTP function gives.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use lambda_http::{Body, Response};
use serde::Serialize;
use serde_json::json;

use super::error::ApiError;
use crate::domain::disclosure::Shown;

/// The largest body. Lambda carries 6 MB in an answer; the rest is for the headers.
const MAX_REPLY_BYTES: usize = 6 * 1024 * 1024 - 64 * 1024;

/// The answer of a function to a request.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
    /// Whose data it shows, where its route is one that discloses.
    pub(super) shown: Option<Shown>,
}

#[derive(Serialize)]
struct Successful<T> {
    status: &'static str,
    data: T,
}

impl Reply {
    /// 200 with a table as CSV.
    pub fn csv(table: String) -> Self {
        let csv = HeaderValue::from_static("text/csv; charset=utf-8");
        Self::json_text(table).header(CONTENT_TYPE, csv)
    }

    /// 200 with a JSON text as it is.
    pub fn json_text(body: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), body: body.into(), shown: None }
    }

    /// 200 with `{"status":"successful","data":…}`, the form of answers that Mono has no shape for.
    ///
    /// # Errors
    /// `unavailable` should the data not serialise.
    pub fn successful(data: impl Serialize) -> Result<Self, ApiError> {
        Self::json(&Successful { status: "successful", data })
    }

    /// 200 with any JSON.
    ///
    /// # Errors
    /// `unavailable` should the data not serialise.
    pub fn json(data: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_string(data).map_err(|e| ApiError::unavailable(e.to_string()))?;
        Ok(Self::json_text(body))
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// States whose data it shows, which is recorded before it is given.
    #[must_use]
    pub fn shows(self, shown: impl Into<Shown>) -> Self {
        Self { shown: Some(shown.into()), ..self }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The reply, if Lambda can carry it. Lambda counts the body as JSON text with escaped quotes.
    pub(super) fn deliverable(self) -> Result<Self, ApiError> {
        let escaped = |b: u8| match b {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
            0..0x20 => 6,
            _ => 1,
        };
        if self.body.len() < MAX_REPLY_BYTES / 6
            || self.body.bytes().map(escaped).sum::<usize>() < MAX_REPLY_BYTES
        {
            return Ok(self);
        }
        Err(ApiError::answer_too_large().detail("a reply above 6 MB"))
    }

    pub(super) fn error(error: &ApiError, request_id: &str) -> Self {
        let (code, message) = (error.code.name(), &error.message);
        let body = json!({ "status": "failed", "code": code, "message": message,
                           "request_id": request_id });
        let reply = Self::json_text(body.to_string()).with_status(error.code.status());
        match error.retry_after {
            Some(wait) => reply.header(RETRY_AFTER, HeaderValue::from(wait.as_secs())),
            None => reply,
        }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::Text(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().entry(CONTENT_TYPE).or_insert(json);
        response
    }
}
