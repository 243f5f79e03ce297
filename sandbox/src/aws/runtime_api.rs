//! An emulator of the Lambda Runtime API for one process: it hands out invocations and takes the answers.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::lambda::MAX_PAYLOAD_BYTES;

/// How long the process may take to ask for an invocation.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long after its deadline an answer is still awaited, so that the function's own timeout comes first.
const GRACE: Duration = Duration::from_secs(1);
/// What an answer may exceed [`MAX_PAYLOAD_BYTES`] by and still be read, so that it is refused as too large.
const EXCESS_BYTES: usize = 64 * 1024;

/// The emulator. It listens on a free port of 127.0.0.1 until it is dropped.
pub struct RuntimeApi {
    address: String,
    calls: mpsc::UnboundedReceiver<Call>,
    server: JoinHandle<()>,
}

/// The process waits for an invocation.
#[derive(Debug)]
pub struct Waiting {
    /// When the emulator read the request for it.
    pub since: Instant,
    hand: oneshot::Sender<Invocation>,
}

/// An answer to an invocation.
#[derive(Debug)]
pub struct Answer {
    /// From handing out the event to reading the whole answer.
    pub duration: Duration,
    /// The answer's body.
    pub body: Bytes,
}

/// An event for the process.
#[derive(Debug)]
pub struct Invocation {
    /// Its request id.
    pub id: String,
    /// Until when the process may answer, in milliseconds since 1970.
    pub deadline_ms: u64,
    /// The event's JSON.
    pub event: String,
    /// The `X-Amzn-Trace-Id` that Lambda states.
    pub trace: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The function answered with an error. Its process goes on.
    #[error("it fails the invocation: {0}")]
    Failed(String),
    /// The process did nothing, or what no function does. It can get no other invocation.
    #[error("{0}")]
    Broken(String),
}

/// What the process asked of the emulator.
enum Call {
    Next(Waiting),
    Response { id: String, at: Instant, body: Bytes },
    Error { id: String, body: Bytes },
    InitError { body: Bytes },
}

struct Shared {
    function: String,
    calls: mpsc::UnboundedSender<Call>,
}

impl RuntimeApi {
    /// Starts an emulator for a process of the function.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(function: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let (sender, calls) = mpsc::unbounded_channel();
        let app = router(Shared { function: function.to_owned(), calls: sender });
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { address, calls, server })
    }

    /// The host and the port, as `AWS_LAMBDA_RUNTIME_API` has them.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the process asks for an invocation, at most 30 s.
    ///
    /// # Errors
    /// [`RuntimeError::Broken`] when the process does not ask, or does something else.
    pub async fn waiting(&mut self) -> Result<Waiting, RuntimeError> {
        match self.call(PATIENCE).await? {
            Call::Next(waiting) => Ok(waiting),
            Call::InitError { body } => broken(format!("it does not start: {}", text(&body))),
            Call::Response { id, .. } | Call::Error { id, .. } => {
                broken(format!("it answers {id}, which was not handed out or was answered"))
            }
        }
    }

    /// Hands an invocation to the process that waits, and waits for the answer until shortly after its deadline.
    ///
    /// # Errors
    /// [`RuntimeError`] when the process fails the invocation or does not answer it.
    pub async fn invoke(
        &mut self,
        waiting: Waiting,
        invocation: Invocation,
    ) -> Result<Answer, RuntimeError> {
        let (id, begun) = (invocation.id.clone(), Instant::now());
        let left = Duration::from_millis(invocation.deadline_ms.saturating_sub(now_ms()));
        if waiting.hand.send(invocation).is_err() {
            return broken("it no longer waits for an invocation");
        }
        match self.call(left + GRACE).await? {
            Call::Response { id: answered, at, body } if answered == id => {
                Ok(Answer { duration: at.duration_since(begun), body })
            }
            Call::Error { id: answered, body } if answered == id => {
                Err(RuntimeError::Failed(text(&body)))
            }
            Call::InitError { body } => broken(format!("it does not start: {}", text(&body))),
            Call::Next(_) => broken("it asks for an invocation before it answers one"),
            Call::Response { .. } | Call::Error { .. } => {
                broken("it answers another invocation than it was handed")
            }
        }
    }

    async fn call(&mut self, patience: Duration) -> Result<Call, RuntimeError> {
        match timeout(patience, self.calls.recv()).await {
            Ok(Some(call)) => Ok(call),
            Ok(None) => broken("the emulator has stopped"),
            Err(_) => broken(format!("it was silent for {} s", patience.as_secs())),
        }
    }
}

impl Invocation {
    /// An invocation of which the process may take 30 s. Each has the same trace.
    pub fn new(id: String, event: &str) -> Self {
        let deadline_ms = now_ms() + u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
        let trace = "Root=1-00000000-000000000000000000000001;Parent=0000000000000001;Sampled=0";
        Self { id, deadline_ms, event: event.to_owned(), trace: Some(trace.to_owned()) }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .layer(DefaultBodyLimit::max(MAX_PAYLOAD_BYTES + EXCESS_BYTES))
        .with_state(Arc::new(shared))
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let (hand, handed) = oneshot::channel();
    let waiting = Waiting { since: Instant::now(), hand };
    let gone = StatusCode::INTERNAL_SERVER_ERROR;
    if shared.calls.send(Call::Next(waiting)).is_err() {
        return gone.into_response();
    }
    let Ok(Invocation { id, deadline_ms, event, trace }) = handed.await else {
        return gone.into_response();
    };
    let arn = format!("arn:aws:lambda:eu-west-1:000000000000:function:{}", shared.function);
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
    ];
    let trace = AppendHeaders(trace.map(|trace| ("lambda-runtime-trace-id", trace)));
    (headers, trace, event).into_response()
}

async fn response(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    accepted(&shared, Call::Response { id, at: Instant::now(), body })
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: Bytes) -> Response {
    accepted(&shared, Call::Error { id, body })
}

async fn init_error(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    accepted(&shared, Call::InitError { body })
}

fn accepted(shared: &Shared, call: Call) -> Response {
    match shared.calls.send(call) {
        Ok(()) => (StatusCode::ACCEPTED, r#"{"status":"OK"}"#).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

fn broken<T>(what: impl Into<String>) -> Result<T, RuntimeError> {
    Err(RuntimeError::Broken(what.into()))
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}
