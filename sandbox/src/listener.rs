//! Local HTTP servers: every service of the sandbox listens on 127.0.0.1, and answers only what this
//! machine sends.
//!
//! A web page of another site can send requests, too, by way of a browser on this machine. Its origin
//! tells; and where its own name resolves to this machine (DNS rebinding), the name does.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use url::Url;

/// Why the sandbox, or a part of it, cannot start: a message for the person at the terminal.
pub type StartupError = Box<dyn std::error::Error + Send + Sync>;

/// Listens on a port of 127.0.0.1; 0 takes a free one.
pub(crate) async fn listen(port: u16) -> Result<TcpListener, StartupError> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}").into())
}

/// Listens on a free port, and gives its URL.
pub(crate) async fn listen_anywhere() -> Result<(TcpListener, String), StartupError> {
    let listener = listen(0).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// Serves an application in the background, for as long as the process runs.
pub(crate) fn serve(listener: TcpListener, app: Router) {
    tokio::spawn(async move { axum::serve(listener, guarded(app)).await });
}

/// The application, for requests of this machine only.
pub(crate) fn guarded(app: Router) -> Router {
    app.layer(from_fn(refuse_strangers))
}

async fn refuse_strangers(request: Request, next: Next) -> Response {
    if is_of_this_machine(&request) {
        return next.run(request).await;
    }
    let why =
        "The sandbox answers only to localhost and 127.0.0.1, and to no page of another site.\n";
    (StatusCode::FORBIDDEN, why).into_response()
}

fn is_of_this_machine(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let mut origins = request.headers().get_all(header::ORIGIN).iter();
    request.uri().host().is_none_or(is_local)
        && authority(host).is_some_and(|authority| is_local(authority.host()))
        && origins.all(is_local_origin)
}

fn authority(host: &HeaderValue) -> Option<Authority> {
    let authority: Authority = host.to_str().ok()?.parse().ok()?;
    (!authority.as_str().contains('@')).then_some(authority)
}

fn is_local_origin(origin: &HeaderValue) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok());
    origin.is_some_and(|origin| {
        matches!(origin.scheme(), "http" | "https") && origin.host_str().is_some_and(is_local)
    })
}

/// Whether a name or an address is this machine's own, wherever it is resolved.
fn is_local(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
