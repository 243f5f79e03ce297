//! Builds a valid request for every route of the template, about what a tenant owns.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::mtn::{LINE, OTHER_LINE};
use crate::support::purchases::{DELIVERED, airtime, field};
use crate::support::{Caller, Gateway, Reply};

/// What a tenant owns, by the name of the path parameter, header or field that carries it.
pub type Belongings = BTreeMap<&'static str, String>;

/// A url where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1024/";

/// Ids of the right form that do not exist.
pub fn nonexistent() -> Belongings {
    BTreeMap::from([
        ("id", "66a0c1d2e3f4a5b6c7d8e999".to_owned()),
        ("purchase_id", "0".repeat(32)),
        ("order", "0".repeat(32)),
        ("event_id", "0".repeat(32)),
        ("endpoint_id", "0".repeat(32)),
        ("request_id", "0".repeat(32)),
        ("token", "0".repeat(64)),
        ("session", "no-such-session".to_owned()),
        ("otp", "000000".to_owned()),
        ("code", "no_such_code".to_owned()),
    ])
}

pub async fn belongings(owner: &Caller) -> Belongings {
    let id = owner.line().await;
    owner.mtn_next("recharges", "lost").await;
    let request_id = owner.asked(&id, "recharges").await;
    let url = owner.callback_urls().await.pop().unwrap();
    let endpoint = owner.endpoint(json!({ "url": NOWHERE })).await;
    let endpoint = field(&endpoint, "id").to_owned();
    let purchase = owner.bought("order-1", &airtime(DELIVERED)).await;
    let code = owner.code(OTHER_LINE, "mtn").await;
    let session = owner.session(OTHER_LINE, "mtn").await;
    BTreeMap::from([
        ("id", id),
        ("purchase_id", field(&purchase, "purchase_id").to_owned()),
        ("order", field(&purchase, "request_id").to_owned()),
        // No event is kept yet.
        ("event_id", "0".repeat(32)),
        ("endpoint_id", endpoint),
        ("request_id", request_id),
        ("token", url.rsplit('/').next().unwrap().to_owned()),
        ("session", session),
        ("otp", owner.otp(OTHER_LINE).await),
        ("code", code),
    ])
}

impl Gateway {
    /// `GET /accounts/{id}`, and all the others.
    pub fn routes(&self) -> Vec<String> {
        let routes = self.sandbox.stack.routes.iter();
        routes.map(|it| format!("{} {}", it.method, it.path)).collect()
    }
}

/// A request for a route.
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// A request about these belongings.
    pub fn of(route: &str, of: &Belongings) -> Self {
        let (method, template) = route.split_once(' ').unwrap();
        let mut path = template.to_owned();
        for (name, value) in of {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        path = path.replace("{productCode}", "P1").replace("{serviceID}", "etisalat-data");
        path = path.replace("{date}", "2026-11-01");
        assert!(!path.contains('{'), "{route}: an unknown parameter");
        if path.ends_with("/mtn/usage") || path.ends_with("/mtn/usage/summary") {
            path.push_str("?start=2026-01-01&type=data");
        }
        let headers = vec![
            ("x-session-id", of["session"].clone()),
            ("idempotency-key", "order-2".to_owned()),
            ("mono-webhook-secret", of.get("webhook").cloned().unwrap_or_default()),
        ];
        let body = match method {
            "POST" | "PATCH" => body(template, of).to_string().into_bytes(),
            _ => Vec::new(),
        };
        Self { method: method.to_owned(), path, headers, body }
    }

    pub async fn send(&self, caller: &Caller) -> Reply {
        caller.send(&self.method, &self.path, &self.headers(), self.body.clone()).await
    }

    pub async fn send_bare(&self, caller: &Caller, more: &[(&str, &str)]) -> Reply {
        let headers: Vec<_> = self.headers().into_iter().chain(more.iter().copied()).collect();
        caller.send_bare(&self.method, &self.path, &headers, self.body.clone()).await
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }
}

fn body(path: &str, of: &Belongings) -> Value {
    let path = path.trim_start_matches("/v2");
    match path {
        "/telecom/auth" => json!({ "phone": LINE, "provider": "mtn" }),
        "/telecom/verify" => json!({ "otp": of["otp"] }),
        "/account/auth" | "/accounts/auth" => json!({ "code": of["code"] }),
        "/accounts/{id}/unlink" => json!({}),
        "/accounts/{id}/mtn/premium" => json!({
            "product": "p", "transactionType": "TRANSFER",
            "amount": { "value": "1", "type": "CURRENCY", "unit": "NGN" },
        }),
        "/purchases" => airtime(DELIVERED),
        "/callbacks/vtpass" => {
            json!({ "type": "transaction-update", "data": { "requestId": of["order"] } })
        }
        "/callbacks/mono" => {
            json!({ "event": "mono.events.account_unlinked", "data": { "account": { "_id": of["id"] } } })
        }
        "/webhook-endpoints" | "/webhook-endpoints/{endpoint_id}" => json!({ "url": NOWHERE }),
        "/webhook-endpoints/{endpoint_id}/recover" => json!({ "since": "2026-01-01T00:00:00Z" }),
        "/webhook-endpoints/{endpoint_id}/rotate"
        | "/webhook-endpoints/{endpoint_id}/test"
        | "/events/{event_id}/resend" => json!({}),
        "/callbacks/mtn/{request_id}/{token}" => json!({ "data": { "usage": [] } }),
        other => panic!("no body is known for {other}"),
    }
}
