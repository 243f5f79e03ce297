//! A delivery: what became of one event at one endpoint.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;
use time::OffsetDateTime;

use super::job::{Dispatch, Reason};
use crate::domain::event::{Event, EventType, KEPT};
use crate::domain::ids::{EndpointId, EventId};
use crate::domain::time::{epoch_ms, epoch_seconds, iso, to_iso};

/// How many attempts a delivery remembers: those of two series.
const MOST_ATTEMPTS: usize = 20;

/// A delivery as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Where to.
    pub endpoint_id: EndpointId,
    /// Which event.
    pub event_id: EventId,
    /// The event's type.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Sort key of the endpoint's list: the time of the first attempt, then the event.
    pub listed: String,
    /// The latest series of attempts.
    pub series: String,
    /// The number of attempts of that series.
    pub step: u32,
    /// The newest attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// When the endpoint took the event for the first time.
    #[serde(rename = "taken_ms", default, skip_serializing_if = "Option::is_none")]
    #[serde(with = "epoch_ms::option")]
    pub taken_at: Option<OffsetDateTime>,
    /// When the next attempt is due, if there is one.
    #[serde(rename = "next_ms", default, skip_serializing_if = "Option::is_none")]
    #[serde(with = "epoch_ms::option")]
    pub next_at: Option<OffsetDateTime>,
    /// When it is forgotten. DynamoDB's TTL deletes the item some hours later.
    #[serde(with = "epoch_seconds")]
    pub expires_at: OffsetDateTime,
}

/// One attempt, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    #[serde(with = "iso")]
    pub at: OffsetDateTime,
    /// The HTTP status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed; null where the endpoint took the event.
    pub problem: Option<Problem>,
    /// How long it took.
    pub duration_ms: u64,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Problem {
    /// The answer was not 2xx. Redirects are not followed.
    Refused,
    /// No answer came within 15 seconds.
    Timeout,
    /// No connection was made.
    NoConnection,
    /// The connection broke before the answer came.
    Broken,
    /// The address is not one that events may be sent to. Nothing was sent.
    ForbiddenAddress,
    /// The endpoint was disabled before the attempt. Nothing was sent.
    Disabled,
    /// A newer version wrote another one.
    #[serde(other)]
    Other,
}

/// A delivery as its tenant sees it.
#[derive(Debug, Serialize)]
pub struct DeliveryView<'a> {
    event_id: &'a EventId,
    #[serde(rename = "type")]
    kind: &'a EventType,
    state: &'static str,
    attempts: &'a [Attempt],
    next_attempt_at: Option<String>,
}

impl Problem {
    /// The name in answers and in the log.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Attempt {
    /// Whether the endpoint took the event.
    pub fn is_taken(&self) -> bool {
        self.problem.is_none()
    }

    /// How long it took.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.duration_ms)
    }
}

impl Delivery {
    /// Whether an attempt is still to be made: it was not made, its series is the latest one, and
    /// the endpoint has not taken the event, unless the tenant wants it once more.
    pub fn is_due(earlier: Option<&Self>, attempt: &Dispatch) -> bool {
        let Some(earlier) = earlier else { return true };
        let wanted = match attempt.reason {
            Reason::Happened | Reason::Recovered => earlier.taken_at.is_none(),
            Reason::Resent | Reason::Tested => true,
        };
        // A newer series ends the older one. If it began and was not recorded, it begins again.
        let is_next = match earlier.series == attempt.series {
            true => earlier.step <= attempt.step,
            false => attempt.step == 0,
        };
        wanted && is_next
    }

    /// The delivery after an attempt; `next` says when the next one is due.
    pub fn after(
        earlier: Option<&Self>,
        event: &Event,
        job: &Dispatch,
        attempt: Attempt,
        next: Option<OffsetDateTime>,
    ) -> Self {
        let mut attempts = earlier.map_or_else(Vec::new, |it| it.attempts.clone());
        let taken_at = attempt.is_taken().then_some(attempt.at);
        let listed = format!("{}#{}", to_iso(attempt.at), event.event_id);
        let expires_at = attempt.at + KEPT;
        attempts.push(attempt);
        attempts.drain(..attempts.len().saturating_sub(MOST_ATTEMPTS));
        Self {
            endpoint_id: job.endpoint_id.clone(),
            event_id: event.event_id.clone(),
            kind: event.kind.clone(),
            listed: earlier.map_or(listed, |it| it.listed.clone()),
            series: job.series.clone(),
            step: job.step.saturating_add(1),
            attempts,
            taken_at: earlier.and_then(|it| it.taken_at).or(taken_at),
            next_at: next,
            expires_at,
        }
    }

