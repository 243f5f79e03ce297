//! An announcement: a message of ours on the notify queue, sent before the write that it is about.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::kind::EventType;
use crate::domain::ids::{AccountId, DeferredRequestId, EndpointId, KeyId, PurchaseId, TenantId};
use crate::domain::job::Step;
use crate::domain::time::epoch_ms;

/// A message on the notify queue, as JSON. It is a stored contract: newer code reads what older code
/// sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NotifyJob {
    /// A change was announced: see what was written; unless it was, send the next step.
    Announced(Step<Announcement>),
}

/// Says that a change is about to be written. Whoever reads it looks at what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// What changes.
    #[serde(flatten)]
    pub subject: Subject,
    /// The event that the change leads to.
    pub event: EventType,
    /// The time that the change is written with.
    #[serde(rename = "at_ms", with = "epoch_ms")]
    pub at: OffsetDateTime,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "subject", rename_all = "snake_case")]
pub enum Subject {
    /// A purchase.
    Purchase {
        /// Which.
        purchase_id: PurchaseId,
    },
    /// A deferred request.
    Request {
        /// Which.
        request_id: DeferredRequestId,
    },
    /// An account of a tenant.
    Account {
        /// Whose.
        tenant: TenantId,
        /// Which.
        account_id: AccountId,
    },
    /// A webhook endpoint of a tenant.
    Endpoint {
        /// Whose.
        tenant: TenantId,
        /// Which.
        endpoint_id: EndpointId,
    },
    /// A service, which all tenants are told of.
    Service {
        /// Which.
        service_id: String,
    },
    /// An API key of a tenant.
    Key {
        /// Whose.
        tenant: TenantId,
        /// Which.
        key_id: KeyId,
    },
    /// The float: what the wallet at VTpass holds. The operator is told of it.
    Float,
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    const SAMPLES: [&str; 7] = [
        r#"{"kind":"announced","subject":"purchase","purchase_id":"p","event":"purchase.failed","at_ms":1,"step":0}"#,
        r#"{"kind":"announced","subject":"request","request_id":"r","event":"request.available","at_ms":2,"step":1}"#,
        r#"{"kind":"announced","subject":"account","tenant":"t","account_id":"a","event":"of.later","at_ms":3,"step":2}"#,
        r#"{"kind":"announced","subject":"endpoint","tenant":"t","endpoint_id":"e","event":"endpoint.disabled","at_ms":4,"step":0}"#,
        r#"{"kind":"announced","subject":"service","service_id":"mtn","event":"service.suspended","at_ms":5,"step":0}"#,
        r#"{"kind":"announced","subject":"key","tenant":"t","key_id":"0123456789ab","event":"key.expiring","at_ms":6,"step":0}"#,
        r#"{"kind":"announced","subject":"float","event":"float.low","at_ms":7,"step":0}"#,
    ];

    #[test]
    fn a_job_reads_as_it_is_written() {
        for text in SAMPLES {
            let job: NotifyJob = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&job).unwrap(), text);
        }
    }

    #[test]
    fn a_job_that_is_read_is_written_and_read_as_the_same_job() {
        let words =
            ["kind", "announced", "subject", "purchase", "event", "at_ms", "step", "c4nary"];
        fuzz(move |choices| {
            let body = choices.body(&SAMPLES, &words);
            let Ok(job) = serde_json::from_slice::<NotifyJob>(&body) else { return };
            let written = serde_json::to_string(&job).unwrap();
            assert_eq!(serde_json::from_str::<NotifyJob>(&written).unwrap(), job, "{written}");
        });
    }
}
