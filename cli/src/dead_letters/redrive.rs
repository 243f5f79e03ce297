//! Moves dead letters back to their queue, and follows how far that is.

use std::time::Duration;

use aws_sdk_sqs::types::{ListMessageMoveTasksResultEntry, QueueAttributeName as QueueAttribute};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::queue::{QueueName, Queues, failure};
use crate::failure::Failure;
use crate::table::document;

/// The pause between two looks at a redrive.
const PAUSE: Duration = Duration::from_secs(2);
/// How often a move is looked for that SQS does not show yet.
const MOST_LOOKS: usize = 10;

impl Queues {
    /// Moves all letters, or follows a move that is under way. Gives how many were moved.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn redrive(&self, rate: i32, json: bool) -> Result<String, Failure> {
        let waiting = self.counts().await?["dead_letters"].as_u64().unwrap_or(0);
        let source = self.letters.get(&QueueAttribute::QueueArn).map_or("", String::as_str);
        let mut task = self.task(source).await?;
        let mut earlier = None;
        if !task.as_ref().is_some_and(is_running) {
            earlier = task.as_ref().map(|task| task.started_timestamp());
            if waiting == 0 {
                return Ok(moved(self.name, 0, json));
            }
            // The destination is named: SQS cannot guess it for messages that were sent there directly.
            let target = self.own.get(&QueueAttribute::QueueArn).map_or("", String::as_str);
            let start = self.client.start_message_move_task().source_arn(source);
            let start = start.destination_arn(target).max_number_of_messages_per_second(rate);
            start.send().await.map_err(failure)?;
            task = self.task(source).await?;
        }
        let bar = bar(waiting);
        for looks in 0.. {
            // SQS may show a new move late.
            match task.filter(|task| Some(task.started_timestamp()) != earlier) {
                Some(now) => {
                    let count = now.approximate_number_of_messages_moved();
                    let count = u64::try_from(count).unwrap_or(0);
                    bar.set_position(count);
                    if !is_running(&now) {
                        bar.finish_and_clear();
                        return finished(self.name, &now, count, json);
                    }
                }
                None if looks < MOST_LOOKS => {}
                None => break,
            }
            tokio::time::sleep(PAUSE).await;
            task = self.task(source).await?;
        }
        let unknown =
            "the redrive was begun, and SQS does not show it: run this again to follow it";
        Err(Failure::Unreachable(unknown.to_owned()))
    }

    /// The newest move of these letters.
    async fn task(&self, source: &str) -> Result<Option<ListMessageMoveTasksResultEntry>, Failure> {
        let list = self.client.list_message_move_tasks().source_arn(source).max_results(1);
        let answer = list.send().await.map_err(failure)?;
        Ok(answer.results.unwrap_or_default().into_iter().next())
    }
}

fn is_running(task: &ListMessageMoveTasksResultEntry) -> bool {
    matches!(task.status(), Some("RUNNING" | "CANCELLING"))
}

fn finished(
    name: QueueName,
    task: &ListMessageMoveTasksResultEntry,
    count: u64,
    json: bool,
) -> Result<String, Failure> {
    match task.status() {
        Some("COMPLETED") => Ok(moved(name, count, json)),
        status => {
            let status = status.unwrap_or("unknown").to_lowercase();
            let reason = task.failure_reason().unwrap_or("no reason is given");
            let message = format!("the redrive is {status} after {count}: {reason}");
            Err(Failure::Unreachable(message))
        }
    }
}

fn moved(name: QueueName, count: u64, json: bool) -> String {
    match (json, count) {
        (true, _) => document(&json!({ "queue": name.name(), "moved": count })),
        (false, 0) => format!("the {} queue has no dead letters\n", name.name()),
        (false, _) => format!("moved {count} back to the {} queue\n", name.name()),
    }
}

/// A bar on standard error, at a terminal only.
fn bar(count: u64) -> ProgressBar {
    let bar = ProgressBar::new(count);
    if let Ok(style) = ProgressStyle::with_template("moving {bar:30} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}
