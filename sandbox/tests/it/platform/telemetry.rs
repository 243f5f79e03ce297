//! The log has one line for each request and each queue record, with its calls and times, and one trace
//! goes from the API through the queue to the requery.

use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;

use crate::support::mtn::ANSWER_TIME;
use crate::support::purchases::{DELIVERED, MINUTE, PENDING, airtime, until};
use crate::support::{Gateway, Written};

fn listen() -> (Written, tracing::subscriber::DefaultGuard) {
    Written::listen(|to| {
        tracing_subscriber::registry().with(shared::platform::telemetry::log::json_lines(
            move || to.clone(),
            sandbox::functions::logged_packages(),
        ))
    })
}

impl Written {
    fn of(&self, function: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["function"] == function).collect()
    }
}

#[tokio::test]
async fn each_log_line_has_its_costs_and_one_trace_goes_through_the_queue() {
    let (lines, _guard) = listen();
    let (gateway, caller) = Gateway::with_caller().await;
    caller.bought("first", &airtime(DELIVERED)).await;
    caller.bought("first", &airtime(DELIVERED)).await;
    gateway.clock.turn(MINUTE);
    until("the requery", async || !lines.of("requery").is_empty()).await;
    let (requests, records) = (lines.of("purchase"), lines.of("requery"));
    assert_eq!((requests.len(), records.len()), (2, 1), "{requests:?} {records:?}");
    let numbers = ["duration_ms", "aws_ms", "upstream_ms"];
    for line in requests.iter().chain(&records) {
        assert!(numbers.iter().all(|name| line[*name].is_u64()), "{line}");
        assert!(line["trace_id"].as_str().unwrap().starts_with("1-"), "{line}");
    }
    let [first, repeat] = &requests[..] else { unreachable!() };
    assert_eq!((&first["cold_start"], &repeat["cold_start"]), (&json!(true), &json!(false)));
    // Read, count, count money, send, put, announce, update; of the repeat, the read.
    assert_eq!((&first["aws_calls"], &repeat["aws_calls"]), (&json!(7), &json!(1)));
    assert_eq!(first["aws_retries"], 0);
    assert_eq!((&first["upstream"], &first["upstream_calls"]), (&json!("vtpass pay"), &json!(1)));
    assert_eq!((&repeat["upstream"], &repeat["upstream_calls"]), (&Value::Null, &json!(0)));
    assert_eq!((&first["route"], &first["status"]), (&json!("POST /purchases"), &json!(201)));
    let record = &records[0];
    assert_eq!(record["trace_id"], first["trace_id"], "one trace");
    assert_ne!(repeat["trace_id"], first["trace_id"]);
    assert_eq!((&record["kind"], &record["receive_count"]), (&json!("purchase"), &json!(1)));
    assert_eq!(record["done"], true);

    // A trace header sent by the client is ignored.
    let header = [("x-amzn-trace-id", "Root=1-00000000-000000000000000000000000")];
    let odd = [("x-amzn-trace-id", "<script>")];
    for headers in [header, odd] {
        caller.send("GET", "/purchases", &headers, Vec::new()).await.ok();
    }
    let requests = lines.of("purchase");
    assert_eq!(requests.len(), 4);
    for line in requests {
        let trace = line["trace_id"].as_str().unwrap();
        assert!(trace.starts_with("1-") && !trace.starts_with("1-00000000"), "{line}");
    }
}

#[tokio::test]
async fn a_step_that_meets_a_failing_store_says_so() {
    let (lines, _guard) = listen();
    let (gateway, caller, account) = Gateway::undriven_with_line().await;
    caller.mtn_next("recharges", "lost").await;
    let request = caller.asked(&account, "recharges").await;
    let purchase = caller.bought("k", &airtime(PENDING)).await;
    let (tap, requery) = gateway.with_tap("requery").await;
    tap.fail_store(true);
    gateway.clock.turn(ANSWER_TIME.max(MINUTE));
    gateway.drive(&requery).await;
    let warned = |name: &str, id: &Value| {
        let lines = lines.lines().into_iter();
        let of_it = lines.filter(|line| line[name] == *id && line["level"] == "WARN");
        of_it.map(|line| line["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(warned("id", &json!(request)), ["a request is not settled"]);
    let id = &purchase["purchase_id"];
    assert_eq!(warned("purchase_id", id), ["the purchase could not be read"]);

    // The store fails once the purchase is read.
    tap.fail_store(false);
    gateway.clock.turn(15 * MINUTE);
    tap.hold_at(Some(2));
    let failing = async {
        tap.held().await;
        tap.fail_store(true);
        tap.release();
    };
    tokio::join!(gateway.drive_queue("RequeryQueue", &requery), failing);
    let warnings = ["the purchase could not be read", "a requery cannot be recorded"];
    assert_eq!(warned("purchase_id", id), warnings);
}
