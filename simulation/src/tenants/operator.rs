//! An operator settles purchases that wait for a person, and records reversals, from the provider's own
//! records, as `telco-gateway purchase settle` does.

use std::time::Duration;

use sandbox::simulators::vtpass::OrderState;
use shared::domain::ids::PurchaseId;
use shared::domain::purchase::{Purchase, Settled, State};
use shared::store::{Changed, Settlement};

use super::people::People;
use crate::checks::{self, name};
use crate::schedule::{End, OrderNumber};
use crate::world::{Operator, World, tenant_id};

/// From this age on, what a provider's records do not have does not arrive any more.
const NOTHING_ARRIVES: Duration = Duration::from_secs(600);
/// How often the command is given if it fails, and the pause between two tries.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(20);

impl People {
    /// Settles the purchase of an order, if it waits for a person and the provider's records say how it
    /// ended.
    pub(super) async fn settle(&self, world: &World, order: OrderNumber) {
        self.settle_as(world, order, None).await;
    }

    /// Settles the purchase of an order, if it waits for a person, without looking at the records.
    pub(super) async fn guess(&self, world: &World, order: OrderNumber, to: End) {
        let to = match to {
            End::Delivered => Settled::Delivered,
            End::Failed => Settled::Failed,
            End::Reversed => Settled::Reversed,
        };
        self.settle_as(world, order, Some(to)).await;
    }

    async fn settle_as(&self, world: &World, order: OrderNumber, guess: Option<Settled>) {
        let (Some(placed), Some(operator)) = (self.orders.get(&order), world.operator.get()) else {
            return;
        };
        let id = Purchase::id(&tenant_id(placed.tenant), &placed.key);
        for _ in 0..TRIES {
            match settle_once(world, operator, &id, guess).await {
                Ok(said) => return world.tell(|| format!("an operator and order {order}: {said}")),
                Err(error) => {
                    world.tell(|| format!("an operator cannot settle order {order}: {error}"));
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Reads the purchase and settles it, as the provider's records say or as it is guessed. Says what came of
/// it.
async fn settle_once(
    world: &World,
    operator: &Operator,
    id: &PurchaseId,
    guess: Option<Settled>,
) -> Result<String, String> {
    let read = operator.purchases.by_id(id).await.map_err(|error| error.to_string())?;
    let Some(purchase) = read else { return Ok("there is no purchase".to_owned()) };
    let Some(outcome) = guess.or_else(|| in_the_records(world, &purchase)) else {
        return Ok("the provider does not know yet".to_owned());
    };
    let may_guess = guess.is_none() || purchase.state == State::NeedsReview;
    if !may_guess || !purchase.may_be_settled_as(outcome) {
        return Ok(format!("it is {}", purchase.state.name()));
    }
    if guess.is_some() {
        world.record().guessed.insert(purchase.reference.as_str().to_owned());
    }
    let at = world.clock.now();
    let settlement = Settlement { outcome, by: "ada", reason: "as the provider says", at };
    let changed = operator.purchases.settle(&operator.outbox, &purchase, &settlement).await;
    let changed = changed.map_err(|error| error.to_string())?;
    let to = State::from(outcome);
    match changed {
        Changed::Written(settled) if settled.state == to => Ok(format!("settled as {}", to.name())),
        Changed::Written(settled) => {
            let detail =
                format!("{id} was settled as {} and is {}", to.name(), settled.state.name());
            world.violated(name::TOLD_THE_TRUTH, detail);
            Ok(String::new())
        }
        Changed::Refused(met) => Ok(format!("it has become {}", met.state.name())),
    }
}

/// How a purchase ended by the provider's records; `None` while that is open.
fn in_the_records(world: &World, purchase: &Purchase) -> Option<Settled> {
    let is_old = world.clock.now() - purchase.created_at > NOTHING_ARRIVES;
    let not_there = is_old.then_some(Settled::Failed);
    if purchase.is_refill() {
        let is_done = checks::is_refilled(world, purchase.reference.as_str());
        return if is_done { Some(Settled::Delivered) } else { not_there };
    }
    let order = world.vtpass.order(purchase.reference.as_str());
    match order.map_or(OrderState::NotTaken, |it| it.state) {
        OrderState::NotTaken => not_there,
        OrderState::Pending => None,
        OrderState::Delivered => Some(Settled::Delivered),
        OrderState::Failed => Some(Settled::Failed),
        OrderState::Reversed => Some(Settled::Reversed),
    }
}
