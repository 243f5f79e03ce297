//! Brings webhooks to the tenant's receiver: true ones, again and out of order, and forged ones.
//!
//! The gateway's clock is turned and the receiver's is not. So the courier signs each webhook anew, with
//! the receiver's secret and the time of now.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use reqwest::{Method, Request, Url};
use serde_json::Value;
use shared::domain::ids::EventId;
use shared::domain::webhook::{BadKey, Scheme, SigningKey};
use shared::platform::environment::Random;
use shared::platform::http::Http;
use time::OffsetDateTime;

use super::report::Kind;
use super::story::{Forgery, Story};

/// How long a receiver may take.
const LIMIT: Duration = Duration::from_secs(15);
/// How often a true webhook that is refused is brought again.
const TRIES: usize = 5;
/// The pause before it is.
const PAUSE: Duration = Duration::from_millis(200);
/// Standard Webhooks: a webhook of this age is refused.
const OLD: time::Duration = time::Duration::minutes(10);

/// A webhook, as the gateway sent it.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The id of the event.
    pub id: String,
    /// The body.
    pub body: String,
}

/// Something wrong that the courier saw.
pub type Seen = (Kind, String);

/// Brings webhooks to one receiver.
pub struct Courier {
    http: Http,
    target: Url,
    key: SigningKey,
    other: SigningKey,
}

/// Why there is no courier.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// The target is no URL.
    #[error("the target is not a URL")]
    Target,
    /// The secret is not one of Standard Webhooks.
    #[error("the secret must be whsec_ and 32 bytes in base64")]
    Secret(#[from] BadKey),
}

impl Courier {
    /// To this receiver, with this secret (`whsec_…`).
    ///
    /// # Errors
    /// [`CourierError`].
    pub fn new(target: &str, secret: &str) -> Result<Self, CourierError> {
        let target = target.parse().map_err(|_| CourierError::Target)?;
        let key = SigningKey::read(secret)?;
        Ok(Self { http: Http::new(), target, key, other: SigningKey::random(&Random::system()) })
    }

    /// Brings a true webhook, in as many copies as the story says. Gives what was wrong.
    pub async fn bring(&self, story: &Story, webhook: &Webhook) -> Vec<Seen> {
        let copies = (0..story.copies).map(|_| self.bring_one(story, webhook));
        let seen = match story.at_once {
            true => futures_util::future::join_all(copies).await,
            false => {
                let mut seen = Vec::new();
                for copy in copies {
                    seen.push(copy.await);
                }
                seen
            }
        };
        seen.into_iter().flatten().collect()
    }

    /// Brings one copy, until it is taken.
    async fn bring_one(&self, story: &Story, webhook: &Webhook) -> Vec<Seen> {
        let mut seen = Vec::new();
        for _ in 0..TRIES {
            let now = OffsetDateTime::now_utc();
            let true_one = self.signed(&self.key, webhook, now);
            let signature = match story.rotating {
                true => format!("{} {true_one}", self.signed(&self.other, webhook, now)),
                false => true_one,
            };
            let (is_taken, took) = self.post(webhook, now, Some(&signature)).await;
            if took >= LIMIT {
                seen.push((Kind::TooSlow, format!("event {}", webhook.id)));
            }
            if is_taken {
                return seen;
            }
            tokio::time::sleep(PAUSE).await;
        }
        seen.push((Kind::TrueRefused, format!("event {}: {}", webhook.id, webhook.body)));
        seen
    }

    /// Brings forged webhooks that say that the purchase may be refunded. Gives what was wrong.
    pub async fn forge(&self, story: &Story, true_one: &Webhook) -> Vec<Seen> {
        let mut seen = Vec::new();
        for forgery in &story.forgeries {
            let now = OffsetDateTime::now_utc();
            let forged = Webhook {
                id: format!("{:032x}", u128::from(story.seed) + 1),
                body: refundable(&true_one.body),
            };
            let (webhook, at, signature) = match forgery {
                Forgery::Unsigned => (&forged, now, None),
                Forgery::OtherSecret => {
                    (&forged, now, Some(self.signed(&self.other, &forged, now)))
                }
                Forgery::Tampered => (&forged, now, Some(self.signed(&self.key, true_one, now))),
                Forgery::Replayed => {
                    (true_one, now - OLD, Some(self.signed(&self.key, true_one, now - OLD)))
                }
            };
            let (is_taken, _) = self.post(webhook, at, signature.as_deref()).await;
            if is_taken {
                let name: &str = forgery.into();
                seen.push((Kind::ForgedAccepted, format!("{name}: {}", webhook.body)));
            }
        }
        seen
    }

    fn signed(&self, key: &SigningKey, webhook: &Webhook, at: OffsetDateTime) -> String {
        let id = EventId::parse(&webhook.id).unwrap_or_default();
        key.sign(Scheme::V1, &id, at, &webhook.body).unwrap_or_default()
    }

    /// Whether the receiver answered 2xx, and how long that took.
    async fn post(
        &self,
        webhook: &Webhook,
        at: OffsetDateTime,
        signature: Option<&str>,
    ) -> (bool, Duration) {
        let mut request = Request::new(Method::POST, self.target.clone());
        let headers = [
            ("content-type", Some("application/json".to_owned())),
            ("webhook-id", Some(webhook.id.clone())),
            ("webhook-timestamp", Some(at.unix_timestamp().to_string())),
            ("webhook-signature", signature.map(str::to_owned)),
        ];
        for (name, value) in headers {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                request.headers_mut().insert(name, value);
            }
        }
        *request.body_mut() = Some(webhook.body.clone().into());
        let begun = Instant::now();
        let answer = self.http.send(request, LIMIT).await;
        (answer.is_ok_and(|answer| answer.status.is_success()), begun.elapsed())
    }
}

/// The same webhook, saying that its purchase failed and may be refunded.
fn refundable(body: &str) -> String {
    let mut body: Value = serde_json::from_str(body).unwrap_or_default();
    body["type"] = "purchase.failed".into();
    body["data"]["state"] = "failed".into();
    body["data"]["safe_to_refund"] = true.into();
    body.to_string()
}

/// A secret for receivers that have none yet: everybody knows it.
pub fn known_secret() -> String {
    format!("whsec_{}", STANDARD.encode(b"the secret of every rehearsal ok"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_secret_is_one_of_the_standard() {
        assert!(Courier::new("http://localhost:3000", &known_secret()).is_ok());
        assert!(Courier::new("http://localhost:3000", "whsec_AAAA").is_err());
        assert!(Courier::new("hooks", &known_secret()).is_err());
    }

    #[test]
    fn a_forged_webhook_says_that_a_refund_is_safe() {
        let forged = refundable(r#"{"type":"purchase.delivered","data":{"safe_to_refund":false}}"#);
        let forged: Value = serde_json::from_str(&forged).unwrap();
        assert_eq!(
            (&forged["type"], &forged["data"]["safe_to_refund"]),
            (&"purchase.failed".into(), &true.into())
        );
    }
}
