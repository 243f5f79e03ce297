//! The outbox: announces a change on the notify queue before the change is written.
//!
//! What is written was announced, so no event is lost. The announcement tells nothing: whoever reads
//! it looks at what was written, so nothing is told that was not.

use std::time::Duration;

use time::OffsetDateTime;

use super::StoreError;
use crate::domain::api_key::ApiKey;
use crate::domain::event::{Announcement, EventType, NotifyJob, Subject};
use crate::domain::job::Step;
use crate::domain::purchase::Purchase;
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::Environment;
use crate::platform::queue::{Queue, QueueError};

/// How long the change has to be written before somebody looks.
const HEAD_START: Duration = Duration::from_secs(1);

/// Where changes are announced.
#[derive(Debug, Clone)]
pub struct Outbox(Queue);

impl Outbox {
    /// The queue named by `NOTIFY_QUEUE_URL`.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing.
    pub fn from_vars(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        Queue::from_vars(vars, environment, "NOTIFY_QUEUE_URL").map(Self)
    }

    /// Announces that `subject` is about to change, by a write that carries the time `at`. Nothing is
    /// announced where the change leads to no event.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be announced: the change must then not be written.
    pub(super) async fn announce(
        &self,
        subject: Subject,
        event: Option<EventType>,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let Some(event) = event else { return Ok(()) };
        let job = NotifyJob::Announced(Step::first(Announcement { subject, event, at }));
        Ok(self.0.send(&job, HEAD_START).await?)
    }

    /// Announces the state of a purchase once more, in case that nobody looked.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be announced.
    pub async fn remind(&self, purchase: &Purchase) -> Result<(), StoreError> {
        let subject = Subject::Purchase { purchase_id: purchase.purchase_id.clone() };
        let event = EventType::of_purchase(purchase.state);
        self.announce(subject, event, purchase.created_at).await
    }

    /// Announces that a key ends soon. It was written long before, so it can be looked at, at once.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be announced.
    pub async fn remind_of_end(&self, key: &ApiKey) -> Result<(), StoreError> {
        let Some(at) = key.warned_at() else { return Ok(()) };
        let (tenant, key_id) = (key.tenant.clone(), key.key_id.clone());
        self.announce(Subject::Key { tenant, key_id }, Some(EventType::KeyExpiring), at).await
    }
}

impl From<QueueError> for StoreError {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::NotAllowed(reason) => Self::NotAllowed(reason),
            QueueError::Unavailable(reason) | QueueError::Unsendable(reason) => {
                Self::Unavailable(reason)
            }
        }
    }
}
