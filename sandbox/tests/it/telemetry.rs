//! One line of the log for each request and each queue record, with what it cost; and one trace from
//! the API through the queue to the requery.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use crate::purchase::rig::{DELIVERED, MINUTE, airtime};
use crate::support::Gateway;

/// The lines of this thread: a test runs on one, with all that it starts.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let subscriber =
            tracing_subscriber::registry().with(shared::log::json_lines(lines.clone()));
        (lines, tracing::subscriber::set_default(subscriber))
    }

    fn of(&self, function: &str) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["function"] == function).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_line_says_what_a_request_cost_and_the_trace_goes_through_the_queue() {
    let (lines, _guard) = Lines::listen();
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    caller.bought("first", &airtime(DELIVERED)).await;
    caller.bought("first", &airtime(DELIVERED)).await;
    gateway.clock.turn(MINUTE);
    for _ in 0..100 {
        if !lines.of("requery").is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (requests, records) = (lines.of("purchase"), lines.of("requery"));
    assert_eq!((requests.len(), records.len()), (2, 1), "{requests:?} {records:?}");
    let numbers = ["duration_ms", "aws_ms", "upstream_ms"];
    for line in requests.iter().chain(&records) {
        assert!(numbers.iter().all(|name| line[*name].is_u64()), "{line}");
        assert!(line["trace_id"].as_str().unwrap().starts_with("1-"), "{line}");
    }
    let [first, repeat] = &requests[..] else { unreachable!() };
    assert_eq!((&first["cold_start"], &repeat["cold_start"]), (&json!(true), &json!(false)));
    // Read, count, send, put, update; of the repeat, the read.
    assert_eq!((&first["aws_calls"], &repeat["aws_calls"]), (&json!(5), &json!(1)));
    assert_eq!(first["aws_retries"], 0);
    assert_eq!((&first["upstream"], &first["upstream_calls"]), (&json!("vtpass pay"), &json!(1)));
    assert_eq!((&repeat["upstream"], &repeat["upstream_calls"]), (&Value::Null, &json!(0)));
    assert_eq!((&first["route"], &first["status"]), (&json!("POST /purchases"), &json!(201)));
    let record = &records[0];
    assert_eq!(record["trace_id"], first["trace_id"], "one trace");
    assert_ne!(repeat["trace_id"], first["trace_id"]);
    assert_eq!((&record["kind"], &record["receive_count"]), (&json!("purchase"), &json!(1)));
    assert_eq!(record["done"], true);
}

#[tokio::test]
async fn a_callers_own_trace_header_reaches_nothing() {
    let (lines, _guard) = Lines::listen();
    let gateway = Gateway::start().await;
    let header = [("x-amzn-trace-id", "Root=1-00000000-000000000000000000000000")];
    let odd = [("x-amzn-trace-id", "<script>")];
    for headers in [header, odd] {
        let reply = gateway.caller().send("GET", "/purchases", &headers, Vec::new()).await;
        assert_eq!(reply.status, 200);
    }
    for line in lines.of("purchase") {
        let trace = line["trace_id"].as_str().unwrap();
        assert!(trace.starts_with("1-") && !trace.starts_with("1-00000000"), "{line}");
    }
}
