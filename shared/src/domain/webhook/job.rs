//! A job of the webhook queue, as JSON. It is a stored contract: newer code reads what older code
//! sent.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::domain::ids::{EndpointId, EventId, TenantId};
use crate::domain::time::epoch_ms;

/// A message on the webhook queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WebhookJob {
    /// Send one event to one endpoint; unless it takes it, send the next step.
    Deliver(Dispatch),
    /// Send a tenant's events since a time to one endpoint, unless it took them already.
    Recover(Recovery),
}

/// One attempt to send an event to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// Whose event it is.
    pub tenant: TenantId,
    /// Where to.
    pub endpoint_id: EndpointId,
    /// Which event.
    pub event_id: EventId,
    /// Why it is sent.
    pub reason: Reason,
    /// Tells this series of attempts from others of the same event and endpoint.
    pub series: String,
    /// The number of earlier attempts of the series.
    pub step: u32,
    /// When the attempt is due. SQS cannot wait for longer than 15 minutes.
    #[serde(rename = "due_ms", with = "epoch_ms")]
    pub due: OffsetDateTime,
    /// Whether it waited for its turn at a slow endpoint, which it has when it is due.
    #[serde(default)]
    pub has_turn: bool,
}

/// Why an event is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It happened.
    Happened,
    /// The tenant asked for all events since a time.
    Recovered,
    /// The tenant asked for it once more.
    Resent,
    /// The tenant tests the endpoint: it is sent once, also to one that is disabled.
    Tested,
}

/// A tenant's request for all events since a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Whose events.
    pub tenant: TenantId,
    /// Where to.
    pub endpoint_id: EndpointId,
    /// From when on.
    #[serde(rename = "since_ms", with = "epoch_ms")]
    pub since: OffsetDateTime,
    /// The series of every delivery that it leads to.
    pub series: String,
    /// The place in the tenant's list of events to go on after; absent at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Dispatch {
    /// The first series of an event: there is one for each endpoint.
    pub const FIRST_SERIES: &'static str = "first";

    /// The first attempt, now.
    pub fn first(
        tenant: &TenantId,
        endpoint_id: &EndpointId,
        event_id: &EventId,
        reason: Reason,
        series: &str,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            tenant: tenant.clone(),
            endpoint_id: endpoint_id.clone(),
            event_id: event_id.clone(),
            reason,
            series: series.to_owned(),
            step: 0,
            due: now,
            has_turn: false,
        }
    }

    /// The attempt after this one.
    #[must_use]
    pub fn next(&self, due: OffsetDateTime) -> Self {
        Self { step: self.step.saturating_add(1), due, has_turn: false, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    const SAMPLES: [&str; 3] = [
        r#"{"kind":"deliver","tenant":"t","endpoint_id":"e","event_id":"v","reason":"happened","series":"first","step":0,"due_ms":1,"has_turn":false}"#,
        r#"{"kind":"recover","tenant":"t","endpoint_id":"e","since_ms":2,"series":"s"}"#,
        r#"{"kind":"recover","tenant":"t","endpoint_id":"e","since_ms":2,"series":"s","after":"a"}"#,
    ];

    #[test]
    fn a_job_reads_as_it_is_written() {
        for text in SAMPLES {
            let job: WebhookJob = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&job).unwrap(), text);
        }
    }

    #[test]
    fn a_job_that_is_read_is_written_and_read_as_the_same_job() {
        let words =
            ["kind", "deliver", "recover", "series", "step", "tested", "has_turn", "c4nary"];
        fuzz(move |choices| {
            let body = choices.body(&SAMPLES, &words);
            let Ok(job) = serde_json::from_slice::<WebhookJob>(&body) else { return };
            let written = serde_json::to_string(&job).unwrap();
            assert_eq!(serde_json::from_str::<WebhookJob>(&written).unwrap(), job, "{written}");
        });
    }
}
