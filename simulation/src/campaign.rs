//! Runs many schedules: in several threads, in batches that can be resumed.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::coverage::{Coverage, Sites};
use crate::record::{Record, Telling, Violation};
use crate::run::run;
use crate::schedule::{Density, Schedule, generate, shrink};
use crate::world::Blueprint;

/// A schedule that broke an invariant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The first invariant that it broke.
    pub violation: Violation,
}

/// What is needed to run schedules.
pub struct Campaign {
    /// What all worlds have in common.
    pub blueprint: Blueprint,
    /// Where calls go wrong.
    pub sites: Sites,
    /// How much is in a schedule.
    pub density: Density,
}

impl Campaign {
    /// Runs the schedules of some seeds in `jobs` threads.
    ///
    /// # Panics
    /// When a thread does.
    pub fn batch(
        &self,
        seeds: Range<u64>,
        jobs: usize,
        done: &(impl Fn() + Sync),
    ) -> (Coverage, Vec<Failure>) {
        let next = AtomicU64::new(seeds.start);
        let all = Mutex::new((Coverage::default(), Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    let mut coverage = Coverage::default();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end {
                            break;
                        }
                        let record = self.run_seed(seed, Telling::Nothing);
                        coverage.add(&record);
                        if let Some(violation) = record.violations.first() {
                            let violation = violation.clone();
                            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                            all.1.push(Failure { seed, violation });
                        }
                        done();
                    }
                    all.lock().unwrap_or_else(PoisonError::into_inner).0.merge(coverage);
                });
            }
        });
        let (coverage, mut failures) = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        failures.sort_by_key(|it| it.seed);
        (coverage, failures)
    }

    /// Runs the schedule of one seed.
    pub fn run_seed(&self, seed: u64, telling: Telling) -> Record {
        self.run(self.schedule(seed), telling)
    }

    /// The schedule of a seed.
    pub fn schedule(&self, seed: u64) -> Schedule {
        generate(seed, self.density, &self.sites)
    }

    /// Runs one schedule.
    pub fn run(&self, schedule: Schedule, telling: Telling) -> Record {
        run(&self.blueprint, schedule, telling)
    }

    /// The smallest schedule found that breaks the same invariant as this one.
    pub fn shrink(&self, schedule: &Schedule, invariant: &str) -> Schedule {
        shrink(schedule, |smaller| {
            let record = self.run(smaller.clone(), Telling::Nothing);
            record.violations.iter().any(|it| it.invariant == invariant)
        })
    }
}
