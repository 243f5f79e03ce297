//! Runs schedules: EventBridge Scheduler, as far as it sends a message to a queue or invokes a
//! function at a fixed rate.
//!
//! As on AWS the first time is one interval after the start, and missed ones are not made up for.
//! Every start of the sandbox begins a new interval.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use serde_json::{Value, json};
use shared::platform::environment::Clock;
use time::OffsetDateTime;

use crate::activity::{Activity, Kind};
use crate::aws::lambda::Function;
use crate::template::stack::ScheduleSpec;

/// How often the clock is read: a test may move it.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// How long Lambda waits before it repeats an asynchronous invocation that failed.
const REPEATS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// What a schedule does when it is due.
pub(crate) enum Target {
    /// Sends this message.
    Queue(Box<SendMessageFluentBuilder>),
    /// Invokes this function.
    Function(Arc<Function>),
}

/// Runs a schedule until the sandbox stops.
pub(crate) fn run(spec: &ScheduleSpec, target: Target, clock: &Clock, activity: &Activity) {
    let (spec, clock, activity) = (spec.clone(), clock.clone(), activity.clone());
    let mut due = clock.now() + spec.every;
    tokio::spawn(async move {
        loop {
            reached(&clock, due).await;
            match &target {
                Target::Queue(send) => {
                    if let Err(error) = send.clone().send().await {
                        tracing::warn!(to = ?spec.target, %error, "a scheduled message was not sent");
                        continue;
                    }
                }
                Target::Function(function) => {
                    let (function, input) = (function.clone(), spec.input.clone());
                    tokio::spawn(invoke(function, input, clock.clone(), activity.clone()));
                }
            }
            due = clock.now() + spec.every;
        }
    });
}

/// Invokes a function asynchronously: the schedule does not wait for its end.
async fn invoke(function: Arc<Function>, input: String, clock: Clock, activity: Activity) {
    let event: Value = serde_json::from_str(&input).unwrap_or_default();
    let mut waits = REPEATS.iter();
    loop {
        let started = activity.begin(Kind::Invocation, "schedule");
        let ok = function.invoke(&event).await.is_ok();
        let name = function.name();
        let what = format!("{name} {}", if ok { "ran" } else { "failed" });
        activity.end(&started, what, Vec::new(), ok, json!({ "function": name }));
        if ok {
            return;
        }
        let Some(wait) = waits.next() else { return };
        reached(&clock, clock.now() + *wait).await;
    }
}

/// Waits until the clock shows a time.
async fn reached(clock: &Clock, time: OffsetDateTime) {
    loop {
        tokio::time::sleep(CHECK_INTERVAL).await;
        if clock.now() >= time {
            return;
        }
    }
}
