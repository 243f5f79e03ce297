//! Finds out what became of purchases: asks the provider until it knows or a person must. And tells
//! Mono of withdrawn consents until it confirms.
//!
//! Triggered by the requery queue. Reads and writes `purchases` and `accounts`, sends to the requery
//! queue and, at the deadline, to its dead-letter queue. Calls VTpass and Mono.

mod chain;
mod hint;
mod unlink;

use shared::config::{ConfigError, Vars};
use shared::mono::Mono;
use shared::purchase::{Call, Conclusion, Purchase, conclude};
use shared::queue::Queue;
use shared::queue_function::{QueueFunction, Retry};
use shared::requery::{Message, Patience, Schedule};
use shared::store::{Accounts, Purchases};
use shared::vtpass::{Outcome, Vtpass};
use shared::world::World;

/// The function's dependencies.
#[derive(Debug)]
pub struct Requery {
    vtpass: Option<Vtpass>,
    mono: Option<Mono>,
    purchases: Purchases,
    accounts: Accounts,
    requeries: Queue,
    dead_letters: Queue,
    schedule: Schedule,
    patience: Patience,
    world: World,
}

impl QueueFunction for Requery {
    const NAME: &'static str = "requery";

    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let dynamodb = shared::aws::dynamodb(vars, world)?;
        Ok(Self {
            vtpass: Vtpass::from_vars(vars, world)?,
            mono: Mono::from_vars(vars, world)?,
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            requeries: Queue::from_vars(vars, world, "REQUERY_QUEUE_URL")?,
            dead_letters: Queue::from_vars(vars, world, "REQUERY_DEAD_LETTER_QUEUE_URL")?,
            schedule: Schedule::from_vars(vars)?,
            patience: Patience::from_vars(vars)?,
            world: world.clone(),
        })
    }

    async fn handle(&self, body: &str) -> Result<(), Retry> {
        // What cannot be read is never dropped: the queue brings it to the dead-letter queue.
        match serde_json::from_str(body) {
            Ok(Message::Purchase(step)) => self.step(step).await,
            Ok(Message::Hint { tenant, purchase_id }) => self.hint(&tenant, &purchase_id).await,
            Ok(Message::Unlink(step)) => self.unlink(step).await,
            Err(error) => Err(Retry(format!("no message of ours, at column {}", error.column()))),
        }
    }
}

impl Requery {
    /// Asks once and decides. `None` where VTpass is switched off: there is nobody to ask.
    async fn ask(&self, purchase: &Purchase, call: Call) -> Option<(Outcome, Conclusion)> {
        let outcome = self.vtpass.as_ref()?.requery(&purchase.order()).await;
        let now = self.world.clock.now();
        let conclusion = conclude(purchase, call, &outcome, now, self.patience);
        shared::purchase::report(purchase, &outcome, &conclusion);
        Some((outcome, conclusion))
    }
}
