//! Sending on request: a test, one event once more, all events since a time.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use shared::domain::event::{Event, EventType, Owed};
use shared::domain::ids::{EndpointId, EventId, TenantId};
use shared::domain::webhook::{Dispatch, Endpoint, Reason, Recovery, WebhookJob};
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;

use crate::{WebhookEndpoints, body};

impl WebhookEndpoints {
    /// Sends an event that only says that this is a test, once, also to an endpoint that is disabled.
    pub(crate) async fn test(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let Endpoint { tenant, endpoint_id, .. } = self.endpoint(request).await?;
        let (now, series) = (self.environment.clock.now(), self.environment.random.id());
        let owed = Owed {
            tenant: tenant.clone(),
            kind: EventType::EndpointTest,
            about: format!("{endpoint_id} {series}"),
            at: now,
            data: json!({ "endpoint_id": endpoint_id }),
        };
        let event = Event::new(&owed, now);
        self.events.keep(&event).await?;
        self.send(&tenant, &endpoint_id, &event.event_id, Reason::Tested, &series).await?;
        accepted(json!({ "event_id": event.event_id }))
    }

    /// Sends one event once more, to one endpoint or to all that want it.
    pub(crate) async fn resend(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let (id, only) = (request.path_id("event_id", EventId::parse)?, body::resent(request)?);
        let now = self.environment.clock.now();
        let event = self.events.get(tenant, &id, now).await?.ok_or_else(ApiError::not_found)?;
        let endpoints = match only {
            Some(id) => {
                let endpoint = self.endpoints.get(tenant, &id).await?;
                vec![enabled(endpoint.ok_or_else(ApiError::not_found)?)?]
            }
            None => {
                let mut endpoints = self.endpoints.of(tenant).await?;
                endpoints.retain(|endpoint| endpoint.wants(&event.kind));
                endpoints
            }
        };
        let series = self.environment.random.id();
        let ids: Vec<_> = endpoints.into_iter().map(|endpoint| endpoint.endpoint_id).collect();
        for endpoint_id in &ids {
            self.send(tenant, endpoint_id, &id, Reason::Resent, &series).await?;
        }
        accepted(json!({ "event_id": id, "endpoint_ids": ids }))
    }

    /// Sends all events since a time that the endpoint has not taken.
    pub(crate) async fn recover(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let since = body::since(request)?;
        let Endpoint { tenant, endpoint_id, .. } = enabled(self.endpoint(request).await?)?;
        let series = self.environment.random.id();
        let data = json!({ "endpoint_id": endpoint_id });
        let recovery = Recovery { tenant, endpoint_id, since, series, after: None };
        self.jobs.send(&WebhookJob::Recover(recovery), Duration::ZERO).await?;
        accepted(data)
    }

    async fn send(
        &self,
        tenant: &TenantId,
        endpoint: &EndpointId,
        event: &EventId,
        reason: Reason,
        series: &str,
    ) -> Result<(), ApiError> {
        let now = self.environment.clock.now();
        let job = Dispatch::first(tenant, endpoint, event, reason, series, now);
        Ok(self.jobs.send(&WebhookJob::Deliver(job), Duration::ZERO).await?)
    }
}

fn enabled(endpoint: Endpoint) -> Result<Endpoint, ApiError> {
    let disabled = || ApiError::invalid("The endpoint is disabled; enable it first.");
    endpoint.is_enabled().then_some(endpoint).ok_or_else(disabled)
}

fn accepted(data: serde_json::Value) -> Result<Reply, ApiError> {
    Ok(Reply::successful(data)?.with_status(StatusCode::ACCEPTED))
}
