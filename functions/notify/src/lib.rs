//! The notify function: makes the events that tenants are owed.
//!
//! A change is announced before it is written. This function reads the announcement, looks at what was
//! written, and keeps an event for each thing that its tenant is to be told. What is not written yet
//! is looked at again; what is never written is never told.
//!
//! Triggered by the notify queue. Reads `purchases`, `accounts` and `requests`, writes `events`, sends
//! to the notify queue. Calls no provider.

use std::time::Duration;

use shared::domain::event::{Announcement, Event, NotifyJob, Owed, Subject};
use shared::domain::job::Step;
use shared::lambda::queue_function::{QueueFunction, Retry, unreadable};
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;
use shared::store::{Accounts, Events, Purchases, Requests, StoreError};
use time::OffsetDateTime;

/// How long to wait before what was announced is looked for again. Together longer than any function
/// that changes something may run.
const WAITS: [Duration; 4] = [
    Duration::from_secs(4),
    Duration::from_secs(15),
    Duration::from_secs(45),
    Duration::from_secs(120),
];

/// The function's dependencies.
#[derive(Debug)]
pub struct Notify {
    purchases: Purchases,
    accounts: Accounts,
    requests: Requests,
    events: Events,
    jobs: Queue,
    environment: Environment,
}

impl QueueFunction for Notify {
    const NAME: &'static str = "notify";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            accounts: Accounts::from_vars(vars, &dynamodb)?,
            requests: Requests::from_vars(vars, &dynamodb)?,
            events: Events::from_vars(vars, &dynamodb)?,
            jobs: Queue::from_vars(vars, environment, "NOTIFY_QUEUE_URL")?,
            environment: environment.clone(),
        })
    }

    async fn handle(&self, body: &str) -> Result<(), Retry> {
        match serde_json::from_str(body) {
            Ok(NotifyJob::Announced(step)) => self.announced(step).await,
            Err(error) => Err(unreadable(&error)),
        }
    }
}

impl Notify {
    /// Keeps every event that the subject owes. Those that were kept before stay as they are.
    async fn announced(&self, step: Step<Announcement>) -> Result<(), Retry> {
        let owed = self.owed(&step.about.subject).await?;
        let now = self.environment.clock.now();
        // A millisecond apart, so that a list shows them in the order in which they happened.
        for (owed, place) in owed.iter().zip(0..) {
            self.keep(owed, now + Duration::from_millis(place)).await?;
        }
        if owed.iter().any(|owed| owed.is_announced(&step.about)) {
            return Ok(());
        }
        let wait = usize::try_from(step.step).ok().and_then(|step| WAITS.get(step));
        match wait {
            Some(wait) => Ok(self.jobs.send(&NotifyJob::Announced(step.next()), *wait).await?),
            // Another change came first, or the function that announced it died before it wrote.
            None => Ok(()),
        }
    }

    async fn owed(&self, subject: &Subject) -> Result<Vec<Owed>, StoreError> {
        let owed = match subject {
            Subject::Purchase { purchase_id } => {
                self.purchases.by_id(purchase_id).await?.map(|purchase| purchase.owed())
            }
            Subject::Account { tenant, account_id } => {
                self.accounts.get(tenant, account_id).await?.map(|account| account.owed())
            }
            Subject::Request { request_id } => {
                let now = self.environment.clock.now();
                let request = self.requests.by_id(request_id, now).await?;
                request.map(|request| request.owed().into_iter().collect())
            }
        };
        Ok(owed.unwrap_or_default())
    }

    async fn keep(&self, owed: &Owed, now: OffsetDateTime) -> Result<(), StoreError> {
        let event = Event::new(owed, now);
        if self.events.keep(&event).await? {
            let (tenant, event_id) = (event.tenant.as_str(), event.event_id.as_str());
            tracing::info!(tenant, event_id, event = %event.kind, "an event is kept");
        }
        Ok(())
    }
}
