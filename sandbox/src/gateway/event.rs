//! HTTP in and out of API Gateway's payload format 2.0.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::routes::decoded;

/// What API Gateway knows of a request besides the request.
pub(super) struct Incoming<'a> {
    /// The request's head.
    pub parts: &'a Parts,
    /// The peer.
    pub peer: SocketAddr,
    /// The API's own domain: never the `Host` header.
    pub domain: &'a str,
    /// The route that matched: `GET /accounts/{id}`.
    pub route_key: &'a str,
    /// Its path parameters.
    pub parameters: &'a [(&'a str, String)],
    /// The request's id.
    pub request_id: &'a str,
    /// When it came.
    pub now: OffsetDateTime,
}

impl Incoming<'_> {
    /// The event of a Lambda integration.
    pub(super) fn proxy_event(&self, body: &[u8], authorizer: Option<&Value>) -> Value {
        let mut event = self.common();
        if let Some(context) = authorizer {
            event["requestContext"]["authorizer"] = json!({ "lambda": context });
        }
        let textual = is_textual(&self.parts.headers);
        match std::str::from_utf8(body) {
            _ if body.is_empty() => event["isBase64Encoded"] = json!(false),
            Ok(text) if textual => {
                event["body"] = json!(text);
                event["isBase64Encoded"] = json!(false);
            }
            _ => {
                event["body"] = json!(STANDARD.encode(body));
                event["isBase64Encoded"] = json!(true);
            }
        }
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

    /// The request's headers, and the trace that API Gateway begins.
    fn headers(&self) -> Value {
        let mut headers = headers(&self.parts.headers);
        let seconds = self.now.unix_timestamp();
        let id = &shared::secret::hashed(self.request_id)[..24];
        headers.insert("x-amzn-trace-id".to_owned(), json!(format!("Root=1-{seconds:08x}-{id}")));
        Value::Object(headers)
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
            event["queryStringParameters"] = json!(query_parameters(query));
        }
        if !self.parameters.is_empty() {
            let parameters: BTreeMap<_, _> = self.parameters.iter().cloned().collect();
            event["pathParameters"] = json!(parameters);
        }
        event
    }
}

/// Headers in lower case; repeated ones are joined with a comma. Cookies travel apart, and the host
/// is the API's own.
fn headers(all: &HeaderMap) -> Map<String, Value> {
    let mut joined: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in all {
        if name == header::COOKIE || name == header::HOST {
            continue;
        }
        let value = lossy(value);
        joined
            .entry(name.as_str())
            .and_modify(|old| *old = format!("{old},{value}"))
            .or_insert(value);
    }
    joined.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        joined
            .entry(name.into_owned())
            .and_modify(|old| *old = format!("{old},{value}"))
            .or_insert(value.into_owned());
    }
    joined
}

/// The content types that API Gateway passes as text; everything else arrives in base64.
fn is_textual(headers: &HeaderMap) -> bool {
    let kind = text(headers, "content-type").to_lowercase();
    kind.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"]
            .iter()
            .any(|it| kind.starts_with(it))
        || kind.contains("+json")
        || kind.contains("+xml")
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(lossy).unwrap_or_default()
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The answer of a Lambda integration as HTTP; `None` when it has not the shape of one.
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
