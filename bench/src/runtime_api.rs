//! An emulator of the Lambda Runtime API for one process: it hands out invocations and takes the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::BenchError;

/// How long the process may take to ask for an invocation, and to answer one.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest answer that Lambda takes, in bytes.
const MOST_BYTES: usize = 6 * 1024 * 1024;

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

/// What the process asked of the emulator.
enum Call {
    Next(Waiting),
    Response { id: String, at: Instant, body: Bytes },
    Error { id: String, body: Bytes },
    InitError { body: Bytes },
}

#[derive(Debug)]
struct Invocation {
    id: String,
    event: String,
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
    pub async fn start(function: &str) -> Result<Self, BenchError> {
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
    /// When the process does not ask, or does something else.
    pub async fn waiting(&mut self) -> Result<Waiting, BenchError> {
        match self.call().await? {
            Call::Next(waiting) => Ok(waiting),
            Call::InitError { body } => Err(format!("it does not start: {}", text(&body)).into()),
            Call::Response { id, .. } | Call::Error { id, .. } => {
                Err(format!("it answers {id}, which was not handed out or was answered").into())
            }
        }
    }

    /// Hands an event to the process that waits, and waits for the answer, at most 30 s.
    ///
    /// # Errors
    /// When the process fails the invocation or does not answer it.
    pub async fn invoke(&mut self, waiting: Waiting, event: &str) -> Result<Answer, BenchError> {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let id = format!("00000000-0000-4000-8000-{:012x}", COUNT.fetch_add(1, Ordering::Relaxed));
        let invocation = Invocation { id: id.clone(), event: event.to_owned() };
        let begun = Instant::now();
        if waiting.hand.send(invocation).is_err() {
            return Err("it no longer waits for an invocation".into());
        }
        match self.call().await? {
            Call::Response { id: answered, at, body } if answered == id => {
                Ok(Answer { duration: at.duration_since(begun), body })
            }
            Call::Error { id: answered, body } if answered == id => {
                Err(format!("it fails the invocation: {}", text(&body)).into())
            }
            Call::InitError { body } => Err(format!("it does not start: {}", text(&body)).into()),
            Call::Next(_) => Err("it asks for an invocation before it answers one".into()),
            Call::Response { .. } | Call::Error { .. } => {
                Err("it answers another invocation than it was handed".into())
            }
        }
    }

    async fn call(&mut self) -> Result<Call, BenchError> {
        let call = timeout(PATIENCE, self.calls.recv()).await;
        let call = call.map_err(|_| format!("it was silent for {} s", PATIENCE.as_secs()))?;
        call.ok_or_else(|| "the emulator has stopped".into())
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
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(Arc::new(shared))
}

async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let (hand, handed) = oneshot::channel();
    let waiting = Waiting { since: Instant::now(), hand };
    let gone = StatusCode::INTERNAL_SERVER_ERROR;
    if shared.calls.send(Call::Next(waiting)).is_err() {
        return gone.into_response();
    }
    let Ok(Invocation { id, event }) = handed.await else { return gone.into_response() };
    let arn = format!("arn:aws:lambda:eu-west-1:000000000000:function:{}", shared.function);
    let trace = "Root=1-00000000-000000000000000000000001;Parent=0000000000000001;Sampled=0";
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline_ms().to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", trace.to_owned()),
    ];
    (headers, event).into_response()
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

/// The deadline of an invocation that begins now, in milliseconds since 1970.
fn deadline_ms() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now + PATIENCE).as_millis()
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}
