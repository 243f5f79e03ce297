//! `POST /callbacks/vtpass`: VTpass says that something happened. Its word is unsigned, so nothing
//! of it is believed: a purchase it names is asked about, a catalogue it names is dropped.
//!
//! Reads and writes `purchases`, sends to the requery queue. Calls nobody.
//! Wire contract: VTpass documentation, *Transaction update* and *Variation codes update* webhooks.

use serde::Deserialize;
use shared::config::{ConfigError, Vars};
use shared::error::ApiError;
use shared::http_function::{ApiRequest, HttpFunction, Reply};
use shared::purchase::Service;
use shared::queue::Queue;
use shared::requery::Message;
use shared::store::{Catalogues, Purchases};
use shared::world::{Clock, World};

/// The function's dependencies.
#[derive(Debug)]
pub struct VtpassCallback {
    purchases: Purchases,
    catalogues: Catalogues,
    requeries: Queue,
    clock: Clock,
}

/// What VTpass wants to hear; anything else it repeats up to five times.
const SUCCESS: &str = r#"{"response":"success"}"#;
/// At most one hint per purchase in this time.
const PAUSE: time::Duration = time::Duration::minutes(1);

#[derive(Deserialize)]
struct Callback {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, rename = "serviceID")]
    service_id: Option<String>,
    #[serde(default)]
    data: Option<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    #[serde(default, rename = "requestId", alias = "request_id")]
    request_id: Option<String>,
}

impl HttpFunction for VtpassCallback {
    const NAME: &'static str = "vtpass-callback";

    fn new(vars: &Vars, world: &World) -> Result<Self, ConfigError> {
        let dynamodb = shared::aws::dynamodb(vars, world)?;
        Ok(Self {
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            catalogues: Catalogues::from_vars(vars, &dynamodb)?,
            requeries: Queue::from_vars(vars, world, "REQUERY_QUEUE_URL")?,
            clock: world.clock.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let callback: Callback = request.json("a VTpass webhook")?;
        match (callback.kind.as_str(), callback.data, callback.service_id) {
            ("transaction-update", Some(Transaction { request_id: Some(id) }), _) => {
                self.hint(&id).await?;
            }
            ("variations-update", _, Some(service)) => self.drop_catalogue(&service).await?,
            // Of no use to us, and none of VTpass's business to repeat.
            _ => {}
        }
        Ok(Reply::json_text(SUCCESS))
    }
}

impl VtpassCallback {
    /// Sends one requery that asks once. An unknown id costs one read and nothing else.
    async fn hint(&self, request_id: &str) -> Result<(), ApiError> {
        let Some(purchase) = self.purchases.by_request_id(request_id).await? else {
            return Ok(());
        };
        let id = purchase.purchase_id;
        if !self.purchases.mark_hint(&id, self.clock.now(), PAUSE).await? {
            return Ok(());
        }
        let message = Message::Hint { tenant: purchase.tenant, purchase_id: id.clone() };
        if let Err(error) = self.requeries.send(&message, std::time::Duration::ZERO).await {
            self.purchases.unmark_hint(&id).await;
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
