//! Turns the sandbox's clock on.
//!
//! It stops at everything that becomes due on the way, a message or a schedule, and goes on when that is
//! done. So a day that is turned leaves what a day that passes leaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shared::domain::time::to_iso;
use time::OffsetDateTime;

use crate::activity::{Activity, Kind};
use crate::aws::schedules::Timetable;
use crate::clock::TurnedClock;
use crate::services::Services;
use crate::template::stack::Stack;

/// How long the clock waits at one stop for what became due.
const WORK: Duration = Duration::from_secs(10);
/// How long a whole turn may stop on its way. What is left is then turned at once.
const WHOLE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(3);
/// What comes without a message, such as a webhook of a provider, needs a moment.
const MOMENT: Duration = Duration::from_millis(6);
const LEAST: Duration = Duration::from_millis(1);
/// Turns the clock.
pub(crate) struct Turner {
    clock: TurnedClock,
    pub(super) timetable: Arc<Timetable>,
    services: Services,
    /// The queues with a trigger.
    triggered: Vec<String>,
    activity: Activity,
    one_at_a_time: tokio::sync::Mutex<()>,
}

impl Turner {
    /// Turns a clock that all of these follow.
    pub(crate) fn new(
        clock: TurnedClock,
        timetable: Arc<Timetable>,
        services: Services,
        stack: &Stack,
        activity: Activity,
    ) -> Self {
        let triggered = stack.triggers.iter().map(|it| it.queue.clone()).collect();
        let one_at_a_time = tokio::sync::Mutex::default();
        Self { clock, timetable, services, triggered, activity, one_at_a_time }
    }

    /// Turns the clock on, from one thing that is due to the next. Gives the number of stops.
    pub(super) async fn advance(&self, by: Duration) -> usize {
        let _turn = self.one_at_a_time.lock().await;
        let started = self.activity.begin(Kind::Clock, "person");
        let (begun, mut left, mut stops) = (Instant::now(), by, 0);
        self.until_at_rest().await;
        while !left.is_zero() {
            let step = match begun.elapsed() < WHOLE {
                true => self.next().map_or(left, |next| next.clamp(LEAST, left)),
                false => left,
            };
            self.turn(step);
            (left, stops) = (left - step, stops + 1);
            tokio::time::sleep(MOMENT).await;
            self.until_at_rest().await;
        }
        let seconds = by.as_secs();
        let what = format!("the clock was turned on by {seconds} s");
        self.activity.end(&started, what, Vec::new(), true, json!({ "seconds": seconds }));
        stops
    }

    /// The time that everything else reads.
    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.clock().now()
    }

    /// Why the clock cannot be turned, if it cannot.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        // A real provider does not follow: it would refuse what comes from the future.
        if !self.services.simulators.are_all() {
            return Some("A provider is real, and its clock cannot be turned");
        }
        let is_followed = self.clock.is_followed();
        (!is_followed).then_some("Built functions run, and their clock cannot be turned")
    }

    fn turn(&self, by: Duration) {
        self.clock.turn(by);
        self.clock.keep(&self.services.ledger);
        self.timetable.clock_was_turned();
    }

    /// How long until something is due.
    fn next(&self) -> Option<Duration> {
        let queues = self.services.queues.iter();
        let messages = queues
            .flat_map(|queues| self.triggered.iter().map(|queue| queues.next_message_in(queue)));
        messages.chain(self.timetable.next_in()).min()
    }

    async fn until_at_rest(&self) {
        let names: Vec<&str> = self.triggered.iter().map(String::as_str).collect();
        let begun = Instant::now();
        while begun.elapsed() < WORK {
            let queues =
                self.services.queues.as_ref().is_none_or(|queues| queues.are_at_rest(&names));
            if queues && self.timetable.is_at_rest() {
                return;
            }
            self.timetable.clock_was_turned();
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "now": to_iso(self.now()),
            "ahead_seconds": self.clock.ahead().as_secs(),
            "turning": self.one_at_a_time.try_lock().is_err(),
        })
    }
}
