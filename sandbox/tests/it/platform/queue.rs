//! The queue trigger of the sandbox, with a function made for the test.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox::aws::lambda::{Entry, Registry, StartFunction};
use serde_json::{Value, json};
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;

use crate::support::Gateway;
use crate::support::purchases::until;

/// A function with a queue and a dead-letter queue.
pub const TEMPLATE: &str = r#"
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/worker/
      Timeout: 1
      Environment: { Variables: { QUEUE_URL: !Ref Work } }
      Events:
        Messages:
          Type: SQS
          Properties:
            Queue: !GetAtt Work.Arn
            BatchSize: 4
            ScalingConfig: { MaximumConcurrency: 2 }
            FunctionResponseTypes: [ReportBatchItemFailures]
  Work:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 60
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3 }
  Dead:
    Type: AWS::SQS::Queue
"#;

/// Bodies that tell the worker how to fail.
const PANIC: &str = "\"panic\"";
const ERROR: &str = "\"error\"";
const HANG: &str = "\"hang\"";
const NONSENSE: &str = "\"nonsense\"";
const STRANGER: &str = "\"stranger\"";

/// The messages that the function received and the number of times that it received each, and the bodies
/// that it reports as failed.
#[derive(Default)]
struct Log {
    seen: Mutex<Vec<(String, String)>>,
    failing: Mutex<Vec<String>>,
}

/// A sandbox whose one function records its messages and fails as told.
struct Worker {
    gateway: Gateway,
    queue: Queue,
    log: Arc<Log>,
}

impl Worker {
    async fn start(data_dir: Option<&Path>) -> Self {
        let log: Arc<Log> = Arc::default();
        let registry = Registry::from([("worker".to_owned(), worker(log.clone()))]);
        let gateway = Gateway::with_options(&[], |mut options| {
            options.template = TEMPLATE.to_owned();
            options.registry = registry;
            options.data_dir = data_dir.map(Path::to_owned);
            options
        })
        .await;
        let vars = gateway.vars_of("worker");
        let queue = Queue::from_vars(&vars, &Environment::real(), "QUEUE_URL").unwrap();
        Self { gateway, queue, log }
    }

    async fn send(&self, body: &str, delay_seconds: u64) {
        let body: Value = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
        self.queue.send(&body, Duration::from_secs(delay_seconds)).await.unwrap();
    }

    /// How often a body was received.
    fn count(&self, body: &str) -> usize {
        self.log.seen.lock().unwrap().iter().filter(|(seen, _)| seen == body).count()
    }

    async fn until_count(&self, body: &str, count: usize) {
        let what = format!("{body} seen {count} times");
        until(&what, async || self.count(body) == count).await;
    }

    /// Waits until a queue holds so many messages: visible, in flight and delayed.
    async fn until_counts(&self, queue: &str, wanted: [usize; 3]) {
        let what = format!("{queue} holds {wanted:?}");
        until(&what, async || self.gateway.counts(queue).await == wanted).await;
    }

    fn turn(&self, seconds: u64) {
        self.gateway.clock.turn(Duration::from_secs(seconds));
    }
}

fn worker(log: Arc<Log>) -> StartFunction {
    let entry: Entry = Arc::new(move |event, _| {
        let log = log.clone();
        Box::pin(async move { work(&serde_json::from_str(&event).unwrap(), &log).await })
    });
    Arc::new(move |_, _| {
        let entry = entry.clone();
        Box::pin(async move { Ok(entry) })
    })
}

