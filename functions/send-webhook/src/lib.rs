//! The send-webhook function: sends one event to one webhook endpoint of its tenant, by Standard
//! Webhooks 1.0.0, and again while the endpoint does not take it.
//!
//! The next attempt is sent to the queue before this one is recorded. Whatever is lost in between, the
//! event arrives at least once.
//!
//! Triggered by the webhook queue. Reads `events`, `webhook_endpoints` and `webhook_deliveries`, writes
//! the last two, sends to the webhook and the notify queue. Calls what tenants chose, and nobody else.

mod recover;
mod request;

use std::pin::pin;
use std::time::Duration;

use shared::domain::event::Event;
use shared::domain::webhook::{
    Attempt, Delivery, Dispatch, Endpoint, Problem, Reason, SLOW, Turn, WebhookJob, wait_after,
};
use shared::lambda::queue_function::{QueueFunction, Retry, unreadable};
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::outside::OutsideClient;
use shared::platform::queue::{MAX_DELAY, Queue};
use shared::platform::telemetry::alarm::Alarm;
use shared::store::{Deliveries, Endpoints, Events, Outbox};
use time::OffsetDateTime;

/// The function's dependencies.
#[derive(Debug)]
pub struct SendWebhook {
    events: Events,
    endpoints: Endpoints,
    deliveries: Deliveries,
    outbox: Outbox,
    jobs: Queue,
    client: OutsideClient,
    environment: Environment,
}

/// An attempt, and the pause that the receiver asked for.
struct Made {
    attempt: Attempt,
    asked: Option<Duration>,
}

impl QueueFunction for SendWebhook {
    const NAME: &'static str = "send-webhook";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            events: Events::from_vars(vars, &dynamodb)?,
            endpoints: Endpoints::from_vars(vars, &dynamodb)?,
            deliveries: Deliveries::from_vars(vars, &dynamodb)?,
            outbox: Outbox::from_vars(vars, environment)?,
            jobs: Queue::from_vars(vars, environment, "WEBHOOK_QUEUE_URL")?,
            client: OutsideClient::new(&environment.outside),
            environment: environment.clone(),
        })
    }

    async fn handle(&self, body: &str) -> Result<(), Retry> {
        match serde_json::from_str(body) {
            Ok(WebhookJob::Deliver(job)) => self.deliver(job).await,
            Ok(WebhookJob::Recover(job)) => self.recover(job).await,
            Err(error) => Err(unreadable(&error)),
        }
    }
}

impl SendWebhook {
    async fn deliver(&self, job: Dispatch) -> Result<(), Retry> {
        let now = self.environment.clock.now();
        if job.due > now {
            return self.later(job, now).await;
        }
        let Some(endpoint) = self.endpoints.get(&job.tenant, &job.endpoint_id).await? else {
            return Ok(());
        };
        let Some(event) = self.events.get(&job.tenant, &job.event_id, now).await? else {
            return Ok(());
        };
        let earlier = self.deliveries.get(&job.endpoint_id, &job.event_id, now).await?;
        if !Delivery::is_due(earlier.as_ref(), &job) {
            return Ok(());
        }
        if !endpoint.is_enabled() && job.reason != Reason::Tested {
            return self.give_up(&event, earlier.as_ref(), &job, now).await;
        }
        if let Some(waiting) = self.waiting(&endpoint, &job, now).await? {
            return self.later(waiting, now).await;
        }
        let made = self.attempt_noting_slowness(&endpoint, &event, now).await?;
        let next = self.next(&job, &made);
        if let Some(due) = next {
            self.later(job.next(due), now).await?;
        }
        let delivery = Delivery::after(earlier.as_ref(), &event, &job, made.attempt.clone(), next);
        self.deliveries.record(earlier.as_ref(), &delivery, &job).await?;
        self.note(&endpoint, &made).await
    }

    /// Sends a job that is due later. SQS waits for 15 minutes at most.
    async fn later(&self, job: Dispatch, now: OffsetDateTime) -> Result<(), Retry> {
        let left = Duration::try_from(job.due - now).unwrap_or_default();
        // SQS takes whole seconds.
        let wait = Duration::from_secs(left.as_millis().div_ceil(1_000).try_into().unwrap_or(900));
        Ok(self.jobs.send(&WebhookJob::Deliver(job), wait.min(MAX_DELAY)).await?)
    }

