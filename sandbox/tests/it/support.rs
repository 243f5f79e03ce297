//! What the tests share: a sandbox with a clock to turn, a caller, and a provider to script.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use sandbox::simulators::mtn::MtnSimulator;
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use shared::config::Vars;
use shared::upstream::Http;
use shared::world::{Clock, World};
use time::OffsetDateTime;

use crate::conformance::Answer;
use crate::leaks;
use crate::watchdog::Watchdog;

/// The key of the first caller.
pub const KEY: &str = "test_sk_first";
/// The key of the second caller.
pub const OTHER_KEY: &str = "test_sk_second";

/// A clock that stands until it is turned.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<OffsetDateTime>>);

impl TestClock {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(OffsetDateTime::now_utc())))
    }

    pub fn turn(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    pub fn clock(&self) -> Clock {
        let time = self.0.clone();
        Clock::from_fn(move || *time.lock().unwrap())
    }
}

/// The tenant behind a key of the sandbox.
pub fn tenant_of(key: &str) -> String {
    format!("sandbox-{}", &shared::secret::hashed(key)[..12])
}

/// An event of API Gateway, as the function behind `route` gets it.
pub fn event(key: &str, route: &str, path: &[(&str, &str)], body: &str) -> String {
    let (method, raw_path) = route.split_once(' ').unwrap();
    let parameters: serde_json::Map<String, Value> =
        path.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let event = json!({
        "version": "2.0", "routeKey": route, "rawPath": raw_path, "rawQueryString": "",
        "headers": {}, "pathParameters": parameters, "body": body, "isBase64Encoded": false,
        "requestContext": {
            "authorizer": { "lambda": { "tenant": tenant_of(key) } },
            "http": { "method": method, "path": raw_path, "sourceIp": "192.0.2.1" },
            "domainName": "d", "requestId": "r", "routeKey": route, "stage": "$default",
        },
    });
    event.to_string()
}

/// A sandbox under test.
pub struct Gateway {
    pub sandbox: Sandbox,
    pub clock: TestClock,
    _mtn: AsSpecified,
    _watchdog: Watchdog,
}

/// At the end of every test, whatever it was about: each request that reached MTN was as MTN
/// specifies it.
struct AsSpecified(Option<Arc<MtnSimulator>>);

impl Drop for AsSpecified {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let tokens = self.0.as_ref().map(|mtn| mtn.given_tokens()).unwrap_or_default();
            tokens.iter().for_each(|token| leaks::secret(token));
            leaks::none();
        }
        if let (Some(mtn), false) = (&self.0, std::thread::panicking()) {
            let violations = mtn.violations();
            assert!(violations.is_empty(), "MTN would not take these: {violations:?}");
        }
    }
}

impl Gateway {
    /// Two callers, the simulated providers.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with more of an environment.
    pub async fn with(vars: &[(&str, &str)]) -> Self {
        Self::with_options(vars, |options| options).await
    }

    /// Mono is whatever answers at `url`.
    pub async fn with_mono(mono: &Provider) -> Self {
        Self::with(&[("MONO_BASE_URL", &mono.url), ("MONO_SECRET_KEY", "live_sk_of_mono")]).await
    }

    pub async fn with_options(
        vars: &[(&str, &str)],
        change: impl FnOnce(Options) -> Options,
    ) -> Self {
        let watchdog = Watchdog::new();
        let clock = TestClock::new();
        let keys = format!("{KEY},{OTHER_KEY}");
        // Under a clock that stands, most tests ask more often than a person would.
        let usual = [
            ("SANDBOX_KEYS", keys.as_str()),
            ("OTP_LIMIT_NUMBER", "1000/600,1000/86400"),
            ("LIMIT_PURCHASES", "100000/60,100000/86400"),
            ("LIMIT_READS", "100000/60,100000/86400"),
        ];
        let all = usual.into_iter().chain(vars.iter().copied());
        let vars: Vars = all.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let mut options = Options::new(vars, 0, None);
        options.world = World { clock: clock.clock(), ..World::real() };
        let sandbox = Sandbox::start(change(options)).await.expect("the sandbox starts");
        sandbox.secrets.values().iter().for_each(|value| leaks::secret(value));
        let mtn = AsSpecified(sandbox.mtn.clone());
        Self { sandbox, clock, _mtn: mtn, _watchdog: watchdog }
    }

    pub fn caller(&self) -> Caller {
        Caller::new(&self.sandbox.base_url, KEY)
    }

    pub fn other_caller(&self) -> Caller {
        Caller::new(&self.sandbox.base_url, OTHER_KEY)
    }

    /// A client of the sandbox's DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let vars = self.sandbox.lambda_vars.clone().into_iter().collect();
        shared::aws::dynamodb(&vars, &World::real()).unwrap()
    }

    /// How many items a table holds, expired ones included.
    pub async fn items(&self, table: &str) -> usize {
        self.scan(table).await.len()
    }

    /// All items of a table, expired ones included.
    pub async fn scan(&self, table: &str) -> Vec<Value> {
        let scan = self.dynamodb().scan().table_name(table).consistent_read(true);
        let items = scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        items.unwrap().into_iter().map(|item| serde_dynamo::from_item(item).unwrap()).collect()
    }
}

