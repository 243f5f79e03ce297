//! A client of the gateway's API.

use serde_json::Value;

use crate::checks::name;
use crate::schedule::Tenant;
use crate::world::{API, CLIENT_TIMEOUT, World};

/// A client, with a key or without.
pub(super) struct Client<'a> {
    world: &'a World,
    key: Option<String>,
}

/// An answer; status 0 if there was none.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// Statuses that openapi.yaml names for some route.
const STATUSES: [u16; 16] =
    [200, 201, 202, 400, 401, 403, 404, 409, 410, 413, 422, 429, 500, 503, 504, 0];

impl<'a> Client<'a> {
    pub(super) fn of(world: &'a World, tenant: Tenant) -> Self {
        Self::with_key(world, world.keys.used(tenant))
    }

    pub(super) fn with_key(world: &'a World, key: String) -> Self {
        Self { world, key: Some(key) }
    }

    pub(super) fn stranger(world: &'a World) -> Self {
        Self { world, key: None }
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], &Value::Null).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &[], body).await
    }

    /// Sends a request and checks that the answer is a documented one.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Reply {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let mut request = axum::http::Request::builder().method(method);
        request = request.uri(format!("{API}{path}")).header("content-type", "application/json");
        let key = self.key.as_deref().map(|key| ("mono-sec-key", key));
        for (name, value) in headers.iter().copied().chain(key) {
            request = request.header(name, value);
        }
        let request = request.body(body).expect("a client builds valid requests");
        let request = reqwest::Request::try_from(request).expect("a client builds valid requests");
        let Ok(answer) = self.world.outside.http.send(request, CLIENT_TIMEOUT).await else {
            return Reply { status: 0, body: Value::Null };
        };
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_of_api =
            answer.headers.contains_key("apigw-requestid") || body["message"].is_string();
        if !is_of_api {
            // A fault made this answer on its way.
            return Reply { status: 0, body: Value::Null };
        }
        let reply = Reply { status: answer.status.as_u16(), body };
        self.check(method, path, &reply);
        reply
    }

    fn check(&self, method: &str, path: &str, reply: &Reply) {
        let is_error = reply.status >= 400;
        let has_form = if is_error {
            let ours = ["status", "code", "message", "request_id"];
            let is_ours = ours.iter().all(|field| reply.body[*field].is_string());
            is_ours || reply.body["message"].is_string()
        } else {
            reply.status == 0 || reply.body.is_object()
        };
        // API Gateway's own 500 is the end of a function, which only a fault can cause.
        let is_broken = reply.status == 500 && !self.world.is_safety_phase();
        if !STATUSES.contains(&reply.status) || !has_form || is_broken {
            let detail = format!("{method} {path}: {} {}", reply.status, reply.body);
            self.world.violated(name::DOCUMENTED, detail);
        }
    }
}

impl Reply {
    /// Whether asking again may help.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.status, 0 | 429 | 500 | 503 | 504)
    }
}

/// A text in an answer.
pub(super) fn text<'a>(json: &'a Value, pointer: &str) -> Option<&'a str> {
    json.pointer(pointer).and_then(Value::as_str)
}
