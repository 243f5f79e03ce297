//! Runs queue triggers: Lambda's event source mapping for SQS.
//!
//! An error, a panic, a malformed report or an unknown identifier fails the whole batch. Otherwise
//! the reported records stay hidden until their visibility timeout, and the others are deleted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::activity::{self, Activity, Kind};
use crate::aws::lambda::Function;
use crate::aws::sqs::engine::Engine;
use crate::template::stack::TriggerSpec;
use crate::template::{REGION, queue_arn};

/// The longest long poll of SQS.
const LONG_POLL_SECONDS: i32 = 20;
/// The pause after an error of SQS.
const PAUSE: Duration = Duration::from_millis(500);

/// A trigger: one long poll at a time, and as many batches at once as its concurrency allows.
#[derive(Clone)]
pub(crate) struct Trigger {
    pub(crate) spec: TriggerSpec,
    pub(crate) queue_url: String,
    pub(crate) client: Client,
    pub(crate) function: Arc<Function>,
    /// The queues; none if they are not the sandbox's own.
    pub(crate) queues: Option<Arc<Engine>>,
    /// Where deliveries are recorded.
    pub(crate) activity: Activity,
}

impl Trigger {
    /// Runs until the sandbox stops.
    pub(crate) fn run(self) {
        let most = usize::try_from(self.spec.concurrency).unwrap_or(Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        tokio::spawn(async move {
            while let Ok(turn) = free.clone().acquire_owned().await {
                match self.receive().await {
                    Ok(batch) if batch.is_empty() => {}
                    Ok(batch) => {
                        let trigger = self.clone();
                        tokio::spawn(async move {
                            trigger.handle(&batch).await;
                            drop(turn);
                        });
                    }
                    Err(error) => self.cannot(&error).await,
                }
            }
        });
    }

    /// Works on a batch, and says when that is done.
    async fn handle(&self, batch: &[Message]) {
        if let Err(error) = self.run_batch(batch).await {
            self.cannot(&error).await;
        }
        if let Some(queues) = &self.queues {
            queues.handled(&self.spec.queue, batch.len());
        }
    }

    async fn cannot(&self, error: &aws_sdk_sqs::Error) {
        tracing::warn!(queue = self.spec.queue, %error, "the trigger cannot use its queue");
        tokio::time::sleep(PAUSE).await;
    }

    /// Invokes the function with a batch, and deletes the messages that succeeded.
    async fn run_batch(&self, batch: &[Message]) -> Result<(), aws_sdk_sqs::Error> {
        let mut event = SqsEvent::default();
        event.records = batch.iter().map(|message| self.record(message)).collect();
        let started = self.activity.begin(Kind::Delivery, &self.spec.function);
        let failed = match self.function.invoke(&event).await {
            Ok(report) if self.spec.partial_failures => {
                failures(&report, &batch.iter().filter_map(Message::message_id).collect())
            }
            Ok(_) => Some(HashSet::new()),
            Err(_) => None,
        };
        for message in batch {
            let id = message.message_id().unwrap_or_default();
            let ok = failed.as_ref().is_some_and(|failed| !failed.contains(id));
            activity::received(&self.activity, &started, &self.spec.queue, message, ok);
        }
        match failed {
            None => tracing::warn!(
                queue = self.spec.queue,
                records = batch.len(),
                "the whole batch failed"
            ),
            Some(failed) => {
                let succeeded =
                    |it: &&Message| !failed.contains(it.message_id().unwrap_or_default());
                self.delete(&batch.iter().filter(succeeded).collect::<Vec<_>>()).await?;
            }
        }
        Ok(())
    }

    /// Waits for messages with a long poll.
    async fn receive(&self) -> Result<Vec<Message>, aws_sdk_sqs::Error> {
        let receive = self
            .client
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(self.spec.batch_size)
            .wait_time_seconds(LONG_POLL_SECONDS)
            .message_system_attribute_names(MessageSystemAttributeName::All);
        Ok(receive.send().await?.messages.unwrap_or_default())
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
        if done.is_empty() {
            return Ok(());
        }
        let mut delete = self.client.delete_message_batch().queue_url(&self.queue_url);
        for (index, message) in done.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(message.receipt_handle().unwrap_or_default());
            delete = delete.entries(entry.build()?);
        }
        delete.send().await?;
        Ok(())
    }
}

/// The ids that the function reports as failed; `None` if the whole batch, the messages of `known`,
/// failed.
pub fn failures(report: &Value, known: &HashSet<&str>) -> Option<HashSet<String>> {
    // As on Lambda, an empty or absent report means that all succeeded.
    if report.is_null() || report["batchItemFailures"].is_null() {
        return Some(HashSet::new());
    }
    let report: SqsBatchResponse = serde_json::from_value(report.clone()).ok()?;
    let failed: HashSet<String> =
        report.batch_item_failures.into_iter().map(|it| it.item_identifier).collect();
    failed.iter().all(|id| known.contains(id.as_str())).then_some(failed)
}
