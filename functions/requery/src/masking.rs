//! The masking job of older versions: masks the numbers of old purchases in one part of the table.
//! Reconcile does the rest.

use shared::domain::ids::PurchaseId;
use shared::domain::retention::NumberRetention;
use shared::lambda::queue_function::Retry;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::{Clock, Environment};
use shared::store::Purchases;

/// The worker for masking jobs.
#[derive(Debug)]
pub(crate) struct MaskingJobs {
    purchases: Purchases,
    retention: NumberRetention,
    clock: Clock,
}

impl MaskingJobs {
    pub(crate) fn new(
        vars: &Vars,
        environment: &Environment,
        purchases: &Purchases,
    ) -> Result<Self, ConfigError> {
        let retention = NumberRetention::from_vars(vars)?;
        let clock = environment.clock.clone();
        Ok(Self { purchases: purchases.clone(), retention, clock })
    }

    /// Masks one part of the table. The queue repeats a part that fails.
    pub(crate) async fn mask_part(&self, after: Option<PurchaseId>) -> Result<(), Retry> {
        let before = self.retention.before(self.clock.now());
        let part = self.purchases.mask_numbers(before, after).await?;
        tracing::info!(masked = part.count, "numbers masked");
        Ok(())
    }
}
