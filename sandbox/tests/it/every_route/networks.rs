//! What keys with source networks open. Only Linux gives a machine more than one address of its own without
//! any setting.

use shared::domain::access::Networks;
use shared::domain::api_key::ApiKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::support::Gateway;

/// A route that every key may use, whatever its scopes.
const EVERYBODYS: &str = "/providers";

impl Gateway {
    /// The status of a request from another of this machine's own addresses.
    async fn status_from(&self, address: &str, key: &str) -> u16 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        let authority = self.sandbox.base_url.trim_start_matches("http://");
        let mut stream = socket.connect(authority.parse().unwrap()).await.unwrap();
        // A client can write what it likes into these headers.
        let request = format!(
            "GET {EVERYBODYS} HTTP/1.1\r\nhost: {authority}\r\nmono-sec-key: {key}\r\n\
             x-forwarded-for: 127.0.0.1\r\nforwarded: for=127.0.0.1\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_nothing_from_outside_its_networks_also_while_a_decision_is_kept() {
    let gateway = Gateway::start().await;
    let networks = |text: &str| Some(text.parse::<Networks>().unwrap());
    let inside = networks("127.0.0.1,198.51.100.0/24");
    gateway.add_key("inside", |key| ApiKey { networks: inside, ..key }).await;
    let elsewhere = networks("198.51.100.0/24,2001:db8::/32");
    gateway.add_key("elsewhere", |key| ApiKey { networks: elsewhere, ..key }).await;
    gateway.add_key("anywhere", |key| key).await;
    for _ in 0..2 {
        assert_eq!(gateway.status_from("127.0.0.1", "inside").await, 200);
        // API Gateway keeps the decision of the line above, for that address only.
        assert_eq!(gateway.status_from("127.0.0.2", "inside").await, 403);
        assert_eq!(gateway.status_from("127.0.0.1", "elsewhere").await, 403);
        assert_eq!(gateway.status_from("127.0.0.2", "anywhere").await, 200);
    }
}
