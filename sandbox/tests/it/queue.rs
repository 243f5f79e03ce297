//! The queue trigger, with a function made for it: the real SQS front, the real trigger loop.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox::lambda::{Build, Entry, Registry};
use serde_json::{Value, json};
use shared::queue::Queue;
use shared::world::World;

use crate::support::{Gateway, TestClock};

const TEMPLATE: &str = r#"
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

/// What the worker does with a message, by its body.
const PANIC: &str = "\"panic\"";
const ERROR: &str = "\"error\"";
const HANG: &str = "\"hang\"";
const NONSENSE: &str = "\"nonsense\"";
const STRANGER: &str = "\"stranger\"";

/// A sandbox whose one function records what it is given and fails as it is told.
struct Worker {
    gateway: Gateway,
    queue: Queue,
    seen: Arc<Mutex<Vec<(String, String)>>>,
    /// Bodies that are reported as failed.
    failing: Arc<Mutex<Vec<String>>>,
}

impl Worker {
    async fn start() -> Self {
        Self::start_in(None).await
    }

    async fn start_in(data_dir: Option<PathBuf>) -> Self {
        let seen: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let failing: Arc<Mutex<Vec<String>>> = Arc::default();
        let registry = Registry::from([("worker".to_owned(), worker(&seen, &failing))]);
        let gateway = Gateway::with_options(&[], |mut options| {
            options.template = TEMPLATE.to_owned();
            options.registry = registry;
            options.data_dir = data_dir;
            options
        })
        .await;
        let spec = &gateway.sandbox.stack.functions[0];
        let vars = spec.environment(&gateway.sandbox.lambda_vars);
        let queue = Queue::from_vars(&vars, &World::real(), "QUEUE_URL").unwrap();
        Self { gateway, queue, seen, failing }
    }

    async fn send(&self, body: &str, delay_seconds: u64) {
        let body: Value = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
        self.queue.send(&body, Duration::from_secs(delay_seconds)).await.unwrap();
    }

    /// How often a body was received.
    fn count(&self, body: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|(seen, _)| seen == body).count()
    }

    async fn until_count(&self, body: &str, count: usize) {
        eventually(&format!("{body} seen {count} times"), || {
            let seen = self.count(body);
            async move { seen == count }
        })
        .await;
    }

    async fn counts(&self, queue: &str) -> (String, String, String) {
        let vars = self.gateway.sandbox.lambda_vars.clone().into_iter().collect();
        let sqs = shared::aws::sqs(&vars, &World::real()).unwrap();
        let url = format!("{}/000000000000/{queue}", self.gateway.sandbox.sqs_url);
        let get = sqs.get_queue_attributes().queue_url(url).attribute_names("All".into());
        let attributes = get.send().await.unwrap().attributes.unwrap();
        let count = |kind: &str| {
            let name = format!("ApproximateNumberOfMessages{kind}");
            attributes[&name.as_str().into()].clone()
        };
        (count(""), count("NotVisible"), count("Delayed"))
    }

    async fn until_counts(&self, queue: &str, visible: u32, in_flight: u32, delayed: u32) {
        let wanted = (visible.to_string(), in_flight.to_string(), delayed.to_string());
        eventually(&format!("{queue} holds {wanted:?}"), || async {
            self.counts(queue).await == wanted
        })
        .await;
    }

    fn clock(&self) -> &TestClock {
        &self.gateway.clock
    }
}