/// A client of the gateway.
pub struct Caller {
    http: Http,
    pub base_url: String,
    key: String,
}

/// An answer as a client reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
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
        assert!(!body["message"].as_str().unwrap().is_empty(), "{}", self.text);
        assert!(!body["request_id"].as_str().unwrap().is_empty(), "{}", self.text);
        assert_eq!(body.as_object().unwrap().len(), 4, "{}", self.text);
        (self.status, body["code"].as_str().unwrap().to_owned())
    }

    /// The error without its request id: what may be compared.
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
        let request = reqwest::Request::try_from(request.body(body).unwrap()).unwrap();
        let url = request.url().clone();
        let answer = self.http.send(request, Duration::from_secs(40)).await.expect("an answer");
        leaks::document(&answer.body);
        self.check(method, &url, &answer);
        let retry_after = answer.headers.get("retry-after");
        Reply {
            status: answer.status.as_u16(),
            retry_after: retry_after.map(|it| it.to_str().unwrap().to_owned()),
            text: String::from_utf8(answer.body).unwrap(),
        }
    }

    /// Holds what the gateway itself answered against its contract.
    fn check(&self, method: &str, url: &reqwest::Url, answer: &shared::upstream::Answer) {
        let ours = url.as_str().strip_prefix(&self.base_url).is_some_and(|it| it.starts_with('/'));
        let path = url.path();
        if ours && !path.starts_with("/_sandbox/") {
            let (status, headers, body) = (answer.status.as_u16(), &answer.headers, &answer.body);
            crate::conformance::check(&Answer { method, path, status, headers, body });
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

    /// The OTP that the simulated phone received last.
    pub async fn otp(&self, phone: &str) -> String {
        let all = self.send_bare("GET", "/_sandbox/otps", &[], Vec::new()).await.ok();
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

    /// From a number to an account id.
    pub async fn link(&self, phone: &str, provider: &str) -> String {
        let code = self.code(phone, provider).await;
        self.exchange(&code).await.ok()["id"].as_str().unwrap().to_owned()
    }
}

/// A request that a provider received.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What a scripted provider answers.
#[derive(Debug, Clone)]
pub enum Script {
    Json(u16, Value),
    Text(u16, &'static str),
    /// Half of a JSON body, then the connection breaks.
    Half,
    /// Nothing, for a minute.
    Silence,
}

type Decide = dyn Fn(&Received) -> Script + Send + Sync;

/// A provider's server that answers by script and records what it received.
#[derive(Clone)]
pub struct Provider {
    pub url: String,
    decide: Arc<Mutex<Arc<Decide>>>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Provider {
    pub async fn start(decide: impl Fn(&Received) -> Script + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let provider = Self {
            url: format!("http://{address}"),
            decide: Arc::new(Mutex::new(Arc::new(decide))),
            received: Arc::default(),
        };
        let app = Router::new().fallback(answer).with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        provider
    }

    /// From now on it answers by another script.
    pub fn script(&self, decide: impl Fn(&Received) -> Script + Send + Sync + 'static) {
        *self.decide.lock().unwrap() = Arc::new(decide);
    }

    /// What it received so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

async fn answer(State(provider): State<Provider>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let received = Received {
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().unwrap().to_string(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    provider.received.lock().unwrap().push(received.clone());
    let decide = provider.decide.lock().unwrap().clone();
    // A script may wait for the gateway, which needs this thread: a task woken here runs nowhere
    // else until the script returns.
    match tokio::task::spawn_blocking(move || decide(&received)).await.unwrap() {
        Script::Json(status, body) => response(status, "application/json", body.to_string()),
        Script::Text(status, body) => response(status, "text/html", body.to_owned()),
        Script::Half => {
            let half = Ok(Bytes::from_static(b"{\"status\":\"succ"));
            let broken = Err(std::io::Error::other("the connection breaks"));
            Body::from_stream(stream::iter([half, broken])).into_response()
        }
        Script::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            response(200, "application/json", "{}".to_owned())
        }
    }
}

fn response(status: u16, kind: &'static str, body: String) -> Response {
    let status = http::StatusCode::from_u16(status).unwrap();
    (status, [("content-type", kind)], body).into_response()
}

/// A Mono that knows one session, one code and one account.
pub fn agreeable_mono(request: &Received) -> Script {
    let body = match request.target.split('?').next().unwrap() {
        "/v2/telecom/auth" => json!({ "status": "successful", "data": { "session_id": "s-1" } }),
        "/v2/telecom/verify" => json!({ "status": "successful", "data": { "code": "code_1" } }),
        "/account/auth" => json!({ "id": "acc1" }),
        _ => json!({ "ok": true }),
    };
    Script::Json(200, body)
}
