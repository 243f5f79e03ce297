//! A function behind a queue. Records are read one by one, and failures are reported one by one.

use std::future::Future;
use std::time::Instant;

use futures_util::future::join_all;
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

use super::instance::Instance;
use crate::platform::aws;
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::Environment;
use crate::platform::queue::QueueError;
use crate::platform::telemetry::{self, CallCounter, Trace, ms};
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

/// A batch of SQS. Bodies are read later, so that one unreadable record does not fail the others.
#[derive(Debug, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

/// The attributes that SQS adds to a message.
#[derive(Debug, Default, Deserialize)]
struct Attributes {
    #[serde(default, rename = "ApproximateReceiveCount")]
    receive_count: Option<String>,
    #[serde(default, rename = "AWSTraceHeader")]
    trace: Option<String>,
}

/// The kind of one of our messages.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    kind: String,
}

/// The records that failed, in the form of `ReportBatchItemFailures`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// Runs the function under the Lambda runtime: the whole of its `main`.
///
/// # Errors
/// When configuration is missing or the runtime ends.
pub async fn run<F: QueueFunction>() -> Result<(), Error> {
    telemetry::log::init([F::NAME]);
    let (vars, environment) = (Vars::from_process(), Environment::real());
    let dynamodb = aws::dynamodb_url(&vars)?;
    let (instance, ()) =
        tokio::join!(Instance::start(vars, &environment, F::new), environment.http.warm(&dynamodb));
    let instance = &instance?;
    let answer = |event: LambdaEvent<Batch>| async move {
        let cold_start = instance.is_cold();
        Ok::<_, Error>(serve(&*instance.current().await, event.payload, cold_start).await)
    };
    lambda_runtime::run(service_fn(answer)).await
}

/// Handles the records of one batch concurrently. The runtime and the sandbox share this entry.
pub async fn serve<F: QueueFunction>(function: &F, batch: Batch, cold_start: bool) -> Report {
    let handled = batch.records.iter().map(|record| handle(function, record, cold_start));
    let outcomes = join_all(handled).await;
    let failed = batch.records.into_iter().zip(outcomes).filter(|(_, done)| !done);
    let batch_item_failures =
        failed.map(|(record, _)| Failure { item_identifier: record.message_id }).collect();
    Report { batch_item_failures }
}

async fn handle<F: QueueFunction>(function: &F, record: &Record, cold_start: bool) -> bool {
    let begun = Instant::now();
    let attributes = &record.attributes;
    let counter = CallCounter::of(attributes.trace.as_deref().and_then(Trace::parse));
    let outcome = counter.over(function.handle(&record.body)).await;
    let counts = counter.counts();
    let kind = serde_json::from_str::<Kind>(&record.body).map(|it| it.kind).unwrap_or_default();
    let receive_count: Option<u64> =
        attributes.receive_count.as_ref().and_then(|it| it.parse().ok());
    let failed = outcome.err().map(|Retry(reason)| reason);
    let done = failed.is_none();
    tracing::info!(
        function = F::NAME,
        message_id = record.message_id,
        kind,
        done,
        reason = failed,
        receive_count,
        duration_ms = ms(begun.elapsed()),
        cold_start,
        trace_id = counts.trace.as_ref().map(Trace::id),
        aws_calls = counts.aws_calls,
        aws_retries = counts.aws_retries,
        aws_ms = ms(counts.aws),
        upstream = counts.upstream,
        upstream_calls = counts.upstream_calls,
        upstream_ms = ms(counts.upstream_time),
        "message {}",
        record.message_id,
    );
    done
}