    /// What the tenant sees.
    pub fn view(&self) -> DeliveryView<'_> {
        let state = match (self.taken_at, self.next_at) {
            (Some(_), _) => "delivered",
            (None, Some(_)) => "waiting",
            (None, None) => "failed",
        };
        DeliveryView {
            event_id: &self.event_id,
            kind: &self.kind,
            state,
            attempts: &self.attempts,
            next_attempt_at: self.next_at.map(to_iso),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::domain::event::Owed;
    use crate::domain::ids::TenantId;

    const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    fn event() -> Event {
        let owed = Owed {
            tenant: TenantId::parse("t").unwrap(),
            kind: EventType::PurchaseFailed,
            about: "p".to_owned(),
            at: NOW,
            data: serde_json::Value::Null,
        };
        Event::new(&owed, NOW)
    }

    fn job(reason: Reason, series: &str, step: u32) -> Dispatch {
        let (event, endpoint) = (event(), EndpointId::default());
        let first = Dispatch::first(&event.tenant, &endpoint, &event.event_id, reason, series, NOW);
        Dispatch { step, ..first }
    }

    fn after(earlier: Option<&Delivery>, job: &Dispatch, is_taken: bool) -> Delivery {
        let problem = (!is_taken).then_some(Problem::Timeout);
        let attempt = Attempt { at: NOW, status: None, problem, duration_ms: 1 };
        Delivery::after(earlier, &event(), job, attempt, (!is_taken).then_some(NOW))
    }

    #[test]
    fn each_step_of_a_series_is_made_once() {
        let first = job(Reason::Happened, "first", 0);
        assert!(Delivery::is_due(None, &first));
        let failed = after(None, &first, false);
        assert!(!Delivery::is_due(Some(&failed), &first));
        assert!(Delivery::is_due(Some(&failed), &job(Reason::Happened, "first", 1)));
        // The record of a step was lost.
        assert!(Delivery::is_due(Some(&failed), &job(Reason::Happened, "first", 2)));
    }

    #[test]
    fn what_was_taken_is_sent_again_only_where_the_tenant_wants_that() {
        let taken = after(None, &job(Reason::Happened, "first", 0), true);
        let is_due = |reason| Delivery::is_due(Some(&taken), &job(reason, "other", 0));
        assert!(!is_due(Reason::Happened) && !is_due(Reason::Recovered));
        assert!(is_due(Reason::Resent) && is_due(Reason::Tested));
        assert!(!Delivery::is_due(Some(&taken), &job(Reason::Happened, "first", 1)));
    }

    #[test]
    fn a_newer_series_ends_the_older_one() {
        let failed = after(None, &job(Reason::Happened, "first", 0), false);
        let resent = after(Some(&failed), &job(Reason::Resent, "again", 0), false);
        assert!(!Delivery::is_due(Some(&resent), &job(Reason::Happened, "first", 1)));
        assert!(Delivery::is_due(Some(&resent), &job(Reason::Resent, "again", 1)));
        assert_eq!((resent.attempts.len(), resent.step), (2, 1));
        assert_eq!(resent.listed, failed.listed, "it keeps its place in the list");
    }

    #[test]
    fn a_delivery_shows_its_newest_attempts_and_what_is_to_come() {
        let shown = |delivery: &Delivery| serde_json::to_value(delivery.view()).unwrap();
        let mut delivery = after(None, &job(Reason::Happened, "first", 0), false);
        assert_eq!(shown(&delivery)["state"], "waiting");
        assert_eq!(shown(&delivery)["attempts"][0]["problem"], Problem::Timeout.name());
        for step in 0..30 {
            delivery = after(Some(&delivery), &job(Reason::Resent, "again", step), false);
        }
        assert_eq!(delivery.attempts.len(), MOST_ATTEMPTS);
        delivery.next_at = None;
        assert_eq!(shown(&delivery)["state"], "failed");
        let taken = after(Some(&delivery), &job(Reason::Resent, "more", 0), true);
        assert_eq!(shown(&taken)["state"], "delivered");
        assert_eq!(shown(&taken)["next_attempt_at"], serde_json::Value::Null);
    }
}
