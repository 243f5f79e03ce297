//! `/webhook-endpoints` and `POST /events/{event_id}/resend`: where a tenant wants its events sent, what
//! became of them, and sending them once more.
//!
//! Reads `webhook_endpoints`, `webhook_deliveries` and `events`, writes the first, the last and `limits`,
//! sends to the webhook queue. Resolves names, but calls nobody.

mod body;
mod sending;

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use shared::domain::ids::EndpointId;
use shared::domain::webhook::{Delivery, Endpoint, KeyView};
use shared::lambda::error::ApiError;
use shared::lambda::http_function::HttpFunction;
use shared::lambda::page::{PageQuery, page};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;
use shared::store::{Calls, Deliveries, Endpoints, Events};

/// How many endpoints a tenant has at most.
const MOST_ENDPOINTS: usize = 20;
/// How long looking up a name may take.
const LOOK_UP: Duration = Duration::from_secs(5);

/// The function's dependencies.
#[derive(Debug)]
pub struct WebhookEndpoints {
    endpoints: Endpoints,
    deliveries: Deliveries,
    events: Events,
    calls: Calls,
    jobs: Queue,
    public_base_url: Option<String>,
    environment: Environment,
}

impl HttpFunction for WebhookEndpoints {
    const NAME: &'static str = "webhook-endpoints";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            endpoints: Endpoints::from_vars(vars, &dynamodb)?,
            deliveries: Deliveries::from_vars(vars, &dynamodb)?,
            events: Events::from_vars(vars, &dynamodb)?,
            calls: Calls::from_vars(vars, environment, &dynamodb)?,
            jobs: Queue::from_vars(vars, environment, "WEBHOOK_QUEUE_URL")?,
            public_base_url: vars.base_url("PUBLIC_BASE_URL")?,
            environment: environment.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        self.calls.count(request.tenant()?).await?;
        match request.route.as_str() {
            "POST /webhook-endpoints" => self.make(request).await,
            "GET /webhook-endpoints" => self.list(request).await,
            "GET /webhook-endpoints/{endpoint_id}" => self.one(request).await,
            "PATCH /webhook-endpoints/{endpoint_id}" => self.change(request).await,
            "DELETE /webhook-endpoints/{endpoint_id}" => self.remove(request).await,
            "POST /webhook-endpoints/{endpoint_id}/rotate" => self.rotate(request).await,
            "POST /webhook-endpoints/{endpoint_id}/test" => self.test(request).await,
            "POST /webhook-endpoints/{endpoint_id}/recover" => self.recover(request).await,
            "GET /webhook-endpoints/{endpoint_id}/attempts" => self.attempts(request).await,
            "POST /events/{event_id}/resend" => self.resend(request).await,
            _ => Err(ApiError::not_found()),
        }
    }
}

impl WebhookEndpoints {
    async fn make(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let (tenant, new) = (request.tenant()?, body::made(request)?);
        self.check(&new.url).await?;
        if self.endpoints.of(tenant).await?.len() >= MOST_ENDPOINTS {
            let message = format!("A tenant has at most {MOST_ENDPOINTS} webhook endpoints.");
            return Err(ApiError::invalid(message));
        }
        let Environment { clock, random, .. } = &self.environment;
        let endpoint = Endpoint::new(tenant, new, clock.now(), random);
        self.endpoints.add(&endpoint).await?;
        Ok(shown(&endpoint, KeyView::New)?.with_status(StatusCode::CREATED))
    }

    async fn list(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let endpoints = self.endpoints.of(request.tenant()?).await?;
        let views = endpoints.iter().map(|endpoint| endpoint.view(KeyView::Known));
        let views: Result<Vec<_>, _> = views.collect();
        page(views.map_err(|error| ApiError::unavailable(error.to_string()))?.into_iter(), None)
    }

    async fn one(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        shown(&self.endpoint(request).await?, KeyView::Known)
    }

    async fn change(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let change = body::changed(request)?;
        let known = self.endpoint(request).await?;
        if let Some(url) = &change.url {
            self.check(url).await?;
        }
        let now = self.environment.clock.now();
        let changed = self.changed(&known, |endpoint| {
            if let Some(url) = &change.url {
                endpoint.move_to(url);
            }
            endpoint.events = change.events.clone().unwrap_or_else(|| endpoint.events.clone());
            if let Some(state) = change.state {
                endpoint.set_state(state);
            }
            endpoint.updated_at = now;
        });
        shown(&changed.await?, KeyView::Known)
    }

    async fn remove(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let Endpoint { tenant, endpoint_id, .. } = self.endpoint(request).await?;
        self.endpoints.remove(&tenant, &endpoint_id).await?;
        Reply::successful(json!({ "id": endpoint_id, "removed": true }))
    }

    async fn rotate(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let overlap = body::overlap(request)?;
        let known = self.endpoint(request).await?;
        let Environment { clock, random, .. } = &self.environment;
        let now = clock.now();
        let rotated = self.changed(&known, |endpoint| endpoint.rotate(overlap, now, random));
        shown(&rotated.await?, KeyView::New)
    }

    async fn attempts(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let query = PageQuery::parse(request)?;
        let id = self.endpoint(request).await?.endpoint_id;
        let (now, after) = (self.environment.clock.now(), query.after.as_deref());
        let found = self.deliveries.list(&id, query.limit, after, now).await?;
        let base = self.public_base_url.as_deref().unwrap_or(&request.base_url);
        let list = format!("{base}/webhook-endpoints/{id}/attempts");
        let next = found.next.map(|listed| query.link(&list, [], &listed));
        page(found.deliveries.iter().map(Delivery::view), next)
    }

    /// The endpoint that the path names.
    async fn endpoint(&self, request: &ApiRequest) -> Result<Endpoint, ApiError> {
        let tenant = request.tenant()?;
        let id = request.path_id("endpoint_id", EndpointId::parse)?;
        self.endpoints.get(tenant, &id).await?.ok_or_else(ApiError::not_found)
    }

    /// The endpoint after a change; `not_found` if it was removed in between.
    async fn changed(
        &self,
        known: &Endpoint,
        make: impl Fn(&mut Endpoint),
    ) -> Result<Endpoint, ApiError> {
        let Endpoint { tenant, endpoint_id, .. } = known;
        let random = &self.environment.random;
        let changed = self.endpoints.change(tenant, endpoint_id, random, make);
        changed.await?.ok_or_else(ApiError::not_found)
    }

    /// Whether a url may be called, as far as that can be known now.
    async fn check(&self, url: &str) -> Result<(), ApiError> {
        let check = tokio::time::timeout(LOOK_UP, self.environment.outside.check(url));
        let checked = check
            .await
            .map_err(|_| ApiError::invalid("The url's host could not be looked up in time."))?;
        checked.map_err(|forbidden| ApiError::invalid(forbidden.0))
    }
}

fn shown(endpoint: &Endpoint, key: KeyView) -> Result<Reply, ApiError> {
    Reply::successful(endpoint.view(key).map_err(|error| ApiError::unavailable(error.to_string()))?)
}