    /// Records that nothing was sent, because the endpoint is disabled.
    async fn give_up(
        &self,
        event: &Event,
        earlier: Option<&Delivery>,
        job: &Dispatch,
        now: OffsetDateTime,
    ) -> Result<(), Retry> {
        let problem = Some(Problem::Disabled);
        let attempt = Attempt { at: now, status: None, problem, duration_ms: 0 };
        let delivery = Delivery::after(earlier, event, job, attempt, None);
        self.deliveries.record(earlier, &delivery, job).await?;
        Ok(())
    }

    /// The job with the time of its turn, unless that is now.
    async fn waiting(
        &self,
        endpoint: &Endpoint,
        job: &Dispatch,
        now: OffsetDateTime,
    ) -> Result<Option<Dispatch>, Retry> {
        let random = &self.environment.random;
        let (mut turn, changes) = endpoint.clone().turn(job.has_turn, now, random);
        if changes {
            let take = |endpoint: &mut Endpoint| {
                let (taken, changes) = endpoint.turn(job.has_turn, now, random);
                turn = taken;
                changes
            };
            let (tenant, id) = (&job.tenant, &job.endpoint_id);
            self.endpoints.change_and_tell(&self.outbox, tenant, id, random, take).await?;
        }
        Ok(match turn {
            Turn::Now => None,
            Turn::AskAgain(due) => Some(Dispatch { due, ..job.clone() }),
            Turn::Reserved(due) => Some(Dispatch { due, has_turn: true, ..job.clone() }),
        })
    }

    /// Makes an attempt. While it is slow, no other call to the endpoint begins.
    async fn attempt_noting_slowness(
        &self,
        endpoint: &Endpoint,
        event: &Event,
        now: OffsetDateTime,
    ) -> Result<Made, Retry> {
        let mut attempt = pin!(self.attempt(endpoint, event, now));
        tokio::select! {
            biased;
            made = &mut attempt => return made,
            () = tokio::time::sleep(SLOW) => {}
        }
        let (tenant, id) = (&endpoint.tenant, &endpoint.endpoint_id);
        let Environment { clock, random, .. } = &self.environment;
        let called = &endpoint.url;
        let slow_down =
            |endpoint: &mut Endpoint| endpoint.url == *called && endpoint.slow_down(clock.now());
        let noted = self.endpoints.change_and_tell(&self.outbox, tenant, id, random, slow_down);
        let (made, noted) = tokio::join!(attempt, noted);
        if let Err(error) = noted {
            let (endpoint_id, reason) = (id.as_str(), error.to_string());
            tracing::warn!(endpoint_id, reason, "that an endpoint is slow is not noted");
        }
        made
    }

    /// When the next attempt is due, if there is to be one.
    fn next(&self, job: &Dispatch, made: &Made) -> Option<OffsetDateTime> {
        if made.attempt.is_taken() || job.reason == Reason::Tested {
            return None;
        }
        let attempts = job.step.saturating_add(1);
        let wait = wait_after(attempts, made.asked, &self.environment.random)?;
        Some(self.environment.clock.now() + wait)
    }

    /// Stores what the attempt says of the endpoint. Most say nothing new, and one at a url that is no
    /// longer the endpoint's says nothing.
    async fn note(&self, endpoint: &Endpoint, made: &Made) -> Result<(), Retry> {
        let (now, random) = (self.environment.clock.now(), &self.environment.random);
        let Made { attempt, asked } = made;
        if endpoint.after(attempt, *asked, now).is_none() {
            return Ok(());
        }
        let mut was_enabled = false;
        let called = &endpoint.url;
        let change = |endpoint: &mut Endpoint| {
            if endpoint.url != *called {
                return false;
            }
            was_enabled = endpoint.is_enabled();
            let after = endpoint.after(attempt, *asked, now);
            let changes = after.is_some();
            *endpoint = after.unwrap_or_else(|| endpoint.clone());
            changes
        };
        let (tenant, id) = (&endpoint.tenant, &endpoint.endpoint_id);
        let after =
            self.endpoints.change_and_tell(&self.outbox, tenant, id, random, change).await?;
        if was_enabled && after.is_some_and(|endpoint| !endpoint.is_enabled()) {
            let (alarm, tenant, endpoint_id) =
                (Alarm::EndpointDisabled.name(), tenant.as_str(), id.as_str());
            tracing::error!(alarm, tenant, endpoint_id, "a webhook endpoint is disabled");
        }
        Ok(())
    }
}