/// Waits for background work, looking often; only a broken test waits long.
async fn eventually<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    for _ in 0..500 {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

fn worker(seen: &Arc<Mutex<Vec<(String, String)>>>, failing: &Arc<Mutex<Vec<String>>>) -> Build {
    let (seen, failing) = (seen.clone(), failing.clone());
    Arc::new(move |_, _| {
        let (seen, failing) = (seen.clone(), failing.clone());
        let entry: Entry = Arc::new(move |event, _| {
            let event: Value = serde_json::from_str(&event).unwrap();
            let (seen, failing) = (seen.clone(), failing.clone());
            Box::pin(async move { work(&event, &seen, &failing).await })
        });
        Box::pin(async move { Ok(entry) })
    })
}

async fn work(
    event: &Value,
    seen: &Mutex<Vec<(String, String)>>,
    failing: &Mutex<Vec<String>>,
) -> Result<Value, String> {
    let records = event["Records"].as_array().expect("records");
    assert!(records.len() <= 4, "the batch size holds");
    let (mut failures, mut fate) = (Vec::new(), String::new());
    for record in records {
        let body = record["body"].as_str().unwrap().to_owned();
        assert_eq!(record["eventSource"], "aws:sqs");
        assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:Work");
        let times = record["attributes"]["ApproximateReceiveCount"].as_str().unwrap().to_owned();
        seen.lock().unwrap().push((body.clone(), times));
        if failing.lock().unwrap().contains(&body) {
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
async fn a_reported_record_comes_back_after_its_visibility_timeout_and_the_rest_is_done() {
    let worker = Worker::start().await;
    worker.failing.lock().unwrap().push("\"bad\"".to_owned());
    for body in ["\"good\"", "\"bad\"", "\"fine\""] {
        worker.send(body, 0).await;
    }
    worker.until_counts("Work", 0, 1, 0).await;
    assert_eq!((worker.count("\"good\""), worker.count("\"fine\"")), (1, 1));
    assert_eq!(worker.count("\"bad\""), 1);

    worker.clock().turn(Duration::from_secs(59));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(worker.count("\"bad\""), 1, "hidden until the timeout");
    worker.clock().turn(Duration::from_secs(1));
    worker.until_count("\"bad\"", 2).await;

    worker.failing.lock().unwrap().clear();
    worker.clock().turn(Duration::from_secs(60));
    worker.until_counts("Work", 0, 0, 0).await;
    assert_eq!(worker.count("\"bad\""), 3);
    let times: Vec<String> = {
        let seen = worker.seen.lock().unwrap();
        seen.iter().filter(|it| it.0 == "\"bad\"").map(|it| it.1.clone()).collect()
    };
    assert_eq!(times, ["1", "2", "3"]);
    assert_eq!(worker.count("\"good\""), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_no_report_fails_the_whole_batch_until_the_dead_letter_queue() {
    for fate in [PANIC, ERROR, HANG, NONSENSE, STRANGER] {
        let worker = Worker::start().await;
        worker.send(fate, 0).await;
        for received in 1..=3 {
            worker.until_count(fate, received).await;
            worker.until_counts("Work", 0, 1, 0).await;
            worker.until_counts("Dead", 0, 0, 0).await;
            // Until its time is over the function holds the message.
            if fate == HANG {
                tokio::time::sleep(Duration::from_millis(1_100)).await;
            }
            worker.clock().turn(Duration::from_secs(60));
        }
        worker.until_counts("Dead", 1, 0, 0).await;
        worker.until_counts("Work", 0, 0, 0).await;
        assert_eq!(worker.count(fate), 3, "maxReceiveCount holds for {fate}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_message_waits_for_the_clock() {
    let worker = Worker::start().await;
    worker.send("\"later\"", 900).await;
    worker.until_counts("Work", 0, 0, 1).await;
    worker.clock().turn(Duration::from_secs(899));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(worker.count("\"later\""), 0);
    worker.clock().turn(Duration::from_secs(1));
    worker.until_count("\"later\"", 1).await;
    worker.until_counts("Work", 0, 0, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqs_refuses_what_aws_refuses() {
    let worker = Worker::start().await;
    let error = worker.queue.send(&json!(1), Duration::from_secs(901)).await.unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");

    let vars = worker.gateway.sandbox.lambda_vars.clone().into_iter().collect();
    let sqs = shared::aws::sqs(&vars, &World::real()).unwrap();
    let url = format!("{}/000000000000/Work", worker.gateway.sandbox.sqs_url);
    let send = |body: String, delay| {
        sqs.send_message().queue_url(&url).message_body(body).delay_seconds(delay).send()
    };
    assert!(send("x".to_owned(), 901).await.is_err());
    assert!(send("x".to_owned(), -1).await.is_err());
    assert!(send("x".repeat(1024 * 1024 + 1), 0).await.is_err());
    assert!(send("\u{1}".to_owned(), 0).await.is_err());
    let nowhere = format!("{}/000000000000/Nowhere", worker.gateway.sandbox.sqs_url);
    let error = sqs.send_message().queue_url(nowhere).message_body("x").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
    worker.until_counts("Work", 0, 0, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_survive_a_restart_and_a_dead_letter_can_be_redriven() {
    let dir = tempfile::tempdir().unwrap();
    let worker = Worker::start_in(Some(dir.path().to_owned())).await;
    worker.send("\"later\"", 600).await;
    worker.send(ERROR, 0).await;
    for received in 1..=3 {
        worker.until_count(ERROR, received).await;
        worker.clock().turn(Duration::from_secs(60));
    }
    worker.until_counts("Dead", 1, 0, 0).await;
    worker.gateway.sandbox.stop().await;

    let worker = Worker::start_in(Some(dir.path().to_owned())).await;
    // Its clock is new: as late as the first one was.
    worker.clock().turn(Duration::from_secs(3 * 60));
    worker.until_counts("Dead", 1, 0, 0).await;
    worker.until_counts("Work", 0, 0, 1).await;
    let vars = worker.gateway.sandbox.lambda_vars.clone().into_iter().collect();
    let sqs = shared::aws::sqs(&vars, &World::real()).unwrap();
    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let redrive = sqs.start_message_move_task().source_arn(arn("Dead"));
    redrive.destination_arn(arn("Work")).send().await.unwrap();
    worker.until_count(ERROR, 1).await;
    worker.until_counts("Dead", 0, 0, 0).await;
    worker.clock().turn(Duration::from_secs(420));
    worker.until_count("\"later\"", 1).await;
}

#[tokio::test]
async fn a_template_that_cannot_run_stops_the_sandbox() {
    let start = |template: String, registry: Registry| async move {
        let vars = [("SANDBOX_KEYS".to_owned(), "k".to_owned())].into_iter().collect();
        let mut options = sandbox::Options::new(vars, 0, None);
        options.template = template;
        options.registry = registry;
        sandbox::Sandbox::start(options).await.err().map(|problem| problem.to_string())
    };
    let message = start(TEMPLATE.to_owned(), Registry::new()).await.expect("no handler");
    assert!(message.contains("worker has no handler"), "{message}");

    let unknown = TEMPLATE.replace("!Ref Work", "!Cidr [a, 1, 2]");
    let message = start(unknown, BTreeMap::new()).await.expect("an unknown intrinsic");
    assert!(message.contains("Fn::Cidr"), "{message}");

    let fifo = TEMPLATE.replace("VisibilityTimeout: 60", "FifoQueue: true");
    let message = start(fifo, BTreeMap::new()).await.expect("a FIFO queue");
    assert!(message.contains("FIFO"), "{message}");
}
