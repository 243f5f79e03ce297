//! The simulated providers: only what no test of the gateway would notice.

use axum::Router;
use tokio::net::TcpListener;

pub mod vtpass;

/// Serves an app and gives its URL.
pub async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}
