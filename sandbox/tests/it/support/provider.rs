//! A provider's server that answers by script.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

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
    /// This status with a `Retry-After`.
    Busy(u16, &'static str),
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
        let provider = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
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
    // A script may wait for the gateway, which may need this thread.
    match tokio::task::spawn_blocking(move || decide(&received)).await.unwrap() {
        Script::Json(status, body) => response(status, "application/json", body.to_string()),
        Script::Text(status, body) => response(status, "text/html", body.to_owned()),
        Script::Half => {
            let half = Ok(Bytes::from_static(b"{\"status\":\"succ"));
            let broken = Err(std::io::Error::other("the connection breaks"));
            Body::from_stream(stream::iter([half, broken])).into_response()
        }
        Script::Busy(status, seconds) => {
            let mut busy = response(status, "application/json", "{}".to_owned());
            busy.headers_mut().insert("retry-after", http::HeaderValue::from_static(seconds));
            busy
        }
        Script::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            response(200, "application/json", "{}".to_owned())
        }
    }
}

fn response(status: u16, kind: &'static str, body: String) -> Response {
    let status = http::StatusCode::from_u16(status).unwrap();
    // Nobody may follow a redirect.
    (status, [("content-type", kind), ("location", "/elsewhere")], body).into_response()
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

/// The same, with a new session and a new code each time.
pub fn numbered_mono() -> impl Fn(&Received) -> Script {
    let count = AtomicU32::new(0);
    move |request| {
        let n = count.fetch_add(1, Ordering::SeqCst);
        match request.target.as_str() {
            "/v2/telecom/auth" => {
                Script::Json(200, json!({ "data": { "session_id": format!("s-{n}") } }))
            }
            "/v2/telecom/verify" => {
                Script::Json(200, json!({ "data": { "code": format!("code_{n}") } }))
            }
            _ => agreeable_mono(request),
        }
    }
}

/// An MTN that gives tokens and answers all else by script.
pub fn with_tokens(answer: impl Fn(&Received) -> Script) -> impl Fn(&Received) -> Script {
    move |request| match request.target.starts_with("/v1/oauth") {
        true => Script::Json(200, json!({ "access_token": "t", "expires_in": "3599" })),
        false => answer(request),
    }
}

/// The variables of a gateway whose Mono is at `url`.
pub fn mono_at(url: &str) -> [(&str, &str); 2] {
    [("MONO_BASE_URL", url), ("MONO_SECRET_KEY", "live_sk_of_mono")]
}

/// The variables of a gateway whose MTN is at `url`.
pub fn mtn_at(url: &str) -> [(&str, &str); 5] {
    [
        ("MTN_BASE_URL", url),
        ("MTN_API_KEY", "k"),
        ("MTN_CLIENT_ID", "i"),
        ("MTN_CLIENT_SECRET", "s"),
        ("MTN_CHANNEL_NAME", "c"),
    ]
}

/// The variables of a gateway whose VTpass is at `url`.
pub fn vtpass_at(url: &str) -> [(&str, &str); 3] {
    [("VTPASS_BASE_URL", url), ("VTPASS_USERNAME", "u"), ("VTPASS_PASSWORD", "p")]
}
