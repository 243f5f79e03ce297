//! `/_sandbox/clock`: shows the sandbox's time, and turns it on.
//!
//! The clock stops at everything that becomes due on the way, a message or a schedule, and goes on when
//! that is done. So a day that is turned leaves what a day that passes leaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::time::to_iso;
use time::OffsetDateTime;

use super::answer::{Answer, bad, read, unavailable};
use super::routes::Console;
use crate::activity::{Activity, Kind};
use crate::aws::schedules::Timetable;
use crate::clock::TurnedClock;
use crate::services::Services;
use crate::template::stack::Stack;

/// The most that one request may turn the clock: a week.
const MOST_SECONDS: u64 = 7 * 86_400;
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
    async fn advance(&self, by: Duration) -> usize {
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

/// The time, and how far the clock was turned.
pub(super) async fn show(State(console): State<Arc<Console>>) -> Json<Value> {
    Json(console.turner.shown())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

/// Turns the clock on, and answers when all that became due is done.
pub(super) async fn advance(State(console): State<Arc<Console>>, body: Bytes) -> Answer {
    let Advance { advance_seconds } = read(&body)?;
    if !(1..=MOST_SECONDS).contains(&advance_seconds) {
        return Err(bad(format!("advance_seconds must be 1 to {MOST_SECONDS}")));
    }
    let by = Duration::from_secs(advance_seconds);
    let turner = console.clone();
    // A person who closes the page does not stop the clock half-way.
    let turned = tokio::spawn(async move { turner.turner.advance(by).await });
    let stops = turned.await.map_err(unavailable)?;
    let mut shown = console.turner.shown();
    shown["stops"] = json!(stops);
    Ok(Json(shown))
}
