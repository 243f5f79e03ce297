//! The schedules of reconcile and books. Runs that would find nothing are left out: they cost most of a
//! long run and change nothing.

use std::sync::Arc;
use std::time::Duration;

use sandbox::aws::lambda::Function;
use serde_json::json;
use shared::domain::date::Date;
use shared::domain::time::to_ms;

use super::World;
use crate::checks::consents;
use crate::schedule::FIRST_PASS_MS;

/// The rate of reconcile's schedule.
const RATE: Duration = Duration::from_secs(900);
const DAY: Duration = Duration::from_secs(86_400);
/// How long after its end a day is closed: books wait an hour, and instances' clocks may be behind.
const CLOSED: Duration = Duration::from_secs(3_700);
/// How long closing a day takes at most where nothing goes wrong.
const CLOSING: Duration = Duration::from_secs(60);
/// How long Lambda waits before it repeats an asynchronous invocation that failed.
const REPEATS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// Runs reconcile until the world ends.
pub async fn reconcile(world: Arc<World>, function: Arc<Function>) {
    let runs_without_need = world.chance(10);
    let mut count = 0;
    loop {
        tokio::time::sleep(RATE).await;
        count += 1;
        let is_first = runs_without_need && count == 1;
        // A world that is measured keeps no record of what is due.
        let is_measured = world.traffic.get().is_some();
        let now = world.clock.now();
        let is_due = world.record().is_due(now);
        let has_ended = |end: &i64| *end <= to_ms(now);
        if is_first || is_measured || is_due || consents::ends(&world).iter().any(has_ended) {
            invoke(&world, "reconcile", &function).await;
        }
    }
}

/// Runs reconcile once a day from when its passes find what is old.
pub async fn passes(world: Arc<World>, function: Arc<Function>) {
    world.until_ms(FIRST_PASS_MS).await;
    loop {
        invoke(&world, "reconcile", &function).await;
        tokio::time::sleep(DAY).await;
    }
}

/// Runs books at the start, and whenever a day can be closed.
pub async fn books(world: Arc<World>, function: Arc<Function>) {
    loop {
        invoke(&world, "books", &function).await;
        world.until_a_day_ends().await;
    }
}

async fn invoke(world: &World, name: &str, function: &Function) {
    let mut waits = REPEATS.iter();
    while let Err(error) = function.invoke(&json!({})).await {
        world.tell(|| format!("{name} failed: {error}"));
        let Some(wait) = waits.next() else { break };
        tokio::time::sleep(*wait).await;
    }
}

impl World {
    /// Waits until the day that is now is closed.
    pub async fn until_a_day_is_closed(&self) {
        self.until_a_day_ends().await;
        tokio::time::sleep(CLOSING).await;
    }

    /// Waits until the day that is now can be closed.
    async fn until_a_day_ends(&self) {
        let ends = Date::of(self.clock.now() - CLOSED).ends() + CLOSED;
        self.reached(to_ms(ends)).await;
    }
}
