//! The requery function: does the jobs of the requery queue. It asks providers about purchases until
//! they are settled, tells Mono about withdrawn consents, asks MTN again for answers that did not
//! come, and masks the numbers of old purchases.
//!
//! Triggered by the requery queue. Reads and writes `purchases`, `accounts` and `requests`, sends to
//! the requery queue and, at a purchase's deadline, to its dead-letter queue. Calls VTpass, Mono and
//! MTN.
//!
//! Each kind of job has its own module, with the clients that it needs.

mod deferred_request;
mod erasure;
mod hint;
mod masking;
mod purchase;

use shared::domain::job::Job;
use shared::lambda::queue_function::{QueueFunction, Retry};
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;
use shared::store::Purchases;

use crate::deferred_request::DeferredRequestJobs;
use crate::erasure::ErasureJobs;
use crate::masking::MaskingJobs;
use crate::purchase::PurchaseJobs;

/// The function: one worker for each kind of job.
#[derive(Debug)]
pub struct Requery {
    purchases: PurchaseJobs,
    erasures: ErasureJobs,
    deferred_requests: DeferredRequestJobs,
    masking: MaskingJobs,
}

impl QueueFunction for Requery {
    const NAME: &'static str = "requery";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        let jobs = Queue::from_vars(vars, environment, "REQUERY_QUEUE_URL")?;
        let purchases = Purchases::from_vars(vars, &dynamodb)?;
        Ok(Self {
            purchases: PurchaseJobs::new(vars, environment, &purchases, &jobs)?,
            erasures: ErasureJobs::new(vars, environment, &dynamodb, &jobs)?,
            deferred_requests: DeferredRequestJobs::new(vars, environment, &dynamodb, &jobs)?,
            masking: MaskingJobs::new(vars, environment, &purchases, &jobs)?,
        })
    }

    async fn handle(&self, body: &str) -> Result<(), Retry> {
        match serde_json::from_str(body) {
            Ok(Job::Purchase(step)) => self.purchases.step(step).await,
            Ok(Job::Hint(step)) => self.purchases.hint(step).await,
            Ok(Job::Unlink(step)) => self.erasures.unlink(step).await,
            Ok(Job::Withdrawal(step)) => self.erasures.withdrawal(step).await,
            Ok(Job::DeferredRequest(step)) => self.deferred_requests.step(step).await,
            Ok(Job::Masking { after }) => self.masking.mask_part(after).await,
            // A body that cannot be read is never dropped: it goes to the dead-letter queue.
            Err(error) => Err(Retry(format!("not a job, at column {}", error.column()))),
        }
    }
}
