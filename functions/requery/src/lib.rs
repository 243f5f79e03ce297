//! The requery function: does the jobs of both queues. It asks providers about purchases until they
//! are settled, tells Mono about withdrawn consents, and asks MTN again for answers that did not come.
//!
//! Triggered by the requery queue, which carries purchases' chains, and by the follow-up queue, which
//! carries everything else. Reads and writes `purchases`, `accounts`, `requests` and `limits`, sends to both
//! queues and to the notify queue. Calls VTpass, Mono and MTN.
//!
//! Each kind of job has its own module, with the clients that it needs.

mod deferred_request;
mod erasure;
mod guard;
mod hint;
mod look_back;
mod masking;
mod purchase;

use shared::domain::job::Job;
use shared::lambda::queue_function::{QueueFunction, Retry, unreadable};
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::pace::Pace;
use shared::platform::queue::Queue;
use shared::store::{Guards, Outbox, Purchases};

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
        // What is overdue after an outage is asked in turn. No customer waits for it.
        let environment = &Environment { pace: Pace::from_vars(vars)?, ..environment.clone() };
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        let follow_ups = Queue::from_vars(vars, environment, "FOLLOW_UP_QUEUE_URL")?;
        let outbox = Outbox::from_vars(vars, environment)?;
        let purchases = Purchases::from_vars(vars, &dynamodb)?;
        let guards = Guards::from_vars(vars, environment, &dynamodb)?;
        Ok(Self {
            purchases: PurchaseJobs::new(
                vars,
                environment,
                &purchases,
                &outbox,
                &guards,
                &follow_ups,
            )?,
            erasures: ErasureJobs::new(vars, environment, &dynamodb, &outbox, &follow_ups)?,
            deferred_requests: DeferredRequestJobs::new(
                vars,
                environment,
                &dynamodb,
                &outbox,
                &follow_ups,
            )?,
            masking: MaskingJobs::new(vars, environment, &purchases)?,
        })
    }

    async fn handle(&self, body: &str) -> Result<(), Retry> {
        match serde_json::from_str(body) {
            Ok(Job::Purchase(step)) => self.purchases.step(step).await,
            Ok(Job::Hint(step)) => self.purchases.hint(step).await,
            Ok(Job::LookBack(about)) => self.purchases.look_back(about).await,
            Ok(Job::Unlink(step)) => self.erasures.unlink(step).await,
            Ok(Job::Withdrawal(step)) => self.erasures.withdrawal(step).await,
            Ok(Job::DeferredRequest(step)) => self.deferred_requests.step(step).await,
            Ok(Job::Masking { after }) => self.masking.mask_part(after).await,
            Err(error) => Err(unreadable(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    #[test]
    fn why_a_message_is_no_job_does_not_show_the_message() {
        fuzz(|choices| {
            let sample = r#"{"kind":"hint","tenant":"c4nary","purchase_id":"p","step":"c4nary"}"#;
            let body = choices.body(&[sample], &["kind", "purchase", "step", "c4nary"]);
            if let Err(error) = serde_json::from_slice::<Job>(&body) {
                let Retry(shown) = unreadable(&error);
                assert!(!shown.contains("c4nary"), "{shown}");
            }
        });
    }
}
