//! Local HTTP servers: every service of the sandbox listens on 127.0.0.1.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

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
    tokio::spawn(async move { axum::serve(listener, app).await });
}
