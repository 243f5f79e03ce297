//! What every function behind a queue is made of: records read one by one, failures reported one
//! by one, and the wiring around both.

use std::future::Future;
use std::time::Instant;

use futures_util::future::join_all;
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, Vars};
use crate::instance::Instance;
use crate::world::World;

/// A function behind a queue.
pub trait QueueFunction: Sized + Send + Sync + 'static {
    /// The function's name in the template and in the log.
    const NAME: &'static str;

    /// Builds the function's clients, once, at start.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable it needs is missing: the function then does not start.
    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError>;

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

/// A batch of SQS, as far as it is read: one odd record does not spoil the others.
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
    crate::log::init();
    let (vars, world) = (Vars::from_process(), World::real());
    let dynamodb = crate::aws::dynamodb_url(&vars)?;
    let (instance, ()) =
        tokio::join!(Instance::start(vars, &world, F::new), world.http.warm(&dynamodb));
    let instance = &instance?;
    let answer = |event: LambdaEvent<Batch>| async move {
        Ok::<_, Error>(serve(&*instance.current().await, event.payload).await)
    };
    lambda_runtime::run(service_fn(answer)).await
}

/// Handles one batch, its records side by side: the entry that the runtime and the sandbox share.
pub async fn serve<F: QueueFunction>(function: &F, batch: Batch) -> Report {
    let outcomes = join_all(batch.records.iter().map(|record| handle(function, record))).await;
    let failed = batch.records.into_iter().zip(outcomes).filter(|(_, done)| !done);
    let batch_item_failures =
        failed.map(|(record, _)| Failure { item_identifier: record.message_id }).collect();
    Report { batch_item_failures }
}

async fn handle<F: QueueFunction>(function: &F, record: &Record) -> bool {
    let begun = Instant::now();
    let outcome = function.handle(&record.body).await;
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let message_id = record.message_id.as_str();
    match outcome {
        Ok(()) => {
            tracing::info!(function = F::NAME, message_id, duration_ms, "message {message_id}");
            true
        }
        Err(Retry(reason)) => {
            tracing::warn!(
                function = F::NAME,
                message_id,
                reason,
                duration_ms,
                "message {message_id} goes back"
            );
            false
        }
    }
}
