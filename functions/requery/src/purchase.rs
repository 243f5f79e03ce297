//! The purchase job: one step of a purchase's requery chain.
//!
//! A chain ends when its purchase is settled or waits for a person. Reconcile asks about the latter.

use std::time::Duration;

use shared::domain::job::{Chain, HintedPurchase, Job, Step};
use shared::domain::purchase::{
    Evidence, Outcome, Purchase, ReconcileAfter, STEP_GRACE, Source, State, Transition, transition,
};
use shared::domain::schedule::{Patience, Schedule};
use shared::lambda::queue_function::Retry;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::queue::{Queue, QueueError};
use shared::provider::vtpass::Vtpass;
use shared::store::{Guards, Outbox, Purchases, StoreError};
use time::OffsetDateTime;

/// The worker for the jobs about purchases.
#[derive(Debug)]
pub(crate) struct PurchaseJobs {
    pub(crate) purchases: Purchases,
    pub(crate) outbox: Outbox,
    pub(crate) guards: Guards,
    vtpass: Option<Vtpass>,
    chains: Queue,
    follow_ups: Queue,
    schedule: Schedule,
    patience: Patience,
    look_back: ReconcileAfter,
    environment: Environment,
}

/// What came of asking VTpass.
pub(crate) enum Asked {
    /// An answer, or none in time, and what it means.
    Answered(Box<Evidence>, Box<Transition>),
    /// VTpass is down and was not asked.
    Down,
    /// Nobody can be asked: VTpass is switched off, or the purchase is a refill, for which MTN has
    /// no status query.
    Nobody,
}

