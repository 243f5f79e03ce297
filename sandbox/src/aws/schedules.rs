//! Runs schedules: EventBridge Scheduler, as far as it sends a message to a queue or invokes a
//! function at a fixed rate.
//!
//! As on AWS the first time is one interval after the start, and missed ones are not made up for.
//! Every start of the sandbox begins a new interval.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use serde_json::{Value, json};
use shared::platform::environment::Clock;
use time::OffsetDateTime;

use crate::activity::{Activity, Kind};
use crate::aws::lambda::Function;
use crate::template::stack::{ScheduleSpec, ScheduleTarget};

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

/// All schedules, with their last and next runs.
pub(crate) struct Timetable {
    clock: Clock,
    activity: Activity,
    slots: Mutex<Vec<Slot>>,
    /// How many invocations run.
    running: AtomicUsize,
    turned: tokio::sync::Notify,
}

/// A schedule as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) target: ScheduleTarget,
    pub(crate) every: Duration,
    pub(crate) last: Option<OffsetDateTime>,
    pub(crate) next: OffsetDateTime,
}

impl Timetable {
    /// Without a schedule.
    pub(crate) fn new(clock: Clock, activity: Activity) -> Arc<Self> {
        let (slots, running) = (Mutex::default(), AtomicUsize::default());
        Arc::new(Self { clock, activity, slots, running, turned: tokio::sync::Notify::new() })
    }

    /// Runs a schedule until the sandbox stops.
    pub(crate) fn run(self: &Arc<Self>, spec: &ScheduleSpec, target: Target) {
        let next = self.clock.now() + spec.every;
        let slot = Slot { target: spec.target.clone(), every: spec.every, last: None, next };
        let index = {
            let mut slots = self.lock();
            slots.push(slot);
            slots.len() - 1
        };
        let (table, spec) = (self.clone(), spec.clone());
        tokio::spawn(async move {
            loop {
                let due = table.lock()[index].next;
                table.reached(due).await;
                match &target {
                    Target::Queue(send) => {
                        if let Err(error) = send.clone().send().await {
                            tracing::warn!(to = ?spec.target, %error, "a scheduled message was not sent");
                            tokio::time::sleep(CHECK_INTERVAL).await;
                            continue;
                        }
                    }
                    Target::Function(function) => {
                        table.running.fetch_add(1, Ordering::SeqCst);
                        tokio::spawn(table.clone().invoke(function.clone(), spec.input.clone()));
                    }
                }
                let now = table.clock.now();
                let slot = &mut table.lock()[index];
                (slot.last, slot.next) = (Some(now), now + spec.every);
            }
        });
    }

    /// The schedules, in the order of the template.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        self.lock().clone()
    }

    /// How long until the next schedule is due; none without a schedule.
    pub(crate) fn next_in(&self) -> Option<Duration> {
        let now = self.clock.now();
        let next = self.lock().iter().map(|slot| slot.next).min()?;
        Some((next - now).try_into().unwrap_or_default())
    }

    /// Whether no schedule is due and no invocation runs.
    pub(crate) fn is_at_rest(&self) -> bool {
        let now = self.clock.now();
        let is_later = self.lock().iter().all(|slot| slot.next > now);
        is_later && self.running.load(Ordering::SeqCst) == 0
    }

    /// The clock was turned: what is due begins at once.
    pub(crate) fn clock_was_turned(&self) {
        self.turned.notify_waiters();
    }

    /// Invokes a function asynchronously: the schedule does not wait for its end.
    async fn invoke(self: Arc<Self>, function: Arc<Function>, input: String) {
        let event: Value = serde_json::from_str(&input).unwrap_or_default();
        let mut waits = REPEATS.iter();
        loop {
            let started = self.activity.begin(Kind::Invocation, "schedule");
            let ok = function.invoke(&event).await.is_ok();
            let name = function.name();
            let what = format!("{name} {}", if ok { "ran" } else { "failed" });
            self.activity.end(&started, what, Vec::new(), ok, json!({ "function": name }));
            self.running.fetch_sub(1, Ordering::SeqCst);
            if ok {
                return;
            }
            let Some(wait) = waits.next() else { return };
            self.reached(self.clock.now() + *wait).await;
            self.running.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Waits until the clock shows a time.
    async fn reached(&self, time: OffsetDateTime) {
        while self.clock.now() < time {
            let _ = tokio::time::timeout(CHECK_INTERVAL, self.turned.notified()).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
