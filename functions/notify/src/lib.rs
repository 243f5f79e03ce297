//! The notify function: makes the events that tenants and the operator are owed.
//!
//! A change is announced before it is written. This function reads the announcement, looks at what was
//! written, and keeps an event for each thing that somebody is to be told. What is not written yet
//! is looked at again; what is never written is never told.
//!
//! Each event is then sent to its owner's webhook endpoints that want it, by a job for each.
//!
//! Triggered by the notify queue. Reads `purchases`, `accounts`, `requests`, `webhook_endpoints`, `limits`
//! and `tenants`, writes `events`, sends to the notify and the webhook queue. Calls nobody outside.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use shared::domain::event::{Announcement, Event, KEPT, NotifyJob, Owed, Subject};
use shared::domain::ids::TenantId;
use shared::domain::job::Step;
use shared::domain::webhook::{Dispatch, Reason, WebhookJob};
use shared::lambda::queue_function::{QueueFunction, Retry, unreadable};
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;
use shared::store::{
    Accounts, Endpoints, Events, FloatNotes, Guards, Listing, Purchases, Requests, StoreError,
    Tenants,
};

/// How long to wait before what was announced is looked for again. Together longer than any function
/// that changes something may run.
const WAITS: [Duration; 4] = [
    Duration::from_secs(4),
    Duration::from_secs(15),
    Duration::from_secs(45),
    Duration::from_secs(120),
];

/// How many events are kept and sent at the same time: a suspended service is told to every tenant.
const AT_ONCE: usize = 16;

/// The function's dependencies.
#[derive(Debug)]
pub struct Notify {
    purchases: Purchases,
    accounts: Accounts,
    requests: Requests,
    endpoints: Endpoints,
    events: Events,
    guards: Guards,
    float: FloatNotes,
    tenants: Tenants,
    jobs: Queue,
    webhooks: Queue,
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
            endpoints: Endpoints::from_vars(vars, &dynamodb)?,
            events: Events::from_vars(vars, &dynamodb)?,
            guards: Guards::from_vars(vars, environment, &dynamodb)?,
            float: FloatNotes::from_vars(vars, &dynamodb)?,
            tenants: Tenants::from_vars(vars, &dynamodb)?,
            jobs: Queue::from_vars(vars, environment, "NOTIFY_QUEUE_URL")?,
            webhooks: Queue::from_vars(vars, environment, "WEBHOOK_QUEUE_URL")?,
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
    /// Keeps every event that the subject owes, and sends the new ones to the tenant's endpoints. Those
    /// that were kept before stay as they are.
    async fn announced(&self, step: Step<Announcement>) -> Result<(), Retry> {
        let owed = self.owed(&step.about).await?;
        let now = self.environment.clock.now();
        let mut told = Vec::new();
        for (owed, place) in owed.iter().zip(0..) {
            // A millisecond apart, so that a list shows them in the order in which they happened.
            let event = Event::new(owed, now + Duration::from_millis(place));
            told.push(self.tell(owed, event, &step.about));
        }
        let told: Vec<Result<(), Retry>> = stream::iter(told).buffered(AT_ONCE).collect().await;
        told.into_iter().collect::<Result<(), Retry>>()?;
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

    /// Keeps an event, and sends it if it is new.
    async fn tell(&self, owed: &Owed, event: Event, announced: &Announcement) -> Result<(), Retry> {
        let is_new = self.keep(&event).await?;
        // An earlier try may have kept what was announced and died before it sent.
        match is_new || owed.is_announced(announced) {
            true => self.send(owed, &event).await,
            false => Ok(()),
        }
    }

    /// Sends a job for each endpoint that wants the event. A job that comes twice is dropped where it is
    /// done.
    async fn send(&self, owed: &Owed, event: &Event) -> Result<(), Retry> {
        let endpoints = self.endpoints.of(&owed.tenant).await?;
        let now = self.environment.clock.now();
        for endpoint in endpoints.iter().filter(|it| it.takes(owed)) {
            let (tenant, series) = (&endpoint.tenant, Dispatch::FIRST_SERIES);
            let (endpoint, event) = (&endpoint.endpoint_id, &event.event_id);
            let job = Dispatch::first(tenant, endpoint, event, Reason::Happened, series, now);
            self.webhooks.send(&WebhookJob::Deliver(job), Duration::ZERO).await?;
        }
        Ok(())
    }

    /// What the subject owes. What happened before the events that are kept is told no more.
    async fn owed(&self, announced: &Announcement) -> Result<Vec<Owed>, StoreError> {
        let owed = match &announced.subject {
            Subject::Purchase { purchase_id } => {
                self.purchases.by_id(purchase_id).await?.map(|purchase| purchase.owed())
            }
            Subject::Account { tenant, account_id } => {
                self.accounts.get(tenant, account_id).await?.map(|account| account.owed())
            }
            Subject::Request { request_id } => {
                let now = self.environment.clock.now();
                self.requests.by_id(request_id, now).await?.map(|request| request.owed())
            }
            Subject::Endpoint { tenant, endpoint_id } => {
                self.endpoints.get(tenant, endpoint_id).await?.map(|endpoint| endpoint.owed())
            }
            Subject::Service { service_id } => {
                let guard = self.guards.get(service_id).await?;
                let is_written = guard.state.changes.iter().any(|it| it.at >= announced.at);
                let owners = if is_written { self.everybody().await? } else { Vec::new() };
                Some(guard.owed(&owners, announced.at))
            }
            Subject::Key { tenant, key_id } => {
                let now = self.environment.clock.now();
                let mut keys = self.tenants.all().await?.keys.into_iter();
                let key = keys.find(|key| key.tenant == *tenant && key.key_id == *key_id);
                key.map(|key| key.owed(now))
            }
            Subject::Float => Some(self.float.told().await?.owed()),
        };
        let mut owed = owed.unwrap_or_default();
        let oldest = self.environment.clock.now() - KEPT;
        owed.retain(|owed| owed.at > oldest);
        Ok(owed)
    }

    /// Every tenant with a key that works, or may work for another version, and the operator.
    async fn everybody(&self) -> Result<Vec<TenantId>, StoreError> {
        let now = self.environment.clock.now();
        let Listing { keys, unreadable } = self.tenants.all().await?;
        let tenants = keys.into_iter().filter(|key| key.usable(now)).map(|key| key.tenant);
        let tenants = tenants.chain(unreadable.into_iter().filter_map(|key| key.tenant));
        let owners: BTreeSet<TenantId> = tenants.chain([TenantId::operator()]).collect();
        Ok(owners.into_iter().collect())
    }

    /// Gives whether the event is new.
    async fn keep(&self, event: &Event) -> Result<bool, StoreError> {
        let is_new = self.events.keep(event).await?;
        if is_new {
            let (tenant, event_id) = (event.tenant.as_str(), event.event_id.as_str());
            tracing::info!(tenant, event_id, event = %event.kind, "an event is kept");
        }
        Ok(is_new)
    }
}
