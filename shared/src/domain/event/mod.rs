//! An event: what a tenant is told of its purchases, accounts and deferred requests.
//!
//! An event is made from what is stored, never from what was intended. Its id is derived from what it
//! tells of, so making it again gives the same event.

mod announcement;
mod kind;
mod owed;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

pub use self::announcement::{Announcement, NotifyJob, Subject};
pub use self::kind::EventType;
pub use self::owed::Owed;
use super::ids::{EventId, PurchaseId, TenantId};
use super::time::{epoch_ms, epoch_seconds, to_iso};

/// How long an event is kept.
pub const KEPT: Duration = Duration::days(30);

/// An event as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub event_id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When it was made. It may have happened some time before: `data` says when.
    #[serde(rename = "created_ms", with = "epoch_ms")]
    pub created_at: OffsetDateTime,
    /// Sort key of the tenant's list: time, then id.
    pub listed: String,
    /// What it is about, as JSON.
    pub data: String,
    /// When it ends. DynamoDB's TTL deletes the item some hours later.
    #[serde(with = "epoch_seconds")]
    pub expires_at: OffsetDateTime,
}

/// An event as its tenant sees it.
#[derive(Debug, Serialize)]
pub struct EventView<'a> {
    id: &'a EventId,
    #[serde(rename = "type")]
    kind: &'a EventType,
    created_at: String,
    data: Option<Box<RawValue>>,
}

/// What the data of an event may name.
#[derive(Deserialize)]
struct About {
    purchase_id: Option<PurchaseId>,
}

impl Event {
    /// The event that tells of `owed`, made at `now`.
    pub fn new(owed: &Owed, now: OffsetDateTime) -> Self {
        let event_id = owed.id();
        Self {
            tenant: owed.tenant.clone(),
            kind: owed.kind.clone(),
            created_at: now,
            listed: format!("{}#{event_id}", to_iso(now)),
            data: owed.data.to_string(),
            expires_at: now + KEPT,
            event_id,
        }
    }

    /// Whether it has not ended yet. DynamoDB deletes ended items late.
    pub fn is_alive(&self, now: OffsetDateTime) -> bool {
        self.expires_at > now
    }

    /// The purchase that it is about, whose number it holds; none where it is about something else.
    pub fn purchase_id(&self) -> Option<PurchaseId> {
        let data: About = serde_json::from_str(&self.data).ok()?;
        data.purchase_id
    }

    /// What the tenant sees.
    pub fn view(&self) -> EventView<'_> {
        EventView {
            id: &self.event_id,
            kind: &self.kind,
            created_at: to_iso(self.created_at),
            data: RawValue::from_string(self.data.clone()).ok(),
        }
    }
}

impl Owed {
    /// The same for the same event, another for any other: of the tenant, the type, what it is about
    /// and when that happened. No id has a line break.
    fn id(&self) -> EventId {
        let Self { tenant, kind, about, at, .. } = self;
        let text = format!("{tenant}\n{kind}\n{about}\n{}", to_iso(*at));
        let digest = Sha256::digest(text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        EventId::from_bytes(&bytes)
    }
}
