//! `POST /callbacks/vtpass`: VTpass's webhook. It is unsigned, so it is only a hint: the purchase
//! that it names is asked about, and the catalogue that it names is dropped.
//!
//! Reads and writes `purchases`, sends to the requery queue. Calls no provider.
//! Wire contract: VTpass documentation, *Transaction update* and *Variation codes update* webhooks.

use std::time::Duration;

use serde::Deserialize;
use shared::domain::ids::ProviderReference;
use shared::domain::job::{HintedPurchase, Job};
use shared::domain::service::Service;
use shared::lambda::error::ApiError;
use shared::lambda::http_function::HttpFunction;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::{Clock, Environment};
use shared::platform::queue::Queue;
use shared::store::{Catalogues, Purchases};

/// The function's dependencies.
#[derive(Debug)]
pub struct VtpassCallback {
    purchases: Purchases,
    catalogues: Catalogues,
    jobs: Queue,
    clock: Clock,
}

/// The answer that VTpass requires. After any other it repeats the webhook up to five times.
const SUCCESS: &str = r#"{"response":"success"}"#;
/// At most one hint for each purchase is passed on in this time.
const PAUSE: time::Duration = time::Duration::minutes(1);

#[derive(Deserialize)]
struct Webhook {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, rename = "serviceID")]
    service_id: Option<String>,
    #[serde(default)]
    data: Option<WebhookTransaction>,
}

#[derive(Deserialize)]
struct WebhookTransaction {
    #[serde(default, rename = "requestId", alias = "request_id")]
    reference: Option<String>,
}

impl HttpFunction for VtpassCallback {
    const NAME: &'static str = "vtpass-callback";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            catalogues: Catalogues::from_vars(vars, &dynamodb)?,
            jobs: Queue::from_vars(vars, environment, "REQUERY_QUEUE_URL")?,
            clock: environment.clock.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let webhook: Webhook = request.json("a VTpass webhook")?;
        match (webhook.kind.as_str(), webhook.data, webhook.service_id) {
            ("transaction-update", Some(WebhookTransaction { reference: Some(reference) }), _) => {
                self.hint(&ProviderReference::new(reference)).await?
            }
            ("variations-update", _, Some(service)) => self.drop_catalogue(&service).await?,
            // Other webhooks have no effect here. VTpass must not repeat them.
            _ => {}
        }
        Ok(Reply::json_text(SUCCESS))
    }
}

impl VtpassCallback {
    /// Sends one job that asks VTpass once. An unknown reference costs one read at most.
    async fn hint(&self, reference: &ProviderReference) -> Result<(), ApiError> {
        let Some(purchase) = self.purchases.by_reference(reference).await? else {
            return Ok(());
        };
        let id = &purchase.purchase_id;
        if !self.purchases.mark_hint(id, self.clock.now(), PAUSE).await? {
            return Ok(());
        }
        let (tenant, purchase_id) = (purchase.tenant, id.clone());
        let job = Job::Hint(HintedPurchase { tenant, purchase_id });
        if let Err(error) = self.jobs.send(&job, Duration::ZERO).await {
            self.purchases.unmark_hint(id).await;
            return Err(error.into());
        }
        Ok(())
    }

    async fn drop_catalogue(&self, service_id: &str) -> Result<(), ApiError> {
        if let Some(service) = Service::parse(service_id) {
            self.catalogues.drop(service.id, self.clock.now()).await?;
        }
        Ok(())
    }
}
