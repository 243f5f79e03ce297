//! Tests of the client against a mock server.

mod requests;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::Notify;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use super::*;
use crate::platform::environment::Clock;
use crate::provider::test_support::vars;

const IDS: Ids<'static> = Ids { transaction_id: "tx-1", trace_id: "trace-1" };
const TOKEN_PATH: &str = "/v1/oauth/access_token";
const LIMIT: Duration = Duration::from_secs(10);

/// A client of a mock server, and its clock.
struct MockMtn {
    mtn: Mtn,
    server: MockServer,
    seconds: Arc<AtomicI64>,
}

impl MockMtn {
    /// A client with these variables. The server answers a request for a token by `token`, and
    /// every other request by `answer`.
    async fn new(
        vars: &[(&str, &str)],
        token: impl Respond + 'static,
        answer: impl Respond + 'static,
    ) -> Self {
        let server = MockServer::start().await;
        Mock::given(path(TOKEN_PATH)).respond_with(token).mount(&server).await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let seconds = Arc::new(AtomicI64::new(1_000));
        Self { mtn: client(&server.uri(), vars, &seconds), server, seconds }
    }

    /// A client whose tokens are `t1`, `t2`, … and live for an hour.
    async fn with_tokens(answer: impl Respond + 'static) -> Self {
        Self::new(&[], tokens(r#""3599""#), answer).await
    }

    fn advance_clock(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// The number of requests for a token.
    async fn token_count(&self) -> usize {
        self.requests().await.iter().filter(|request| request.url.path() == TOKEN_PATH).count()
    }

    /// The requests that were not for a token.
    async fn calls(&self) -> Vec<Request> {
        let mut requests = self.requests().await;
        requests.retain(|request| request.url.path() != TOKEN_PATH);
        requests
    }
}

fn client(url: &str, more: &[(&str, &str)], seconds: &Arc<AtomicI64>) -> Mtn {
    let seconds = Arc::clone(seconds);
    let now = move || OffsetDateTime::from_unix_timestamp(seconds.load(Ordering::SeqCst)).unwrap();
    let environment = Environment { clock: Clock::from_fn(now), ..Environment::real() };
    let set = [
        ("MTN_BASE_URL", url),
        ("MTN_API_KEY", "key-1"),
        ("MTN_CLIENT_ID", "client&1"),
        ("MTN_CLIENT_SECRET", "s3cr=t"),
        ("MTN_CHANNEL_NAME", "gateway"),
    ];
    Mtn::from_vars(&vars(&[&set[..], more].concat()), &environment).unwrap().unwrap()
}

fn msisdn() -> Msisdn {
    Msisdn::parse("08031234567").unwrap()
}

/// Tokens `t1`, `t2`, … with this lifetime, which is written as JSON.
fn tokens(expires_in: &'static str) -> impl Respond {
    let count = AtomicUsize::new(1);
    move |_: &Request| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let token = format!(r#""access_token":"t{number}","token_type":"BearerToken""#);
        json(200, &format!(r#"{{{token},"expires_in":{expires_in}}}"#))
    }
}

fn json(status: u16, body: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_string(body)
}

/// An answer that does not come, and a signal when the request has arrived.
fn no_answer() -> (impl Respond, Arc<Notify>) {
    let arrived = Arc::new(Notify::new());
    let signal = Arc::clone(&arrived);
    let respond = move |_: &Request| {
        signal.notify_one();
        ResponseTemplate::new(200).set_delay(Duration::from_secs(86_400))
    };
    (respond, arrived)
}

/// Runs `call` until the server has its request, and then lets the time pass without waiting:
/// tokio's paused clock jumps to the next timer, which is the time limit of the call.
async fn until_timeout<T>(call: impl Future<Output = T>, arrived: &Notify) -> T {
    let mut call = std::pin::pin!(call);
    tokio::select! {
        result = &mut call => return result,
        () = arrived.notified() => tokio::time::pause(),
    }
    call.await
}

/// Method, path and query.
fn line(request: &Request) -> String {
    let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{} {}{query}", request.method, request.url.path())
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}

fn body(request: &Request) -> &str {
    std::str::from_utf8(&request.body).unwrap()
}
