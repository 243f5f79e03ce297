//! What every simulator needs of HTTP: reading a header, and posting a webhook.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use shared::platform::environment::Environment;

/// A header's value, if it is text.
pub(super) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Posts JSON; gives the status and the body of the response, if there is one.
pub(super) async fn post_json(
    environment: &Environment,
    url: &str,
    extra_header: Option<(&str, &str)>,
    body: String,
    timeout: Duration,
) -> Option<(StatusCode, Vec<u8>)> {
    let mut request =
        axum::http::Request::post(url).header(header::CONTENT_TYPE, "application/json");
    if let Some((name, value)) = extra_header {
        request = request.header(name, value);
    }
    let request = reqwest::Request::try_from(request.body(body.into_bytes()).ok()?).ok()?;
    let response = environment.http.send(request, timeout).await.ok()?;
    Some((response.status, response.body))
}
