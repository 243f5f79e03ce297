//! The emulator of the Runtime API, with a client that speaks HTTP as a function's process does.

use std::future::Future;
use std::time::Duration;

use sandbox::aws::runtime_api::{Invocation, RuntimeApi};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The process of a function, which is in this process.
pub(super) struct Client {
    pub(super) address: String,
}

impl Client {
    fn of(api: &RuntimeApi) -> Self {
        Self { address: api.address().to_owned() }
    }

    /// Asks for an invocation. Gives its id, the head of the answer in lower case, and the event.
    pub(super) async fn next(&self) -> (String, String, String) {
        let (head, event) = self.send("GET", "/invocation/next", "").await;
        let id = header(&head, "lambda-runtime-aws-request-id").to_owned();
        (id, head, event)
    }

    /// Posts a body. Gives the status line.
    pub(super) async fn post(&self, path: &str, body: &str) -> String {
        let (head, _) = self.send("POST", path, body).await;
        head.lines().next().unwrap_or_default().to_owned()
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).await.expect("the emulator listens");
        let request = format!(
            "{method} /2018-06-01/runtime{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        (head.to_lowercase(), body.to_owned())
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| *key == name).map(|(_, value)| value).expect(name)
}

pub(super) async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    tokio::join!(a, b)
}

#[tokio::test]
async fn a_client_gets_each_event_and_its_answer_comes_back() {
    let mut api = RuntimeApi::start("auth").await.expect("a free port");
    let client = Client::of(&api);
    let function = async {
        let mut ids = Vec::new();
        for _ in 0..2 {
            let (id, head, event) = client.next().await;
            let arn = header(&head, "lambda-runtime-invoked-function-arn");
            assert!(arn.ends_with(":function:auth"), "{arn}");
            assert!(header(&head, "lambda-runtime-trace-id").starts_with("root="));
            let deadline: u64 =
                header(&head, "lambda-runtime-deadline-ms").parse().expect("a number");
            assert!(deadline > 1_700_000_000_000, "{deadline}");
            let path = format!("/invocation/{id}/response");
            let status = client.post(&path, &format!("{{\"echo\":{event}}}")).await;
            assert!(status.contains("202"), "{status}");
            ids.push(id);
        }
        ids
    };
    let service = async {
        for event in ["1", "[2]"] {
            let waiting = api.waiting().await.expect("the client asks");
            let answer = api
                .invoke(waiting, Invocation::new(format!("id-{event}"), event))
                .await
                .expect("the client answers");
            assert_eq!(answer.body, format!("{{\"echo\":{event}}}").as_bytes());
            assert!(answer.duration > Duration::ZERO);
        }
    };
    let (ids, ()) = both(function, service).await;
    assert_eq!(ids, ["id-1", "id-[2]"]);
}

#[tokio::test]
async fn a_failed_invocation_is_an_error_with_its_text() {
    let mut api = RuntimeApi::start("auth").await.expect("a free port");
    let client = Client::of(&api);
    let function = async {
        let (id, _, _) = client.next().await;
        client.post(&format!("/invocation/{id}/error"), "{\"errorMessage\":\"no table\"}").await
    };
    let service = async {
        let waiting = api.waiting().await.expect("the client asks");
        api.invoke(waiting, Invocation::new("first".to_owned(), "{}"))
            .await
            .expect_err("the invocation fails")
            .to_string()
    };
    let (status, error) = both(function, service).await;
    assert!(status.contains("202"), "{status}");
    assert!(error.contains("no table"), "{error}");
}

#[tokio::test]
async fn an_answer_to_an_invocation_that_was_not_handed_out_is_an_error() {
    let mut api = RuntimeApi::start("auth").await.expect("a free port");
    let client = Client::of(&api);
    let function = async {
        client.next().await;
        client.post("/invocation/other/response", "{}").await
    };
    let service = async {
        let waiting = api.waiting().await.expect("the client asks");
        api.invoke(waiting, Invocation::new("first".to_owned(), "{}"))
            .await
            .expect_err("it is another invocation")
            .to_string()
    };
    let (_, error) = both(function, service).await;
    assert!(error.contains("another invocation"), "{error}");
}

#[tokio::test]
async fn a_client_that_cannot_start_is_an_error_with_its_text() {
    let mut api = RuntimeApi::start("auth").await.expect("a free port");
    let client = Client::of(&api);
    let function = client.post("/init/error", "{\"errorMessage\":\"missing MONO_SECRET\"}");
    let service = async { api.waiting().await.expect_err("it does not start").to_string() };
    let (status, error) = both(function, service).await;
    assert!(status.contains("202"), "{status}");
    assert!(error.contains("missing MONO_SECRET"), "{error}");
}
