//! A client of the gateway. It checks every answer against openapi.yaml.

use std::time::Duration;

use serde_json::{Value, json};
use shared::platform::http::Http;

use super::conformance::{self, Answer};
use super::constants::PHONE;
use super::leaks;

/// A client of the gateway.
pub struct Caller {
    http: Http,
    pub base_url: String,
    key: String,
}

/// Parts of the error details that the log gets, in the words of the store, the queue and the clients of
/// the providers. No answer may hold them.
const LOG_DETAILS: [&str; 5] =
    ["store:", "queue:", "request with", "credentials with", "unavailable:"];

/// An answer as a client reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The request, for the message of a failed assertion.
    pub asked: String,
    pub status: u16,
    pub text: String,
    pub retry_after: Option<String>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// Asserts success and gives the JSON.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// The status and our error code, after checking the error's documented form.
    pub fn error(&self) -> (u16, String) {
        let body = self.json();
        assert_eq!(body["status"], "failed", "{}", self.text);
        let message = body["message"].as_str().unwrap();
        assert!(!message.is_empty(), "{}", self.text);
        let detail = LOG_DETAILS.iter().find(|detail| message.contains(*detail));
        assert_eq!(detail, None, "this is for the log only: {message}");
        assert!(!body["request_id"].as_str().unwrap().is_empty(), "{}", self.text);
        assert_eq!(body.as_object().unwrap().len(), 4, "{}", self.text);
        (self.status, body["code"].as_str().unwrap().to_owned())
    }

    /// Asserts an error in its documented form and gives its message.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> String {
        let Self { asked, text, .. } = self;
        assert_eq!(self.error(), (status, code.to_owned()), "{asked}: {text}");
        self.json()["message"].as_str().unwrap().to_owned()
    }

    /// The error without its request id, to be compared with another.
    pub fn error_body(&self) -> (u16, Value) {
        let mut body = self.json();
        body.as_object_mut().unwrap().remove("request_id");
        (self.status, body)
    }
}

impl Caller {
    pub fn new(base_url: &str, key: &str) -> Self {
        Self { http: Http::new(), base_url: base_url.to_owned(), key: key.to_owned() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], Vec::new()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &[], body.to_string().into_bytes()).await
    }

    /// Any request with the caller's key.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Reply {
        let with_key: Vec<_> =
            headers.iter().copied().chain([("mono-sec-key", self.key.as_str())]).collect();
        self.send_bare(method, path, &with_key, body).await
    }

    /// Any request without a key.
    pub async fn send_bare(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Reply {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base_url)
        };
        let mut request = http::Request::builder().method(method).uri(url);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let secret = ["mono-sec-key", "mono-webhook-secret", "x-session-id", "x-authorization"];
        let secrets = headers.iter().filter(|(name, _)| secret.contains(name));
        secrets.for_each(|(_, value)| leaks::secret(value));
        leaks::document(&body);
        let asked = format!("{method} {path:.100} {:.300}", String::from_utf8_lossy(&body));
        let request = reqwest::Request::try_from(request.body(body).unwrap()).unwrap();
        let url = request.url().clone();
        let answer = self.http.send(request, Duration::from_secs(40)).await.expect("an answer");
        leaks::document(&answer.body);
        self.check(method, &url, &answer);
        let retry_after = answer.headers.get("retry-after");
        Reply {
            asked,
            status: answer.status.as_u16(),
            retry_after: retry_after.map(|it| it.to_str().unwrap().to_owned()),
            text: String::from_utf8(answer.body).unwrap(),
        }
    }

    /// Checks what the gateway itself answered against openapi.yaml.
    fn check(&self, method: &str, url: &reqwest::Url, answer: &shared::platform::http::Answer) {
        let ours = url.as_str().strip_prefix(&self.base_url).is_some_and(|it| it.starts_with('/'));
        let path = url.path();
        if ours && !path.starts_with("/_sandbox") {
            let (status, headers, body) = (answer.status.as_u16(), &answer.headers, &answer.body);
            conformance::check(&Answer { method, path, status, headers, body });
        }
    }

    pub async fn auth(&self, phone: &str, provider: &str) -> Reply {
        self.post("/v2/telecom/auth", json!({ "phone": phone, "provider": provider })).await
    }

    pub async fn verify(&self, session: &str, otp: &str) -> Reply {
        let body = json!({ "otp": otp }).to_string().into_bytes();
        self.send("POST", "/v2/telecom/verify", &[("x-session-id", session)], body).await
    }

    pub async fn exchange(&self, code: &str) -> Reply {
        self.post("/account/auth", json!({ "code": code })).await
    }

    /// What the sandbox's console answers to a request without a key.
    pub async fn console(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send_bare(method, &format!("/_sandbox/{path}"), &[], body).await.ok()
    }

    /// The OTP that the simulated phone received last.
    pub async fn otp(&self, phone: &str) -> String {
        let all = self.console("GET", "otps", &Value::Null).await;
        let mut all = all.as_array().unwrap().iter();
        let sms = all.find(|sms| sms["phone"] == phone).expect("an SMS arrived");
        let otp = sms["otp"].as_str().unwrap();
        leaks::secret(otp);
        otp.to_owned()
    }

    pub async fn session(&self, phone: &str, provider: &str) -> String {
        let body = self.auth(phone, provider).await.ok();
        body["data"]["session_id"].as_str().unwrap().to_owned()
    }

    pub async fn code(&self, phone: &str, provider: &str) -> String {
        let session = self.session(phone, provider).await;
        let otp = self.otp(phone).await;
        let body = self.verify(&session, &otp).await.ok();
        body["data"]["code"].as_str().unwrap().to_owned()
    }

    /// Opens a session at the agreeable Mono, and proves it.
    pub async fn prove(&self) {
        let session = self.session(PHONE, "mtn").await;
        self.verify(&session, "123456").await.ok();
    }

    /// Links the one account of the agreeable Mono, `acc1`.
    pub async fn link_acc1(&self) {
        self.prove().await;
        self.exchange("code_1").await.ok();
    }

    /// Where a consent stands.
    pub async fn consent_state(&self, id: &str) -> String {
        let record = self.get(&format!("/accounts/{id}/consent")).await.ok();
        record["data"]["state"].as_str().unwrap().to_owned()
    }

    pub async fn unlink(&self, id: &str) -> Reply {
        self.post(&format!("/accounts/{id}/unlink"), json!({})).await
    }

    /// From a number to an account id.
    pub async fn link(&self, phone: &str, provider: &str) -> String {
        let code = self.code(phone, provider).await;
        self.exchange(&code).await.ok()["id"].as_str().unwrap().to_owned()
    }
}
