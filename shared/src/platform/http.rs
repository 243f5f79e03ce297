//! The one HTTP client, for AWS and the providers.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use reqwest::{Request, Url};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::Instant;

use crate::platform::names::SystemNames;
use crate::platform::telemetry;

/// How long opening a connection may take, for every upstream.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The largest provider answer that is read: Lambda cannot return more than 6 MB.
const MAX_ANSWER_BYTES: usize = 5 * 1024 * 1024;

/// The HTTP client: rustls on ring with the root certificates compiled in.
///
/// It follows no redirects, because a key would be sent along. It repeats nothing, because only the
/// caller of [`Http::send`] knows whether a repeat is harmless.
#[derive(Clone)]
pub struct Http(Route);

/// How a request goes out.
#[derive(Clone)]
enum Route {
    Network(reqwest::Client),
    InProcess(Arc<dyn Transport>),
}

/// Answers requests within the process, in place of the network.
pub trait Transport: Send + Sync {
    /// Answers one request. The caller drops the future at its time limit.
    fn exchange(&self, request: Request) -> Exchange<'_>;
}

/// An answer that is on its way.
pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<Answer, NoAnswer>> + Send + 'a>>;

/// An answer, whatever its status.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Why there is no answer. It says what may be concluded, and holds no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection was made: nothing was sent.
    #[error("no connection")]
    NotSent,
    /// No answer came in time; the request may have been processed.
    #[error("no answer in time")]
    Timeout,
    /// The provider is down, so it was not asked: nothing was sent. Holds the time to wait.
    #[error("it is down and was not asked")]
    Down(Duration),
    /// The connection broke; the request may have been processed.
    #[error("the connection broke before the whole answer was read")]
    Broken,
    /// There is an answer, and it is too large to be read; the request may have been processed.
    #[error("the answer is too large to be read")]
    TooLarge,
}

impl Http {
    /// Builds the client.
    ///
    /// # Panics
    /// At start only, should the compiled-in TLS configuration not be usable.
    #[expect(clippy::new_without_default, reason = "building a TLS stack is no default")]
    pub fn new() -> Self {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(Duration::from_secs(50))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .dns_resolver(Arc::new(SystemNames))
            .build()
            .expect("the HTTP client's settings are valid");
        Self(Route::Network(client))
    }

    /// A client whose requests are answered by `transport` and never leave the process.
    pub fn in_process(transport: Arc<dyn Transport>) -> Self {
        Self(Route::InProcess(transport))
    }

    /// Sends one request, once, and reads the whole answer within `limit`.
    ///
    /// # Errors
    /// [`NoAnswer`], which tells apart what was never sent from what may have been processed.
    pub async fn send(&self, request: Request, limit: Duration) -> Result<Answer, NoAnswer> {
        tokio::time::timeout(limit, self.exchange(request)).await.unwrap_or(Err(NoAnswer::Timeout))
    }

    /// [`send`](Self::send) to a provider. A failure is logged.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn call(
        &self,
        upstream: &'static str,
        operation: &'static str,
        request: Request,
        limit: Duration,
    ) -> Result<Answer, NoAnswer> {
        let begun = Instant::now();
        let outcome = self.send(request, limit).await;
        telemetry::called(upstream, operation, begun.elapsed());
        let duration_ms = telemetry::ms(begun.elapsed());
        match &outcome {
            Ok(answer) if answer.status.is_server_error() => {
                let status = answer.status.as_u16();
                tracing::warn!(upstream, operation, status, duration_ms, "upstream failed");
            }
            Ok(_) => {}
            Err(reason) => {
                tracing::warn!(upstream, operation, %reason, duration_ms, "upstream gave no answer");
            }
        }
        outcome
    }

    async fn exchange(&self, request: Request) -> Result<Answer, NoAnswer> {
        let client = match &self.0 {
            Route::Network(client) => client,
            Route::InProcess(transport) => return transport.exchange(request).await,
        };
        let mut response = client.execute(request).await.map_err(no_answer)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| NoAnswer::Broken)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(NoAnswer::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body })
    }

    /// Opens a connection to `url` before its first use. A failure is ignored: the first call then
    /// opens its own.
    pub async fn warm(&self, url: &str) {
        if let Ok(url) = url.parse::<Url>() {
            let request = Request::new(reqwest::Method::GET, url);
            let _ = self.send(request, CONNECT_TIMEOUT).await;
        }
    }
}

/// TLS on ring, with the root certificates compiled in.
///
/// # Panics
/// At start only, should the configuration not be usable.
pub(super) fn tls() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("ring supports the default TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A connect failure is `NotSent` even when it was a timeout of the connect phase.
pub(super) fn no_answer(error: reqwest::Error) -> NoAnswer {
    if error.is_connect() || error.is_builder() {
        NoAnswer::NotSent
    } else if error.is_timeout() {
        NoAnswer::Timeout
    } else {
        NoAnswer::Broken
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}
