//! Finds out what became of purchases: asks the provider until it knows or a person must. Tells
//! Mono of withdrawn consents until it confirms, asks MTN again for answers that do not come, and
//! masks the numbers of old purchases.
//!
//! Triggered by the requery queue. Reads and writes `purchases`, `accounts` and `requests`, sends to
//! the requery queue and, at a purchase's deadline, to its dead-letter queue. Calls VTpass, Mono and
//! MTN.

mod chain;
mod hint;
mod masking;
mod mtn_request;
mod unlink;
mod withdrawal;

use shared::config::{ConfigError, Vars};
use shared::mono::Mono;
use shared::mtn::Mtn;
use shared::mtn_request::AnswerTime;
use shared::purchase::{Call, Conclusion, Purchase, conclude};
use shared::queue::Queue;
use shared::queue_function::{QueueFunction, Retry};
use shared::requery::{Message, NumberRetention, Patience, Schedule};
use shared::store::{Accounts, Purchases, Requests};
use shared::vtpass::{Outcome, Vtpass};
use shared::world::World;

/// The function's dependencies.
#[derive(Debug)]
pub struct Requery {
    vtpass: Option<Vtpass>,
    mono: Option<Mono>,
    mtn: Option<Mtn>,
    purchases: Purchases,
    accounts: Accounts,
    requests: Requests,
    requeries: Queue,
    dead_letters: Queue,
    schedule: Schedule,
    patience: Patience,
    answer_time: AnswerTime,
    number_retention: NumberRetention,
    world: World,
}

impl QueueFunction for Requery {
    const NAME: &'static str = "requery";

    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let dynamodb = shared::aws::dynamodb(vars, world)?;
        Ok(Self {
            vtpass: Vtpass::from_vars(vars, world)?,
            mono: Mono::from_vars(vars, world)?,
            mtn: Mtn::from_vars(vars, world)?,
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            requests: Requests::from_vars(vars, &dynamodb)?,
            requeries: Queue::from_vars(vars, world, "REQUERY_QUEUE_URL")?,
            dead_letters: Queue::from_vars(vars, world, "REQUERY_DEAD_LETTER_QUEUE_URL")?,
            schedule: Schedule::from_vars(vars)?,
            patience: Patience::from_vars(vars)?,
            answer_time: AnswerTime::from_vars(vars)?,
            number_retention: NumberRetention::from_vars(vars)?,
            world: world.clone(),
        })
    }

    async fn handle(&self, body: &str) -> Result<(), Retry> {
        // What cannot be read is never dropped: the queue brings it to the dead-letter queue.
        match serde_json::from_str(body) {
            Ok(Message::Purchase(step)) => self.step(step).await,
            Ok(Message::Hint { tenant, purchase_id }) => self.hint(&tenant, &purchase_id).await,
            Ok(Message::Unlink(step)) => self.unlink(step).await,
            Ok(Message::Withdrawal(step)) => self.withdrawal(step).await,
            Ok(Message::MtnRequest(step)) => self.mtn_request(step).await,
            Ok(Message::Masking { after }) => self.masking(after).await,
            Err(error) => Err(Retry(format!("no message of ours, at column {}", error.column()))),
        }
    }
}

impl Requery {
    /// Asks once and decides. `None` where there is nobody to ask: VTpass is switched off, or the
    /// purchase is a refill, of which MTN gives no account.
    async fn ask(&self, purchase: &Purchase, call: Call) -> Option<(Outcome, Conclusion)> {
        if purchase.is_refill() {
            return None;
        }
        let outcome = self.vtpass.as_ref()?.requery(&purchase.order()).await;
        let now = self.world.clock.now();
        let conclusion = conclude(purchase, call, &outcome, now, self.patience);
        shared::purchase::report(purchase, &outcome, &conclusion);
        Some((outcome, conclusion))
    }
}
