//! The masking job: masks the numbers of old purchases.

use std::time::Duration;

use shared::domain::ids::PurchaseId;
use shared::domain::job::Job;
use shared::domain::retention::NumberRetention;
use shared::lambda::queue_function::Retry;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::{Clock, Environment};
use shared::platform::queue::Queue;
use shared::store::Purchases;

/// The worker for masking jobs.
#[derive(Debug)]
pub(crate) struct MaskingJobs {
    purchases: Purchases,
    jobs: Queue,
    retention: NumberRetention,
    clock: Clock,
}

impl MaskingJobs {
    pub(crate) fn new(
        vars: &Vars,
        environment: &Environment,
        purchases: &Purchases,
        jobs: &Queue,
    ) -> Result<Self, ConfigError> {
        let retention = NumberRetention::from_vars(vars)?;
        let (purchases, jobs) = (purchases.clone(), jobs.clone());
        Ok(Self { purchases, jobs, retention, clock: environment.clock.clone() })
    }

    /// Masks one part of the table and sends the next, so that short invocations do a table of any
    /// size. The queue repeats a part that fails, and the schedule starts from the beginning.
    pub(crate) async fn mask_part(&self, after: Option<PurchaseId>) -> Result<(), Retry> {
        let before = self.retention.before(self.clock.now());
        let part = self.purchases.mask_numbers(before, after).await?;
        tracing::info!(masked = part.count, last = part.next.is_none(), "numbers masked");
        let Some(next) = part.next else { return Ok(()) };
        self.jobs.send(&Job::Masking { after: Some(next) }, Duration::ZERO).await?;
        Ok(())
    }
}