async fn work(event: &Value, log: &Log) -> Result<Value, String> {
    let records = event["Records"].as_array().expect("records");
    assert!(records.len() <= 4, "the batch size holds");
    let (mut failures, mut fate) = (Vec::new(), String::new());
    for record in records {
        let body = record["body"].as_str().unwrap().to_owned();
        assert_eq!(record["eventSource"], "aws:sqs");
        assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:Work");
        let times = record["attributes"]["ApproximateReceiveCount"].as_str().unwrap().to_owned();
        log.seen.lock().unwrap().push((body.clone(), times));
        if log.failing.lock().unwrap().contains(&body) {
            failures.push(json!({ "itemIdentifier": record["messageId"] }));
        }
        if [PANIC, ERROR, HANG, NONSENSE, STRANGER].contains(&body.as_str()) {
            fate = body;
        }
    }
    match fate.as_str() {
        PANIC => panic!("as told"),
        ERROR => Err("as told".to_owned()),
        HANG => std::future::pending().await,
        NONSENSE => Ok(json!({ "batchItemFailures": "all" })),
        STRANGER => Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "unknown" }] })),
        _ => Ok(json!({ "batchItemFailures": failures })),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reported_record_comes_back_after_its_timeout_and_a_delayed_one_when_due() {
    let worker = Worker::start(None).await;
    worker.log.failing.lock().unwrap().push("\"bad\"".to_owned());
    for body in ["\"good\"", "\"bad\"", "\"fine\""] {
        worker.send(body, 0).await;
    }
    worker.until_counts("Work", [0, 1, 0]).await;
    assert_eq!((worker.count("\"good\""), worker.count("\"fine\"")), (1, 1));
    assert_eq!(worker.count("\"bad\""), 1);

    worker.turn(59);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(worker.count("\"bad\""), 1, "hidden until the timeout");
    worker.turn(1);
    worker.until_count("\"bad\"", 2).await;

    worker.log.failing.lock().unwrap().clear();
    worker.turn(60);
    worker.until_counts("Work", [0, 0, 0]).await;
    assert_eq!(worker.count("\"bad\""), 3);
    let times: Vec<String> = {
        let seen = worker.log.seen.lock().unwrap();
        seen.iter().filter(|it| it.0 == "\"bad\"").map(|it| it.1.clone()).collect()
    };
    assert_eq!(times, ["1", "2", "3"]);
    assert_eq!(worker.count("\"good\""), 1);

    worker.send("\"later\"", 900).await;
    worker.until_counts("Work", [0, 0, 1]).await;
    worker.turn(899);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(worker.count("\"later\""), 0, "delayed until its time");
    worker.turn(1);
    worker.until_count("\"later\"", 1).await;
    worker.until_counts("Work", [0, 0, 0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_but_a_report_fails_the_whole_batch_up_to_the_dead_letter_queue() {
    for fate in [PANIC, ERROR, HANG, NONSENSE, STRANGER] {
        let worker = Worker::start(None).await;
        worker.send(fate, 0).await;
        for received in 1..=3 {
            worker.until_count(fate, received).await;
            worker.until_counts("Work", [0, 1, 0]).await;
            worker.until_counts("Dead", [0, 0, 0]).await;
            // The function holds the message until its timeout.
            if fate == HANG {
                tokio::time::sleep(Duration::from_millis(1_100)).await;
            }
            worker.turn(60);
        }
        worker.until_counts("Dead", [1, 0, 0]).await;
        worker.until_counts("Work", [0, 0, 0]).await;
        assert_eq!(worker.count(fate), 3, "maxReceiveCount holds for {fate}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_refuses_what_aws_refuses() {
    let worker = Worker::start(None).await;
    let error = worker.queue.send(&json!(1), Duration::from_secs(901)).await.unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");

    let sqs = worker.gateway.sqs();
    let url = worker.gateway.queue_url("Work");
    let send = |body: String, delay| {
        sqs.send_message().queue_url(&url).message_body(body).delay_seconds(delay).send()
    };
    assert!(send("x".to_owned(), 901).await.is_err());
    assert!(send("x".to_owned(), -1).await.is_err());
    assert!(send("x".repeat(1024 * 1024 + 1), 0).await.is_err());
    assert!(send("\u{1}".to_owned(), 0).await.is_err());
    let nowhere = worker.gateway.queue_url("Nowhere");
    let error = sqs.send_message().queue_url(nowhere).message_body("x").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
    worker.until_counts("Work", [0, 0, 0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_survive_a_restart_and_a_dead_letter_can_be_redriven() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::start(Some(dir.path())).await;
    worker.send("\"later\"", 600).await;
    worker.send(ERROR, 0).await;
    for received in 1..=3 {
        worker.until_count(ERROR, received).await;
        worker.turn(60);
    }
    worker.until_counts("Dead", [1, 0, 0]).await;
    worker.gateway.sandbox.stop().await;

    let worker = Worker::start(Some(dir.path())).await;
    // The new clock is set to the time of the first one.
    worker.turn(3 * 60);
    worker.until_counts("Dead", [1, 0, 0]).await;
    worker.until_counts("Work", [0, 0, 1]).await;
    let sqs = worker.gateway.sqs();
    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let redrive = sqs.start_message_move_task().source_arn(arn("Dead"));
    redrive.destination_arn(arn("Work")).send().await.unwrap();
    worker.until_count(ERROR, 1).await;
    worker.until_counts("Dead", [0, 0, 0]).await;
    worker.turn(420);
    worker.until_count("\"later\"", 1).await;
}
