//! What the clients share about requests: building them, and header values from the configuration.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Request;

use crate::platform::config::ConfigError;

/// The media type of JSON.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Builds a request; `None` if the URL cannot be parsed.
pub(super) fn build(
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
) -> Option<Request> {
    let mut request = http::Request::builder().method(method).uri(url).body(body).ok()?;
    *request.headers_mut() = headers;
    Request::try_from(request).ok()
}

/// The value of the variable `name` as a header value.
pub(super) fn header_value(name: &str, value: &str) -> Result<HeaderValue, ConfigError> {
    HeaderValue::from_str(value).map_err(|_| {
        ConfigError::invalid(name, "has a character that is not allowed in an HTTP header")
    })
}

/// [`header_value`] that is not printed by `Debug`.
pub(super) fn secret_header_value(name: &str, value: &str) -> Result<HeaderValue, ConfigError> {
    let mut value = header_value(name, value)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The value of `Authorization` for HTTP Basic authentication. `name` is the variable of `user`.
pub(super) fn basic(name: &str, user: &str, password: &str) -> Result<HeaderValue, ConfigError> {
    if user.contains(':') {
        return Err(ConfigError::invalid(name, "must not contain a colon"));
    }
    let credentials = STANDARD.encode(format!("{user}:{password}"));
    secret_header_value(name, &format!("Basic {credentials}"))
}
