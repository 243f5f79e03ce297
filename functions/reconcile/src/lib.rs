//! Reconcile: the schedule runs it every 15 minutes, so that no purchase hangs on one message.
//!
//! It starts overdue chains again, looks back once on each settled purchase, asks daily about those
//! that wait for a person, and masks the numbers of old ones. It asks no provider itself: it sends
//! jobs. A job that is lost is sent again, because the purchase stays in the index until the job has
//! done its work. It also ends consents that are past their end, or whose data nobody reads.
//!
//! Reads and writes `purchases` and `accounts`, reads `disclosures`, sends to the requery queue, the follow-up queue and the
//! notify queue.

mod accounts;
mod consents;
mod masking;

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use serde::Serialize;
use serde_json::{Value, json};
use shared::domain::disclosure::DisclosureRetention;
use shared::domain::dormancy::Dormancy;
use shared::domain::ids::PurchaseId;
use shared::domain::job::{Chain, HintedPurchase, Job, Step};
use shared::domain::purchase::{Plan, Purchase, ReconcileAfter, Task};
use shared::domain::retention::NumberRetention;
use shared::lambda::scheduled_function::{Failed, ScheduledFunction};
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::queue::{Queue, QueueError};
use shared::platform::telemetry::alarm::Alarm;
use shared::store::{Accounts, Disclosures, Outbox, PARTS, Purchases, StoreError};
use tokio::time::Instant;

/// How many purchases or consents are worked on at the same time.
const CONCURRENCY: usize = 16;

/// The function's dependencies.
#[derive(Debug)]
pub struct Reconcile {
    purchases: Purchases,
    accounts: Accounts,
    disclosures: Disclosures,
    outbox: Outbox,
    chains: Queue,
    follow_ups: Queue,
    after: ReconcileAfter,
    retention: NumberRetention,
    dormancy: Dormancy,
    environment: Environment,
}

/// What one run did.
#[derive(Debug, Default, Serialize)]
struct Counts {
    restarted: usize,
    looked_back: usize,
    finished: usize,
    given_up: usize,
    unreadable: usize,
    failed: usize,
}

/// Why a purchase or a consent was not dealt with. The next run tries again.
#[derive(Debug, thiserror::Error)]
enum NotDone {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl ScheduledFunction for Reconcile {
    const NAME: &'static str = "reconcile";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            disclosures: Disclosures::from_vars(vars, &dynamodb)?,
            outbox: Outbox::from_vars(vars, environment)?,
            chains: Queue::from_vars(vars, environment, "REQUERY_QUEUE_URL")?,
            follow_ups: Queue::from_vars(vars, environment, "FOLLOW_UP_QUEUE_URL")?,
            after: ReconcileAfter::from_vars(vars)?,
            retention: NumberRetention::from_vars(vars)?,
            dormancy: Dormancy::from_vars(vars, DisclosureRetention::from_vars(vars)?.time())?,
            environment: environment.clone(),
        })
    }

    async fn run(&self, until: Instant) -> Result<Value, Failed> {
        // Purchases first: money waits for them. What keeps them waiting does not keep consents from ending,
        // and the other way round. However many there are, half of the time is for the rest.
        let now = Instant::now();
        let half = now + until.saturating_duration_since(now) / 2;
        let worked = Box::pin(self.work(half)).await;
        let ended = Box::pin(self.end_consents(until)).await;
        let (counts, complete) = worked.map_err(failed)?;
        let stood = Box::pin(self.purchases.masking_pass()).await.map_err(failed)?;
        let masked = Box::pin(self.mask(stood.clone(), until)).await.map_err(failed)?;
        let dormant = Box::pin(self.pass_over_accounts(stood, until)).await;
        if counts.failed > 0 {
            return Err(Failed(format!("{} purchases were not dealt with", counts.failed)));
        }
        let ended = ended.map_err(|reason| Failed(format!("consents were not ended: {reason}")))?;
        let dormant =
            dormant.map_err(|reason| Failed(format!("accounts were not passed: {reason}")))?;
        let mut done = json!(counts);
        done["consents_ended"] = json!(ended);
        done["dormant_ended"] = json!(dormant);
        done["masked"] = json!(masked);
        done["complete"] = json!(complete);
        Ok(done)
    }
}

