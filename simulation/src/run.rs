//! Runs one schedule: a safety phase with faults, then a liveness phase without, in which everything
//! must come to its end.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use shared::domain::purchase::State;

use crate::record::{Record, Telling};
use crate::schedule::Schedule;
use crate::tenants::People;
use crate::world::{Blueprint, World};
use crate::{checks, panics};

/// How long after the last fault everything must have come to its end: a day until the deadline of a
/// purchase, a day and a quarter until reconcile looks back on it, and time for what is late.
const LIVENESS: Duration = Duration::from_secs(4 * 86_400);
/// How much later in a schedule of weeks: a pass over all that is old comes once a week.
const PASSES: Duration = Duration::from_secs(8 * 86_400);
/// The longest pause between two looks at whether everything has come to its end.
const LONGEST_LOOK: Duration = Duration::from_secs(900);

/// Runs a schedule and gives what is known of the run. A panic, of a function or of the simulation
/// itself, breaks an invariant.
///
/// # Panics
/// When the runtime cannot be built.
pub fn run(blueprint: &Blueprint, schedule: Schedule, telling: Telling) -> Record {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O can be built");
    panics::watch();
    let record = panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let world = World::build(blueprint, schedule, Record::new(telling)).await;
            tokio::select! {
                biased;
                () = world.stopped() => {}
                () = live(&world, blueprint) => {}
            }
            let mut record = world.record();
            std::mem::replace(&mut *record, Record::new(Telling::Nothing))
        })
    }));
    let mut record = record.unwrap_or_else(|_| Record::new(telling));
    for panic in panics::seen() {
        record.violated("no_panic", 0, panic);
    }
    record
}

async fn live(world: &Arc<World>, blueprint: &Blueprint) {
    let people = Arc::new(People::of(&world.schedule));
    let actions = world.schedule.actions.iter().map(|action| {
        let act = people.clone().act(world.clone(), action.clone());
        tokio::spawn(act)
    });
    let actions: Vec<_> = actions.collect();
    for action in actions {
        // A panic is noticed where it happens.
        let _ = action.await;
    }
    world.until_ms(world.schedule.calm_after_ms).await;
    world.calm();
    people.buy_at_last(world).await;
    let mut is_quiet = quiet(world).await;
    people.look_at_all(world).await;
    if world.schedule.settings.books {
        world.until_a_day_is_closed().await;
        checks::days_add_up(world, blueprint).await;
        // Reconcile may have begun something while the day was waited for.
        is_quiet &= quiet(world).await;
    }
    checks::at_the_end(world, is_quiet);
}

/// Waits until everything has come to its end. Gives whether it did in time.
async fn quiet(world: &World) -> bool {
    let passes = if world.schedule.settings.ages { PASSES } else { Duration::ZERO };
    let most = LIVENESS + passes;
    let until = world.now_ms() + u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    let mut pause = Duration::from_secs(5);
    while world.now_ms() < until {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_LOOK);
        if is_quiet(world) {
            return true;
        }
    }
    false
}

/// Whether no purchase is open but those that wait for a person, nothing is left for reconcile, no consent
/// is to end, nothing is too old, and no message is left.
fn is_quiet(world: &World) -> bool {
    let settled = world.record().purchases.values().all(|it| match it.state {
        State::Submitted | State::Pending => false,
        State::NeedsReview => true,
        State::Failed | State::Reversed => it.reconcile_ms.is_none(),
        State::Delivered => it.reconcile_ms.is_none() || checks::is_for_a_person(world, it),
    });
    let ends = checks::consents::ends(world);
    let is_over = settled && ends.is_empty() && checks::ages::overdue(world).is_empty();
    is_over && world.messages().iter().all(|(_, count)| *count == 0)
}
