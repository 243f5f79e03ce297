//! A function behind a queue. Records are read one by one, and failures are reported one by one.

use std::future::Future;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::future::join_all;
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use tokio::time::Instant;

use super::instance::Instance;
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::Environment;
use crate::platform::queue::QueueError;
use crate::platform::telemetry::alarm::Alarm;
use crate::platform::telemetry::{CallCounter, Trace};
use crate::store::StoreError;

/// A function behind a queue.
pub trait QueueFunction: Sized + Send + Sync + 'static {
    /// The function's name in the template and in the log.
    const NAME: &'static str;

    /// Builds the function's clients, once, at start.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable it needs is missing: the function then does not start.
    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError>;

    /// Handles one message by its body.
    ///
    /// An error gives the message back to the queue, which repeats it and at last puts it into the
    /// dead-letter queue.
    fn handle(&self, body: &str) -> impl Future<Output = Result<(), Retry>> + Send;
}

/// The message is to be delivered again. Says why, without its body.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Retry(pub String);

impl From<StoreError> for Retry {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<QueueError> for Retry {
    fn from(error: QueueError) -> Self {
        Self(error.to_string())
    }
}

/// A body that cannot be read is never dropped: a newer version may have sent it. It stays in the
/// queue, and at last it goes to the dead-letter queue.
pub fn unreadable(error: &serde_json::Error) -> Retry {
    let (alarm, column) = (Alarm::UnreadableJob.name(), error.column());
    tracing::error!(alarm, column, "a job cannot be read");
    Retry(format!("not a job, at column {column}"))
}

/// How often a job is received before its failing is told. SQS itself leaves such a job out of the age
/// of its oldest message.
const FAILS_OFTEN: u64 = 5;

/// The kind of one of our messages.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    kind: String,
}

/// Runs the function under the Lambda runtime: the whole of its `main`.
///
/// # Errors
/// When configuration is missing or the runtime ends.
pub async fn run<F: QueueFunction>() -> Result<(), Error> {
    let instance = &Instance::in_lambda(F::NAME, F::new).await?;
    let answer = |event: LambdaEvent<SqsEvent>| async move {
        let cold_start = instance.is_cold();
        Ok::<_, Error>(serve(&*instance.current().await, event.payload, cold_start).await)
    };
    lambda_runtime::run(service_fn(answer)).await
}

/// Handles the records of one batch concurrently and reports those that failed. Bodies are read one
/// by one, so that an unreadable record does not fail the others. The runtime and the sandbox share
/// this entry.
pub async fn serve<F: QueueFunction>(
    function: &F,
    batch: SqsEvent,
    cold_start: bool,
) -> SqsBatchResponse {
    let handled = batch.records.iter().map(|record| handle(function, record, cold_start));
    let outcomes = join_all(handled).await;
    let mut report = SqsBatchResponse::default();
    for (record, done) in batch.records.into_iter().zip(outcomes) {
        if !done {
            report.add_failure(record.message_id.unwrap_or_default());
        }
    }
    report
}

async fn handle<F: QueueFunction>(function: &F, record: &SqsMessage, cold_start: bool) -> bool {
    let begun = Instant::now();
    let attribute = |name| record.attributes.get(name).map(String::as_str);
    let body = record.body.as_deref().unwrap_or_default();
    let counter = CallCounter::of(attribute("AWSTraceHeader").and_then(Trace::parse));
    // It is large, and what holds it is moved several times.
    let outcome = counter.over(Box::pin(function.handle(body))).await;
    let message_id = record.message_id.as_deref().unwrap_or_default();
    let kind = serde_json::from_str::<Kind>(body).map(|it| it.kind).unwrap_or_default();
    let receive_count: Option<u64> =
        attribute("ApproximateReceiveCount").and_then(|count| count.parse().ok());
    let failed = outcome.err().map(|Retry(reason)| reason);
    let done = failed.is_none();
    if !done && receive_count >= Some(FAILS_OFTEN) {
        let (alarm, function) = (Alarm::JobFails.name(), F::NAME);
        tracing::error!(alarm, function, message_id, receive_count, "a job fails each time");
    }
    log_invocation!(begun, counter.counts(), cold_start, {
        function = F::NAME,
        message_id,
        kind,
        done,
        reason = failed,
        receive_count,
    }, "message {message_id}");
    done
}