impl Reconcile {
    /// Works through what is due, one page of each part in turn, so that no part waits for another.
    /// Gives also whether it came to the end.
    async fn work(&self, until: Instant) -> Result<(Counts, bool), StoreError> {
        let now = self.environment.clock.now();
        let mut counts = Counts::default();
        let mut pages: VecDeque<_> = PARTS.chars().map(|part| (part, None)).collect();
        while let Some((part, from)) = pages.pop_front() {
            if Instant::now() >= until {
                return Ok((counts, false));
            }
            let due = self.purchases.due(part, now, from).await?;
            let done: Vec<_> = stream::iter(due.ids)
                .map(|id| self.reconcile(id))
                .buffer_unordered(CONCURRENCY)
                .collect()
                .await;
            done.into_iter().for_each(|done| counts.add(done));
            if let Some(next) = due.next {
                pages.push_back((part, Some(next)));
            }
        }
        Ok((counts, true))
    }

    /// Deals with a purchase, and logs why it cannot be done.
    async fn reconcile(&self, id: PurchaseId) -> Result<Task, NotDone> {
        let outcome = self.deal_with(&id).await;
        if let Err(reason) = &outcome {
            let purchase_id = id.as_str();
            tracing::warn!(purchase_id, %reason, "a purchase cannot be reconciled");
        }
        outcome
    }

    /// The job is sent before the purchase is moved in the index: a crash between the two sends it
    /// once more, which is harmless.
    async fn deal_with(&self, id: &PurchaseId) -> Result<Task, NotDone> {
        let Some(purchase) = self.purchases.by_id(id).await? else { return Ok(Task::Wait) };
        let Plan { task, next } = Plan::of(&purchase, self.after, self.environment.clock.now());
        match task {
            Task::RestartChain => self.restart(&purchase).await?,
            Task::LookBack => self.look_back(&purchase).await?,
            Task::GiveUp => {
                let (alarm, purchase_id) = (Alarm::LookBackUnanswered.name(), id.as_str());
                tracing::error!(alarm, purchase_id, "VTpass gave no clear answer for two weeks");
            }
            Task::Wait | Task::Finish => {}
        }
        if let Some(seen) = purchase.reconcile_at
            && next != Some(seen)
        {
            self.purchases.come_back(id, seen, next).await?;
        }
        Ok(task)
    }

    async fn restart(&self, purchase: &Purchase) -> Result<(), QueueError> {
        let about = Chain {
            tenant: purchase.tenant.clone(),
            purchase_id: purchase.purchase_id.clone(),
            chain: purchase.chain.clone(),
        };
        let job = Job::Purchase(Step { about, step: purchase.step });
        self.chains.send(&job, Duration::ZERO).await?;
        let (alarm, purchase_id) = (Alarm::ChainRestarted.name(), purchase.purchase_id.as_str());
        tracing::error!(alarm, purchase_id, step = purchase.step, "an overdue chain is restarted");
        Ok(())
    }

    async fn look_back(&self, purchase: &Purchase) -> Result<(), QueueError> {
        let (tenant, purchase_id) = (purchase.tenant.clone(), purchase.purchase_id.clone());
        let job = Job::LookBack(HintedPurchase { tenant, purchase_id });
        self.follow_ups.send(&job, Duration::ZERO).await
    }
}

impl Counts {
    fn add(&mut self, done: Result<Task, NotDone>) {
        let count = match done {
            Ok(Task::RestartChain) => &mut self.restarted,
            Ok(Task::LookBack) => &mut self.looked_back,
            Ok(Task::Finish) => &mut self.finished,
            Ok(Task::GiveUp) => &mut self.given_up,
            Ok(Task::Wait) => return,
            // It has an alarm of its own.
            Err(NotDone::Store(StoreError::Unreadable(_))) => &mut self.unreadable,
            Err(NotDone::Store(_) | NotDone::Queue(_)) => &mut self.failed,
        };
        *count += 1;
    }
}

fn failed(error: StoreError) -> Failed {
    Failed(error.to_string())
}
