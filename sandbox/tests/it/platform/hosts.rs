//! Every listener of the sandbox refuses what a web page of another site sends by way of a browser on
//! the same machine.

use std::collections::BTreeSet;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::Gateway;

/// The addresses of everything that the sandbox serves.
fn listeners(gateway: &Gateway) -> BTreeSet<String> {
    let functions = gateway.sandbox.stack.functions.iter();
    let mut urls: BTreeSet<String> = functions
        .flat_map(|it| it.variables.values().chain(gateway.sandbox.lambda_vars.values()))
        .filter_map(|value| value.strip_prefix("http://"))
        .map(|url| url.split('/').next().unwrap().to_owned())
        .collect();
    urls.insert(gateway.sandbox.base_url.strip_prefix("http://").unwrap().to_owned());
    urls
}

/// The status that a listener answers to a request with this target and these header lines.
async fn status(listener: &str, target: &str, headers: &[String]) -> u16 {
    let mut stream = TcpStream::connect(listener).await.unwrap();
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!("GET {target} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}

/// Names that may resolve to this machine, and forms that a careless reader takes for its own.
fn hostile_hosts(port: &str) -> Vec<String> {
    let names = [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.localhost.example",
        "localhost.",
        "localhostx",
        "xlocalhost",
        "local-host",
        "127.0.0.1.",
        "127.0.0.1.nip.io",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "[fe80::1]",
        "128.0.0.1",
        "localhost@evil.example",
        "evil.example@localhost",
        "user:pass@127.0.0.1",
        "localhost,evil.example",
        "127.0.0.1 evil.example",
        "localhost/evil.example",
        "localhost#evil.example",
        "localhost?evil.example",
        "",
    ];
    let with_ports = names.iter().map(|name| format!("{name}:{port}"));
    names.iter().map(|name| (*name).to_owned()).chain(with_ports).collect()
}

fn hostile_origins() -> Vec<String> {
    let mut origins: Vec<String> =
        ["null", "", "*", "localhost", "file://", "data:text/html,x", "about:blank", "//localhost"]
            .map(str::to_owned)
            .into();
    for scheme in ["http", "https", "chrome-extension", "ftp"] {
        for name in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0"] {
            origins.push(format!("{scheme}://{name}"));
            origins.push(format!("{scheme}://{name}:9000"));
        }
    }
    origins.push("ftp://localhost".to_owned());
    origins.push("http://localhost, http://evil.example".to_owned());
    origins
}

#[tokio::test(flavor = "multi_thread")]
async fn every_listener_refuses_other_names_and_the_pages_of_other_sites() {
    let gateway = Gateway::start().await;
    let listeners = listeners(&gateway);
    assert!(listeners.len() >= 7, "API, DynamoDB, SQS, secrets and three providers: {listeners:?}");
    let mut hostile: Vec<(String, Vec<String>)> = Vec::new();
    for host in hostile_hosts("9000") {
        hostile.push(("/".to_owned(), vec![format!("Host: {host}")]));
    }
    for origin in hostile_origins() {
        let headers = vec!["Host: localhost".to_owned(), format!("Origin: {origin}")];
        hostile.push(("/".to_owned(), headers));
    }
    let twice = ["Host: localhost", "Host: evil.example"].map(str::to_owned).to_vec();
    hostile.push(("/".to_owned(), twice));
    hostile.push(("http://evil.example/".to_owned(), vec!["Host: localhost".to_owned()]));
    for path in [
        "/_sandbox",
        "/_sandbox/about",
        "/_sandbox/stream",
        "/_sandbox/page/app.js",
        "/_sandbox/env/auth",
        "/_sandbox/otps",
        "//evil.example/",
        "/%2e%2e/",
        "/purchases",
    ] {
        hostile.push((path.to_owned(), vec!["Host: evil.example".to_owned()]));
    }
    assert!(hostile.len() >= 100, "{}", hostile.len());
    for listener in &listeners {
        for (target, headers) in &hostile {
            let status = status(listener, target, headers).await;
            assert!(matches!(status, 400 | 403), "{listener} {target} {headers:?}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machines_own_names_and_pages_are_served() {
    let gateway = Gateway::start().await;
    let vars = gateway.vars_of("fetch-data");
    // It keeps every request that MTN's specification does not know.
    let mtn = vars.required("MTN_BASE_URL").unwrap();
    for listener in listeners(&gateway).into_iter().filter(|it| !mtn.contains(it)) {
        for host in ["localhost", "LOCALHOST:9000", "127.0.0.1", "127.0.0.1:1", "[::1]:9000"] {
            for origin in [None, Some("http://localhost:3000"), Some("http://127.0.0.1:9000")] {
                let mut headers = vec![format!("Host: {host}")];
                headers.extend(origin.map(|origin| format!("Origin: {origin}")));
                let status = status(&listener, "/", &headers).await;
                assert_ne!(status, 403, "{listener} {headers:?}");
            }
        }
    }
}
