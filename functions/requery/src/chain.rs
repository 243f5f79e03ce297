//! A step of a purchase's chain.

use std::time::Duration;

use shared::purchase::{Attempt, Call, Purchase, State};
use shared::queue_function::Retry;
use shared::requery::{ChainStep, Message};
use shared::store::{Change, Changed};
use shared::world::iso;
use time::OffsetDateTime;

use crate::Requery;

impl Requery {
    /// Whatever fails on the way, the chain goes on: only a step that cannot be sent gives the
    /// message back to the queue.
    pub(crate) async fn step(&self, step: ChainStep) -> Result<(), Retry> {
        let purchase = match self.purchases.get(&step.tenant, &step.purchase_id).await {
            Ok(Some(purchase)) if concerns(&step, &purchase) => purchase,
            Ok(_) => return Ok(()),
            Err(error) => {
                tracing::warn!(purchase_id = step.purchase_id, reason = %error, "unread");
                return self.go_on(&step, Duration::MAX).await;
            }
        };
        let change = match self.ask(&purchase, Call::Requery).await {
            Some((outcome, conclusion)) => Change::of(&purchase, &outcome, conclusion),
            None => Change { from: State::OPEN.to_vec(), ..Change::default() },
        };
        let now = self.world.clock.now();
        if purchase.is_refill() && purchase.state == State::Submitted {
            return self.hand_over(&step, &purchase, unproven(change, &purchase, now)).await;
        }
        match change.to {
            Some(to) if to.is_final() => self.settle(&step, &purchase, &change).await,
            Some(State::NeedsReview) => self.hand_over(&step, &purchase, change).await,
            _ if purchase.state == State::NeedsReview => {
                self.hand_over(&step, &purchase, change).await
            }
            _ if now >= purchase.deadline() => {
                self.hand_over(&step, &purchase, overdue(change, &purchase, now)).await
            }
            _ => self.keep_asking(&step, &purchase, change).await,
        }
    }

    /// A proof in hand: recorded, or found out again by the next step.
    async fn settle(
        &self,
        step: &ChainStep,
        purchase: &Purchase,
        change: &Change,
    ) -> Result<(), Retry> {
        let now = self.world.clock.now();
        match self.purchases.apply(&purchase.purchase_id, change, now).await {
            Ok(met) if met.state.is_final() => Ok(()),
            // What refused the proof left the purchase open: there is more to find out.
            Ok(_) => self.go_on(step, left(purchase, now)).await,
            Err(error) => {
                unrecorded(purchase, &error);
                self.go_on(step, left(purchase, now)).await
            }
        }
    }

    /// The next step is sent before this one is recorded: what crashes between them is asked twice,
    /// which is harmless, and never forgotten.
    async fn keep_asking(
        &self,
        step: &ChainStep,
        purchase: &Purchase,
        change: Change,
    ) -> Result<(), Retry> {
        let now = self.world.clock.now();
        self.go_on(step, left(purchase, now)).await?;
        let mut change = taken(step, purchase, change);
        // A day of the same answer is one line: what is asked a hundred times must stay cheap. But
        // each time that VTpass never heard of it is evidence.
        let is_evidence = change.unknown_ids.is_some_and(|count| count > 0);
        if !is_evidence || purchase.acknowledged {
            change.attempts.retain(|attempt| !attempt.repeats(purchase.history.last()));
        }
        if let Err(error) = self.purchases.change(&purchase.purchase_id, &change, now).await {
            unrecorded(purchase, &error);
        }
        Ok(())
    }

    /// To a person: the state says so, and the message waits in the dead-letter queue, whence a
    /// redrive asks once more. The step moves on only when the message is there: until then a
    /// repeat of this one must not be dropped.
    async fn hand_over(
        &self,
        step: &ChainStep,
        purchase: &Purchase,
        mut change: Change,
    ) -> Result<(), Retry> {
        let (id, now) = (purchase.purchase_id.as_str(), self.world.clock.now());
        change.at_step = Some(purchase.step);
        match self.purchases.change(id, &change, now).await {
            Ok(Changed::Written(_)) => {}
            // Another delivery of this step was faster.
            Ok(Changed::Refused(_)) => return Ok(()),
            Err(error) => {
                unrecorded(purchase, &error);
                return self.go_on(step, left(purchase, now)).await;
            }
        }
        let sent = self.dead_letters.send(&Message::Purchase(step.next()), Duration::ZERO).await;
        sent.map_err(|error| Retry(error.to_string()))?;
        let moved = Change { from: State::OPEN.to_vec(), ..Change::default() };
        let moved = taken(step, purchase, moved);
        if let Err(error) = self.purchases.change(id, &moved, now).await {
            unrecorded(purchase, &error);
        }
        Ok(())
    }

    async fn go_on(&self, step: &ChainStep, left: Duration) -> Result<(), Retry> {
        let next = step.next();
        let wait = self.schedule.wait(next.step, left, &self.world.random);
        let sent = self.requeries.send(&Message::Purchase(next), wait).await;
        sent.map_err(|error| Retry(error.to_string()))
    }
}

/// Whether a step is the purchase's own and not behind it, and something is left to find out.
fn concerns(step: &ChainStep, purchase: &Purchase) -> bool {
    !purchase.state.is_final() && step.chain == purchase.chain && step.step >= purchase.step
}

/// The change with the step moved on, if nobody moved it meanwhile.
fn taken(step: &ChainStep, purchase: &Purchase, change: Change) -> Change {
    Change { at_step: Some(purchase.step), next_step: Some(step.next().step), ..change }
}

/// The deadline has passed without a proof.
fn overdue(mut change: Change, purchase: &Purchase, now: OffsetDateTime) -> Change {
    let purchase_id = purchase.purchase_id.as_str();
    tracing::error!(alarm = "needs_review", purchase_id, "not resolved in time");
    change.to = Some(State::NeedsReview);
    change.attempts.push(Attempt {
        at: iso(now),
        call: "deadline".to_owned(),
        code: "deadline".to_owned(),
        concluded: State::NeedsReview.as_str().to_owned(),
        note: "not resolved in time".to_owned(),
    });
    change
}

/// A refill whose answer was not recorded: MTN may have it, and cannot be asked.
fn unproven(mut change: Change, purchase: &Purchase, now: OffsetDateTime) -> Change {
    const NOTE: &str = "MTN may have made the refill; its answer was not recorded";
    let purchase_id = purchase.purchase_id.as_str();
    tracing::error!(alarm = "needs_review", purchase_id, "a refill without a recorded answer");
    change.to = Some(State::NeedsReview);
    change.attempts.push(Attempt {
        at: iso(now),
        call: "requery".to_owned(),
        code: "no_record".to_owned(),
        concluded: State::NeedsReview.as_str().to_owned(),
        note: NOTE.to_owned(),
    });
    change
}

fn left(purchase: &Purchase, now: OffsetDateTime) -> Duration {
    (purchase.deadline() - now).try_into().unwrap_or(Duration::ZERO)
}

fn unrecorded(purchase: &Purchase, error: &shared::store::StoreError) {
    let purchase_id = purchase.purchase_id.as_str();
    tracing::warn!(purchase_id, reason = %error, "a requery is not recorded");
}
