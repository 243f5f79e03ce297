//! The schedule of reconcile. Runs that would find nothing due are left out: they cost most of a long
//! run and change nothing.

use std::sync::Arc;
use std::time::Duration;

use sandbox::aws::lambda::Function;
use serde_json::json;

use super::World;

/// The schedule's rate.
const RATE: Duration = Duration::from_secs(900);
/// How long Lambda waits before it repeats an asynchronous invocation that failed.
const REPEATS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];

/// Runs reconcile until the world ends.
pub async fn run(world: Arc<World>, function: Arc<Function>) {
    let runs_without_need = world.chance(10);
    let mut count = 0;
    loop {
        tokio::time::sleep(RATE).await;
        count += 1;
        let is_first = runs_without_need && count == 1;
        if !is_first && !world.record().is_due(world.clock.now()) {
            continue;
        }
        let mut waits = REPEATS.iter();
        while let Err(error) = function.invoke(&json!({})).await {
            world.tell(|| format!("reconcile failed: {error}"));
            let Some(wait) = waits.next() else { break };
            tokio::time::sleep(*wait).await;
        }
    }
}
