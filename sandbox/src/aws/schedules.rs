//! Runs schedules: EventBridge Scheduler, as far as it sends a message to a queue at a fixed rate.
//!
//! As on AWS the first message is sent one interval after the start, and missed ones are not sent
//! later. Every start of the sandbox begins a new interval.

use std::time::Duration;

use aws_sdk_sqs::Client;
use shared::platform::environment::Clock;

use crate::template::stack::ScheduleSpec;

/// How often the clock is read: a test may move it.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// Runs a schedule until the sandbox stops.
pub(crate) fn run(spec: &ScheduleSpec, queue_url: &str, client: &Client, clock: &Clock) {
    let (spec, clock) = (spec.clone(), clock.clone());
    let send = client.send_message().queue_url(queue_url).message_body(&spec.input);
    tokio::spawn(async move {
        let mut due = clock.now() + spec.every;
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            if clock.now() < due {
                continue;
            }
            match send.clone().send().await {
                Ok(_) => due = clock.now() + spec.every,
                Err(error) => {
                    tracing::warn!(queue = spec.queue, %error, "the scheduled message could not be sent")
                }
            }
        }
    });
}
