//! `POST /callbacks/vtpass`: VTpass's webhook. It is unsigned, so it is only a hint: the purchase
//! that it names is asked about, and the catalogue that it names is marked as outdated.
//!
//! Reads and writes `purchases`, sends to the follow-up queue. Calls no provider.
//! Wire contract: VTpass documentation, *Transaction update* and *Variation codes update* webhooks.

use serde::Deserialize;
use serde_json::Value;
use shared::domain::ids::ProviderReference;
use shared::domain::job::{HintedPurchase, Job, Step};
use shared::domain::service::Service;
use shared::domain::time::CLOCK_DIFFERENCE;
use shared::lambda::error::ApiError;
use shared::lambda::http_function::HttpFunction;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::{Clock, Environment};
use shared::platform::queue::Queue;
use shared::store::{Catalogues, Purchases};
use time::Duration;

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
/// The shortest time between two hint jobs for one purchase.
const PAUSE: Duration = Duration::minutes(1);

#[derive(Deserialize)]
struct Webhook {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default, rename = "serviceID")]
    service_id: Option<String>,
    #[serde(default)]
    data: Value,
}

impl Webhook {
    fn parse(request: &ApiRequest) -> Result<Self, ApiError> {
        let webhook: Self = request.json("a VTpass webhook")?;
        if !matches!(webhook.data, Value::Object(_) | Value::Array(_) | Value::Null) {
            return Err(ApiError::invalid("The field data must be an object."));
        }
        Ok(webhook)
    }
}

impl HttpFunction for VtpassCallback {
    const NAME: &'static str = "vtpass-callback";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            purchases: Purchases::from_vars(vars, &dynamodb)?,
            catalogues: Catalogues::from_vars(vars, &dynamodb)?,
            jobs: Queue::from_vars(vars, environment, "FOLLOW_UP_QUEUE_URL")?,
            clock: environment.clock.clone(),
        })
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let webhook = Webhook::parse(request)?;
        match (webhook.kind.as_str(), webhook.service_id) {
            ("transaction-update", _) => {
                for reference in references(&webhook.data) {
                    self.hint(&reference).await?;
                }
            }
            ("variations-update", Some(service)) => self.mark_catalogue(&service).await?,
            // Other webhooks have no effect here. VTpass must not repeat them.
            _ => {}
        }
        Ok(Reply::json_text(SUCCESS))
    }
}

impl VtpassCallback {
    /// Sends a job that asks VTpass, unless one is due that will ask after this hint, too. The job is
    /// sent before it is marked: a crash between the two asks once more and loses nothing. An
    /// unknown reference costs one read at most.
    async fn hint(&self, reference: &ProviderReference) -> Result<(), ApiError> {
        let Some(purchase) = self.purchases.by_reference(reference).await? else {
            return Ok(());
        };
        let (now, last) = (self.clock.now(), purchase.hinted_at);
        if last > now + CLOCK_DIFFERENCE {
            return Ok(());
        }
        let due = now.max(last + PAUSE);
        let (tenant, purchase_id) = (purchase.tenant, purchase.purchase_id.clone());
        let job = Job::Hint(Step::first(HintedPurchase { tenant, purchase_id }));
        self.jobs.send(&job, (due - now).unsigned_abs()).await?;
        if let Err(error) = self.purchases.mark_hint(&purchase.purchase_id, last, due).await {
            let purchase_id = purchase.purchase_id.as_str();
            tracing::warn!(purchase_id, reason = %error, "a hint that is sent cannot be marked");
        }
        Ok(())
    }

    async fn mark_catalogue(&self, service_id: &str) -> Result<(), ApiError> {
        if let Some(service) = Service::parse(service_id) {
            self.catalogues.mark(service.id, self.clock.now()).await?;
        }
        Ok(())
    }
}

/// The references in a webhook's data, whatever their spelling and whether text or number.
fn references(data: &Value) -> Vec<ProviderReference> {
    let ids = [&data["requestId"], &data["request_id"]].into_iter().filter_map(|id| match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let mut found: Vec<_> = ids.map(ProviderReference::new).collect();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    use super::*;

    #[test]
    fn a_reference_is_read_in_both_spellings_as_text_or_number() {
        for (data, expected) in [
            (r#"{"requestId":"a"}"#, &["a"][..]),
            (r#"{"request_id":"a"}"#, &["a"]),
            (r#"{"requestId":"a","request_id":"a"}"#, &["a"]),
            (r#"{"requestId":"a","request_id":"b"}"#, &["a", "b"]),
            (r#"{"requestId":null,"request_id":20240717}"#, &["20240717"]),
            (r#"{"requestId":"a","requestId":"b"}"#, &["b"]),
            (r#"{"requestId":["a"]}"#, &[]),
            (r#"["a"]"#, &[]),
        ] {
            let data = serde_json::from_str(data).unwrap();
            let found = references(&data);
            let found: Vec<&str> = found.iter().map(ProviderReference::as_str).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn any_body_is_a_webhook_or_invalid_and_names_two_references_at_most() {
        const SAMPLES: [&str; 3] = [
            r#"{"type":"transaction-update","data":{"code":"000","requestId":"c4nary"}}"#,
            r#"{"type":"variations-update","serviceID":"mtn-data"}"#,
            r#"{"type":"transaction-update","data":"c4nary"}"#,
        ];
        let words = ["type", "data", "requestId", "request_id", "serviceID", "glo", "c4nary"];
        fuzz(move |choices| {
            let body = choices.body(&SAMPLES, &words);
            let (status, answer) = ask(Asked { body, ..Asked::default() }, |request| {
                let webhook = Webhook::parse(request)?;
                let found = references(&webhook.data);
                assert!(found.len() <= 2);
                for reference in found {
                    // What leads to a purchase has our form, whatever a stranger sends.
                    let id = reference.purchase_id();
                    assert!(id.is_none() || reference.as_str().len() == 44, "{reference}");
                }
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status}");
            assert!(!answer.contains("c4nary"), "{answer}");
        });
    }
}