impl PurchaseJobs {
    pub(crate) fn new(
        vars: &Vars,
        environment: &Environment,
        purchases: &Purchases,
        outbox: &Outbox,
        guards: &Guards,
        follow_ups: &Queue,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            purchases: purchases.clone(),
            outbox: outbox.clone(),
            guards: guards.clone(),
            vtpass: Vtpass::from_vars(vars, environment)?,
            chains: Queue::from_vars(vars, environment, "REQUERY_QUEUE_URL")?,
            follow_ups: follow_ups.clone(),
            schedule: Schedule::from_vars(vars)?,
            patience: Patience::from_vars(vars)?,
            look_back: ReconcileAfter::from_vars(vars)?,
            environment: environment.clone(),
        })
    }

    /// Whatever fails, the chain goes on. Only a step that cannot be sent gives the message back to
    /// the queue.
    pub(crate) async fn step(&self, step: Step<Chain>) -> Result<(), Retry> {
        let Chain { tenant, purchase_id, .. } = &step.about;
        let purchase = match self.purchases.get(tenant, purchase_id).await {
            Ok(Some(purchase)) if concerns(&step, &purchase) => purchase,
            Ok(_) => return Ok(()),
            // This version cannot read it: the message goes back to the queue.
            Err(error @ StoreError::Unreadable(_)) => return Err(error.into()),
            Err(error) => {
                let purchase_id = purchase_id.as_str();
                tracing::warn!(purchase_id, reason = %error, "the purchase could not be read");
                self.go_on(&step, Duration::MAX).await?;
                return Ok(());
            }
        };
        let asked = self.ask(&purchase, Source::Requery).await;
        self.learn(&step, &purchase, &asked).await;
        let answer = match asked {
            Asked::Answered(evidence, change) if change.to.is_some_and(State::is_final) => {
                return self.settle(&step, &purchase, &evidence, *change).await;
            }
            Asked::Answered(_, change) => Some(*change),
            Asked::Down | Asked::Nobody => None,
        };
        let for_review = answer.as_ref().is_some_and(|it| it.to == Some(State::NeedsReview));
        match self.overdue(&purchase) {
            Some(overdue) if !for_review => {
                overdue.report(&purchase);
                let change = match answer {
                    Some(answer) => answer.then(overdue),
                    None => overdue,
                };
                self.hand_over(&step, &purchase, change).await
            }
            _ => {
                let change = answer.unwrap_or_else(Transition::from_open);
                if for_review || purchase.state == State::NeedsReview {
                    self.hand_over(&step, &purchase, change).await
                } else {
                    self.keep_asking(&step, &purchase, change).await
                }
            }
        }
    }

    /// Asks VTpass once, unless it is down, and decides what the answer means.
    pub(crate) async fn ask(&self, purchase: &Purchase, source: Source) -> Asked {
        let Some(vtpass) = self.vtpass.as_ref().filter(|_| !purchase.is_refill()) else {
            return Asked::Nobody;
        };
        let Ok(admitted) = vtpass.admit() else { return Asked::Down };
        let outcome = vtpass.requery(admitted, &purchase.order()).await;
        let evidence = self.evidence(source, outcome);
        let change = transition(purchase, &evidence);
        change.report(purchase);
        Asked::Answered(Box::new(evidence), Box::new(change))
    }

    /// What makes the purchase wait for a person whatever the provider says: a refill whose answer
    /// was not recorded, or the deadline.
    fn overdue(&self, purchase: &Purchase) -> Option<Transition> {
        let (source, outcome) = if purchase.state == State::NeedsReview {
            return None;
        } else if purchase.is_refill() && purchase.state == State::Submitted {
            (Source::Requery, Outcome::refill_not_recorded())
        } else if self.environment.clock.now() >= purchase.deadline() {
            (Source::Deadline, Outcome::deadline_passed())
        } else {
            return None;
        };
        Some(transition(purchase, &self.evidence(source, outcome)))
    }

    fn evidence(&self, source: Source, outcome: Outcome) -> Evidence {
        let (at, patience) = (self.environment.clock.now(), self.patience);
        Evidence { source, outcome, at, patience, look_back: self.look_back }
    }

    /// Records a proof. If it cannot be recorded, the next step finds it out again.
    async fn settle(
        &self,
        step: &Step<Chain>,
        purchase: &Purchase,
        evidence: &Evidence,
        change: Transition,
    ) -> Result<(), Retry> {
        let now = self.environment.clock.now();
        match self.purchases.apply(&self.outbox, purchase, &change, evidence).await {
            Ok(met) if met.state.is_final() => return Ok(()),
            // The proof was refused and the purchase is still open: there is more to find out.
            Ok(_) => {}
            Err(error) => not_recorded(purchase, &error),
        }
        self.go_on(step, left(purchase, now)).await?;
        Ok(())
    }

    /// The next step is sent before this one is recorded. A crash between the two asks once more,
    /// which is harmless, and never loses the purchase.
    async fn keep_asking(
        &self,
        step: &Step<Chain>,
        purchase: &Purchase,
        change: Transition,
    ) -> Result<(), Retry> {
        let now = self.environment.clock.now();
        let wait = self.go_on(step, left(purchase, now)).await?;
        let overdue = now + wait + STEP_GRACE;
        let mut change = change.moving(purchase.step, step.next().step, overdue);
        // A hundred equal answers are one line, so that the item stays small. But each answer that
        // VTpass does not know the reference is evidence and is kept.
        let is_evidence = change.unknown_references.is_some_and(|count| count > 0);
        if !is_evidence || purchase.acknowledged {
            change.attempts.retain(|attempt| !attempt.repeats(purchase.history.last()));
        }
        if let Err(error) = self.purchases.change(&self.outbox, purchase, &change, now).await {
            not_recorded(purchase, &error);
        }
        Ok(())
    }

    /// Hands the purchase to a person: its state says so, and its chain ends.
    async fn hand_over(
        &self,
        step: &Step<Chain>,
        purchase: &Purchase,
        mut change: Transition,
    ) -> Result<(), Retry> {
        let now = self.environment.clock.now();
        change.at_step = Some(purchase.step);
        // An older version recorded some that are not in reconcile's index.
        change.reconcile_at = Some(now + STEP_GRACE);
        if let Err(error) = self.purchases.change(&self.outbox, purchase, &change, now).await {
            not_recorded(purchase, &error);
            self.go_on(step, left(purchase, now)).await?;
        }
        Ok(())
    }

    /// Sends the next step, and gives the wait until it is due.
    async fn go_on(&self, step: &Step<Chain>, left: Duration) -> Result<Duration, QueueError> {
        let next = step.next();
        let wait = self.schedule.wait(next.step, left, &self.environment.random);
        self.chains.send(&Job::Purchase(next), wait).await?;
        Ok(wait)
    }

    /// Sends the next step of a hint, and gives the wait until it is due.
    pub(crate) async fn hint_later(
        &self,
        next: Step<HintedPurchase>,
    ) -> Result<Duration, QueueError> {
        let wait = self.schedule.wait(next.step, Duration::MAX, &self.environment.random);
        self.follow_ups.send(&Job::Hint(next), wait).await?;
        Ok(wait)
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.environment.clock.now()
    }
}

/// Whether a step is the purchase's own and not behind it, and the purchase is still open.
fn concerns(step: &Step<Chain>, purchase: &Purchase) -> bool {
    !purchase.state.is_final() && step.about.chain == purchase.chain && step.step >= purchase.step
}

fn left(purchase: &Purchase, now: OffsetDateTime) -> Duration {
    (purchase.deadline() - now).try_into().unwrap_or(Duration::ZERO)
}

fn not_recorded(purchase: &Purchase, error: &StoreError) {
    let purchase_id = purchase.purchase_id.as_str();
    tracing::warn!(purchase_id, reason = %error, "a requery cannot be recorded");
}
