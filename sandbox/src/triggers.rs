//! Queue triggers: Lambda's event source mapping for SQS.
//!
//! An error, a panic, a malformed report or an unknown identifier fails the whole batch; otherwise
//! the reported records stay hidden until their visibility timeout and the rest are deleted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use serde_json::Value;
use tokio::time::Instant;

use crate::lambda::Function;
use crate::stack::{TriggerSpec, queue_arn};
use crate::template::REGION;

/// SQS's own long poll.
const LONG_POLL_SECONDS: i32 = 20;
/// A pause after a failed receive.
const BACKOFF: Duration = Duration::from_millis(500);
/// The most SQS gives in one receive.
const RECEIVE_MOST: usize = 10;

/// Runs a trigger until the sandbox stops.
pub(crate) fn run(spec: &TriggerSpec, queue_url: &str, client: &Client, function: &Arc<Function>) {
    for _ in 0..spec.concurrency {
        let poller = Poller {
            spec: spec.clone(),
            queue_url: queue_url.to_owned(),
            client: client.clone(),
            function: function.clone(),
        };
        tokio::spawn(async move {
            loop {
                if let Err(error) = poller.turn().await {
                    tracing::warn!(queue = poller.spec.queue, %error, "trigger");
                    tokio::time::sleep(BACKOFF).await;
                }
            }
        });
    }
}

struct Poller {
    spec: TriggerSpec,
    queue_url: String,
    client: Client,
    function: Arc<Function>,
}

impl Poller {
    /// One batch: gather, invoke, delete what is done.
    async fn turn(&self) -> Result<(), aws_sdk_sqs::Error> {
        let batch = self.gather().await?;
        if batch.is_empty() {
            return Ok(());
        }
        let event = self.event(&batch);
        let outcome = self.function.invoke(&event).await;
        let failed = match outcome {
            Ok(report) if self.spec.partial_failures => failures(&report, &batch),
            Ok(_) => Some(HashSet::new()),
            Err(_) => None,
        };
        match failed {
            None => tracing::warn!(queue = self.spec.queue, records = batch.len(), "batch failed"),
            Some(failed) => {
                let done = |it: &&Message| !failed.contains(it.message_id().unwrap_or_default());
                self.delete(&batch.iter().filter(done).collect::<Vec<_>>()).await?;
            }
        }
        Ok(())
    }

    /// Waits for a first message, then for the batching window or a full batch.
    async fn gather(&self) -> Result<Vec<Message>, aws_sdk_sqs::Error> {
        let mut batch = self.receive(LONG_POLL_SECONDS, self.spec.batch_size).await?;
        let deadline = Instant::now() + self.spec.window;
        while !batch.is_empty() && batch.len() < self.spec.batch_size && Instant::now() < deadline {
            let more = self.receive(0, self.spec.batch_size - batch.len()).await?;
            if more.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            batch.extend(more);
        }
        Ok(batch)
    }

    async fn receive(&self, wait: i32, most: usize) -> Result<Vec<Message>, aws_sdk_sqs::Error> {
        let most = i32::try_from(most.min(RECEIVE_MOST)).unwrap_or(1);
        let receive = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(most)
            .wait_time_seconds(wait)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All");
        Ok(receive.send().await?.messages.unwrap_or_default())
    }

    fn event(&self, batch: &[Message]) -> SqsEvent {
        let mut event = SqsEvent::default();
        event.records = batch.iter().map(|message| self.record(message)).collect();
        event
    }

    fn record(&self, message: &Message) -> SqsMessage {
        let mut record = SqsMessage::default();
        record.message_id = message.message_id.clone();
        record.receipt_handle = message.receipt_handle.clone();
        record.body = message.body.clone();
        record.md5_of_body = message.md5_of_body.clone();
        let attributes = message.attributes.iter().flatten();
        record.attributes =
            attributes.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect();
        record.event_source = Some("aws:sqs".to_owned());
        record.event_source_arn = Some(queue_arn(&self.spec.queue));
        record.aws_region = Some(REGION.to_owned());
        record
    }

    async fn delete(&self, done: &[&Message]) -> Result<(), aws_sdk_sqs::Error> {
        for chunk in done.chunks(RECEIVE_MOST) {
            let mut entries = Vec::new();
            for (index, message) in chunk.iter().enumerate() {
                let entry = DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(message.receipt_handle().unwrap_or_default());
                entries.push(entry.build()?);
            }
            let delete = self.client.delete_message_batch().queue_url(&self.queue_url);
            delete.set_entries(Some(entries)).send().await?;
        }
        Ok(())
    }
}

/// The ids that the function reports as failed; `None` fails the whole batch.
fn failures(report: &Value, batch: &[Message]) -> Option<HashSet<String>> {
    // An empty or absent report is a complete success, as on Lambda.
    if report.is_null() || report["batchItemFailures"].is_null() {
        return Some(HashSet::new());
    }
    let report: SqsBatchResponse = serde_json::from_value(report.clone()).ok()?;
    let known: HashSet<&str> = batch.iter().filter_map(Message::message_id).collect();
    let failed: HashSet<String> =
        report.batch_item_failures.into_iter().map(|it| it.item_identifier).collect();
    failed.iter().all(|id| known.contains(id.as_str())).then_some(failed)
}
