//! Measures, under the turned clock, how a backlog is drained after an outage: how often others are called
//! for it, how many times in a second, and how long it takes.

mod chart;
mod requeries;
mod result;
mod webhooks;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::progress::memory_kb;
use crate::record::{Record, Telling};
use crate::schedule::{Away, FaultKind, Outage, Schedule};
use crate::world::{Blueprint, Service, Traffic, World};

pub use self::chart::{calls_by_second, totals_by_size};
pub use self::requeries::requeries;
pub use self::result::{Drained, table};
pub use self::webhooks::webhooks;

/// How many items of a backlog are written at the same time.
const AT_ONCE: usize = 100;
/// How often is looked whether everything is drained.
const LOOK: Duration = Duration::from_secs(10);
/// By then everything must be drained: a delivery of a webhook is tried for three days.
const MOST: Duration = Duration::from_secs(4 * 86_400);

/// A backlog and the outage that made it.
#[derive(Debug, Clone, Copy)]
pub struct Backlog {
    /// How many purchases or events.
    pub size: u64,
    /// What the outage is of.
    pub outage: OutageOf,
    /// How long it takes.
    pub outage_for: Duration,
    /// How long the provider or a receiver takes for an answer.
    pub answer: Duration,
}

impl Backlog {
    /// The numbers of its items, in parts that are written at the same time.
    fn parts(self) -> impl Iterator<Item = std::ops::Range<u64>> {
        let part = AT_ONCE as u64;
        (0..self.size).step_by(AT_ONCE).map(move |from| from..(from + part).min(self.size))
    }
}

/// What an outage is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OutageOf {
    /// The provider or the receivers: each call is answered with 500.
    Failing,
    /// The provider or the receivers: no call is answered.
    Silent,
    /// The function that calls them: each invocation fails.
    Function,
}

impl OutageOf {
    fn away(self, service: Service, function: &str) -> Away {
        let service = service.name().to_owned();
        match self {
            Self::Failing => Away::Provider(service, FaultKind::FailedBefore),
            Self::Silent => Away::Provider(service, FaultKind::SilentBefore),
            Self::Function => Away::Function(function.to_owned()),
        }
    }
}

/// A world in which a backlog is drained.
struct Measured {
    world: Arc<World>,
    /// The outage, in milliseconds from the start of the run.
    outage: std::ops::Range<u64>,
    memory_kb: Vec<u64>,
    begun: Instant,
}

impl Measured {
    /// A world with an outage that begins `from` after its start.
    async fn begin(blueprint: &Blueprint, backlog: &Backlog, of: Away, from: Duration) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (from_ms, for_ms) = (ms(from), ms(backlog.outage_for));
        let outages = vec![Outage { of, from_ms, for_ms }];
        let schedule = Schedule { outages, ..Schedule::without_events() };
        let (begun, memory) = (Instant::now(), memory_kb());
        let world = World::build(blueprint, schedule, Record::new(Telling::Nothing)).await;
        Self { world, outage: from_ms..from_ms + for_ms, memory_kb: vec![memory], begun }
    }

    /// From now on no invariant is checked, and VTpass takes so long for an answer.
    fn measure(&self, answer: Duration) {
        assert!(self.world.traffic.set(Traffic::new(answer)).is_ok(), "it is measured once");
    }

    /// The backlog is written. Waits until the outage is over and no queue holds a message. Gives whether
    /// that was in time.
    async fn drained(&mut self) -> bool {
        self.memory_kb.push(memory_kb());
        self.world.until_ms(self.outage.end).await;
        self.memory_kb.push(memory_kb());
        let until = tokio::time::Instant::now() + MOST;
        while tokio::time::Instant::now() < until {
            tokio::time::sleep(LOOK).await;
            if self.world.messages().iter().all(|(_, count)| *count == 0) {
                self.memory_kb.push(memory_kb());
                return true;
            }
        }
        false
    }
}

/// Runs a measurement in a runtime whose clock jumps to the next thing that happens.
fn under_the_turned_clock<T>(measurement: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O can be built");
    runtime.block_on(measurement)
}
