//! The server for the first HTTPS call, with a client that trusts its root only.

use std::sync::Arc;

use bench::https::HttpsServer;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

fn connector(roots: RootCertStore) -> TlsConnector {
    let provider = rustls::crypto::ring::default_provider().into();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn a_client_that_trusts_the_root_is_answered_over_a_chain_of_two() {
    let server = HttpsServer::start().await.expect("a server");
    let address = server.url.strip_prefix("https://").and_then(|it| it.strip_suffix('/'));
    let address = address.expect("a host and a port");
    let name = || ServerName::try_from("127.0.0.1").expect("a name");
    let stream = TcpStream::connect(address).await.expect("it listens");
    let refused = connector(RootCertStore::empty()).connect(name(), stream).await;
    assert!(refused.is_err(), "nothing is trusted");

    let mut roots = RootCertStore::empty();
    let root = std::fs::read(server.root()).expect("the root");
    roots.add(CertificateDer::from(root)).expect("a certificate");
    let stream = TcpStream::connect(address).await.expect("it listens");
    let mut stream = connector(roots).connect(name(), stream).await.expect("a trusted chain");
    let chain = stream.get_ref().1.peer_certificates().expect("a chain");
    assert_eq!(chain.len(), 2, "the leaf and the intermediate");
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("a request");
        let mut answer = [0; 72];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 200 OK") && answer.ends_with(b"{}"));
    }
    let trusted = std::fs::read_to_string(server.roots()).expect("the roots");
    assert!(trusted.trim_end().ends_with("-----END CERTIFICATE-----"));
}
