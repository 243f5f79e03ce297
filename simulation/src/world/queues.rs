//! Lambda's event source mapping for SQS: takes batches and invokes the function.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use sandbox::aws::lambda::Function;
use sandbox::aws::sqs::engine::ReceivedMessage;
use sandbox::aws::triggers::failures;
use sandbox::template::stack::TriggerSpec;
use sandbox::template::{REGION, queue_arn};
use tokio::sync::Semaphore;

use super::World;

/// Runs a trigger until the world ends.
pub async fn run(world: Arc<World>, trigger: TriggerSpec, function: Arc<Function>) {
    let most = usize::try_from(trigger.concurrency).unwrap_or(usize::MAX);
    let free = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
    loop {
        let Ok(permit) = free.clone().acquire_owned().await else { return };
        let batch = next_batch(&world, &trigger).await;
        let (world, trigger, function) = (world.clone(), trigger.clone(), function.clone());
        tokio::spawn(async move {
            work(&world, &trigger, &function, batch).await;
            drop(permit);
        });
    }
}

async fn next_batch(world: &World, trigger: &TriggerSpec) -> Vec<ReceivedMessage> {
    let (engine, queue) = (&world.sqs.engine, &trigger.queue);
    loop {
        let most = i64::from(trigger.batch_size);
        if !engine.is_idle(queue) {
            let batch = engine.receive(queue, most, None).expect("the queue is readable");
            if !batch.is_empty() {
                return batch;
            }
        }
        let next = engine.idle_until_ms(queue).expect("a queue without a message is idle");
        let late = world.below_ms(world.late_delivery());
        tokio::select! {
            biased;
            () = world.sent.notified() => {}
            () = world.reached(next) => {}
        }
        tokio::time::sleep(late).await;
    }
}

async fn work(
    world: &World,
    trigger: &TriggerSpec,
    function: &Function,
    batch: Vec<ReceivedMessage>,
) {
    let mut event = SqsEvent::default();
    event.records = batch.iter().map(|message| record(&trigger.queue, message)).collect();
    let ids: HashSet<&str> = batch.iter().map(|message| message.id.as_str()).collect();
    let failed = match function.invoke(&event).await {
        Ok(report) => failures(&report, &ids),
        Err(_) => None,
    };
    let Some(failed) = failed else {
        world.tell(|| format!("a batch of {} in {} failed", batch.len(), trigger.queue));
        return;
    };
    // The mapping deletes what succeeded a moment later.
    tokio::time::sleep(Duration::from_millis(5)).await;
    for message in batch.iter().filter(|message| !failed.contains(&message.id)) {
        world.sqs.engine.delete(&trigger.queue, &message.receipt).expect("the queue is writable");
        world.deleted();
    }
}

fn record(queue: &str, message: &ReceivedMessage) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(message.id.clone());
    record.receipt_handle = Some(message.receipt.clone());
    record.body = Some(message.body.clone());
    let attributes = [
        ("ApproximateReceiveCount", Some(message.receive_count.to_string())),
        ("SentTimestamp", Some(message.sent_ms.to_string())),
        ("AWSTraceHeader", message.trace_header.clone()),
    ];
    let given = attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    record.attributes = given.collect();
    record.event_source = Some("aws:sqs".to_owned());
    record.event_source_arn = Some(queue_arn(queue));
    record.aws_region = Some(REGION.to_owned());
    record
}
