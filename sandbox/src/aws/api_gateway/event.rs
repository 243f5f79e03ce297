//! Converts HTTP to and from API Gateway's payload format 2.0.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::routes::decoded;

/// A request with what API Gateway knows about it.
pub(super) struct GatewayRequest<'a> {
    /// The request's head.
    pub parts: &'a Parts,
    /// The client's address.
    pub peer: SocketAddr,
    /// The API's own domain: never the `Host` header.
    pub domain: &'a str,
    /// The route that matched: `GET /accounts/{id}`.
    pub route_key: &'a str,
    /// Its path parameters.
    pub parameters: &'a [(&'a str, String)],
    /// The request's id.
    pub request_id: &'a str,
    /// When it arrived.
    pub now: OffsetDateTime,
}

impl GatewayRequest<'_> {
    /// The event of a Lambda integration.
    pub(super) fn proxy_event(&self, body: &[u8], authorizer: Option<&Value>) -> Value {
        let mut event = self.common();
        if let Some(context) = authorizer {
            event["requestContext"]["authorizer"] = json!({ "lambda": context });
        }
        let text = std::str::from_utf8(body).ok().filter(|_| is_textual(&self.parts.headers));
        if !body.is_empty() {
            event["body"] = text.map_or_else(|| json!(STANDARD.encode(body)), |text| json!(text));
        }
        event["isBase64Encoded"] = json!(!body.is_empty() && text.is_none());
        event
    }

    /// The event of a Lambda authorizer, payload format 2.0.
    pub(super) fn authorizer_event(&self, identity: &[String]) -> Value {
        let mut event = self.common();
        event["type"] = json!("REQUEST");
        event["identitySource"] = json!(identity);
        event["routeArn"] = json!(format!(
            "arn:aws:execute-api:us-east-1:000000000000:sandbox/$default/{}",
            self.route_key.replacen(' ', "", 1)
        ));
        event
    }

    /// The request's headers, and the trace id that API Gateway adds.
    fn headers(&self) -> Value {
        let mut headers = headers(&self.parts.headers);
        let seconds = self.now.unix_timestamp();
        let id = &shared::platform::crypto::hashed(self.request_id)[..24];
        headers.insert("x-amzn-trace-id".to_owned(), format!("Root=1-{seconds:08x}-{id}"));
        json!(headers)
    }

    fn common(&self) -> Value {
        let path = decoded(self.parts.uri.path());
        let query = self.parts.uri.query().unwrap_or_default();
        let http = json!({
            "method": self.parts.method.as_str(),
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": self.peer.ip().to_string(),
            "userAgent": text(&self.parts.headers, "user-agent"),
        });
        let time =
            format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route_key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": self.headers(),
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "sandbox",
                "domainName": self.domain,
                "domainPrefix": "sandbox",
                "http": http,
                "requestId": self.request_id,
                "routeKey": self.route_key,
                "stage": "$default",
                "time": self.now.format(&time).unwrap_or_default(),
                "timeEpoch": self.now.unix_timestamp() * 1000,
            },
        });
        let cookies = self.parts.headers.get_all(header::COOKIE).iter();
        let cookies: Vec<String> = cookies.map(lossy).collect();
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        if !query.is_empty() {
            let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
            let query_parameters = joined(pairs);
            event["queryStringParameters"] = json!(query_parameters);
        }
        if !self.parameters.is_empty() {
            let parameters: BTreeMap<_, _> = self.parameters.iter().cloned().collect();
            event["pathParameters"] = json!(parameters);
        }
        event
    }
}

/// Headers in lower case; repeated ones are joined with a comma. Cookies have a field of their own,
/// and the host is always the API's own.
fn headers(all: &HeaderMap) -> BTreeMap<String, String> {
    let sent = all.iter().filter(|(name, _)| *name != header::COOKIE && *name != header::HOST);
    joined(sent.map(|(name, value)| (name.as_str().to_owned(), lossy(value))))
}

/// Values by name; those of a repeated name are joined with a comma.
fn joined(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        joined.entry(name).and_modify(|all| *all = format!("{all},{value}")).or_insert(value);
    }
    joined
}

/// Whether API Gateway passes the body as text; all other content types arrive in base64.
fn is_textual(headers: &HeaderMap) -> bool {
    const TEXTUAL: [&str; 4] =
        ["text/", "application/json", "application/javascript", "application/xml"];
    let kind = text(headers, "content-type").to_lowercase();
    TEXTUAL.iter().any(|it| kind.starts_with(it)) || kind.contains("+json") || kind.contains("+xml")
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(lossy).unwrap_or_default()
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The HTTP response from a function's answer; `None` if the answer has the wrong shape.
pub(super) fn response(answer: &Value, request_id: &str) -> Option<Response<Body>> {
    let status = answer["statusCode"].as_u64().and_then(|it| u16::try_from(it).ok())?;
    let body = answer["body"].as_str().unwrap_or_default();
    let body = match answer["isBase64Encoded"].as_bool().unwrap_or(false) {
        true => STANDARD.decode(body).ok()?,
        false => body.as_bytes().to_vec(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default()).ok()?;
        response.headers_mut().insert(name, value);
    }
    response.headers_mut().insert("apigw-requestid", HeaderValue::from_str(request_id).ok()?);
    Some(response)
}
