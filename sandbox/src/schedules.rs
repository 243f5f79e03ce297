//! Schedules: EventBridge Scheduler, as far as it sends a message to a queue every so often.
//!
//! As on AWS the first message comes one interval after the start, and those that were missed are
//! not made up for. Here every start of the sandbox begins the interval anew.

use std::time::Duration;

use aws_sdk_sqs::Client;
use shared::world::Clock;

use crate::stack::ScheduleSpec;

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Runs a schedule until the sandbox stops.
pub(crate) fn run(spec: &ScheduleSpec, queue_url: &str, client: &Client, clock: &Clock) {
    let (spec, clock) = (spec.clone(), clock.clone());
    let send = client.send_message().queue_url(queue_url).message_body(&spec.input);
    tokio::spawn(async move {
        let mut due = clock.now() + spec.every;
        loop {
            tokio::time::sleep(LOOK).await;
            if clock.now() < due {
                continue;
            }
            match send.clone().send().await {
                Ok(_) => due = clock.now() + spec.every,
                Err(error) => tracing::warn!(queue = spec.queue, %error, "schedule"),
            }
        }
    });
}
