//! Whether a service is sold: what the outcomes say, what an operator says, and how it changes.
//!
//! Each change is a function from a state to the next one; `None` where there is nothing to change.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::domain::ids::PurchaseId;
use crate::domain::time::epoch_ms;
use crate::platform::telemetry::alarm::Alarm;

/// How many changes are kept.
const KEPT: usize = 50;
/// How long the outcome of a probe is waited for. Longer than `pay` and the wait for the second requery.
const LEASE: Duration = Duration::from_secs(180);
/// How long it takes from closing to the first probe. It doubles after each probe that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// What a tenant is told to wait while an operator has suspended a service without an end.
const NO_END: Duration = Duration::from_secs(300);
/// Who changed it where no operator did.
const AUTOMATIC: &str = "automatic";
/// What tenants read where the outcomes suspended a service.
const MOST_FAIL: &str = "most of its orders fail or stay unclear at the provider";

/// Why it is sold again after a probe.
const DELIVERED: &str = "an order was delivered";

/// Whether a service is sold, as it is stored. A newer version may store more beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// That the outcomes suspended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// What an operator said. It stands above `closed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<Word>,
    /// The last changes, oldest first.
    #[serde(default)]
    pub changes: Vec<Change>,
}

/// That the outcomes suspended a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Since when.
    #[serde(rename = "since_ms", with = "epoch_ms")]
    pub since: OffsetDateTime,
    /// From when on an order may be the next probe.
    #[serde(rename = "next_probe_ms", with = "epoch_ms")]
    pub next_probe: OffsetDateTime,
    /// How many probes failed.
    #[serde(default)]
    pub failed_probes: u32,
    /// The probe that is under way, or whose outcome nobody learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

/// An order that is let through to see whether the service works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Which.
    pub purchase_id: PurchaseId,
    /// How long its outcome is waited for.
    #[serde(rename = "until_ms", with = "epoch_ms")]
    pub until: OffsetDateTime,
}

/// What an operator said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Whether the service is to be sold.
    pub on_sale: bool,
    /// Since when.
    #[serde(rename = "since_ms", with = "epoch_ms")]
    pub since: OffsetDateTime,
    /// When it ends; until it is taken back if there is no end.
    #[serde(
        rename = "until_ms",
        with = "epoch_ms::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<OffsetDateTime>,
    /// Why. Tenants read it.
    pub because: String,
}

/// A change of whether a service is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    #[serde(rename = "at_ms", with = "epoch_ms")]
    pub at: OffsetDateTime,
    /// Whether it is sold from then on.
    pub on_sale: bool,
    /// The operator who made it, or `automatic`.
    pub by: String,
    /// Why, for the operator.
    pub because: String,
    /// What tenants are told as the reason; none where nothing changed for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// Whether a service is sold, as tenants see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sale {
    /// It is sold.
    On,
    /// It is not.
    Suspended {
        /// Since when.
        since: OffsetDateTime,
        /// Why.
        reason: String,
    },
}

/// What becomes of a new order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// It is sold.
    Open,
    /// It may be sold as the probe, if no other order is first.
    ProbeDue,
    /// It is refused: try again after this time.
    Refused(Duration),
}

impl Change {
    /// Whether no operator made it.
    pub fn is_automatic(&self) -> bool {
        self.by == AUTOMATIC
    }

    /// Writes the change to the log. A suspension that no operator made raises an alarm.
    pub fn report(&self, service_id: &str) {
        let (by, because) = (self.by.as_str(), self.because.as_str());
        let metric = if self.on_sale { "service_resumed" } else { "service_closed" };
        tracing::info!(service_id, by, because, metric, "service {service_id}");
        if !self.on_sale && self.is_automatic() {
            let alarm = Alarm::ServiceSuspended.name();
            tracing::error!(alarm, service_id, because, "a service is not sold any more");
        }
    }
}

impl State {
    /// What becomes of a new order now.
    pub fn gate(&self, now: OffsetDateTime) -> Gate {
        if let Some(word) = self.word_in_force(now) {
            let wait = word.until.map_or(NO_END, |until| (until - now).unsigned_abs());
            return if word.on_sale { Gate::Open } else { Gate::Refused(wait) };
        }
        let Some(closed) = &self.closed else { return Gate::Open };
        let under_way = closed.probe.as_ref().filter(|probe| probe.until > now);
        let wait = under_way.map_or(closed.next_probe, |probe| probe.until) - now;
        match under_way {
            // It may end sooner than its lease.
            Some(_) => Gate::Refused(wait.unsigned_abs().min(FIRST_PAUSE)),
            None if wait.is_positive() => Gate::Refused(wait.unsigned_abs()),
            None => Gate::ProbeDue,
        }
    }

    /// Whether the service is sold now.
    pub fn sale(&self, now: OffsetDateTime) -> Sale {
        match (self.word_in_force(now), &self.closed) {
            (Some(word), _) if word.on_sale => Sale::On,
            (Some(word), _) => Sale::Suspended { since: word.since, reason: word.because.clone() },
            (None, Some(closed)) => {
                Sale::Suspended { since: closed.since, reason: MOST_FAIL.to_owned() }
            }
            (None, None) => Sale::On,
        }
    }

    /// The outcomes suspend the service, unless it is or an operator has said otherwise.
    #[must_use]
    pub fn close(&self, because: &str, now: OffsetDateTime) -> Option<Self> {
        if self.word_in_force(now).is_some() || self.closed.is_some() {
            return None;
        }
        let next_probe = now + FIRST_PAUSE;
        let closed = Closed { since: now, next_probe, failed_probes: 0, probe: None };
        let next = Self { closed: Some(closed), word: None, ..self.clone() };
        Some(next.changed(AUTOMATIC, because, MOST_FAIL, now))
    }

    /// An order becomes the probe, if one is due.
    #[must_use]
    pub fn claim(&self, purchase_id: &PurchaseId, now: OffsetDateTime) -> Option<Self> {
        if self.gate(now) != Gate::ProbeDue {
            return None;
        }
        let probe = Probe { purchase_id: purchase_id.clone(), until: now + LEASE };
        self.with_closed(|closed| closed.probe = Some(probe))
    }

    /// The probe showed that the service works.
    #[must_use]
    pub fn probe_passed(&self, purchase_id: &PurchaseId, now: OffsetDateTime) -> Option<Self> {
        if !self.is_probed_by(purchase_id) {
            return None;
        }
        let next = Self { closed: None, ..self.clone() };
        Some(next.changed(AUTOMATIC, DELIVERED, DELIVERED, now))
    }

    /// The probe failed: the next one comes after a longer pause.
    #[must_use]
    pub fn probe_failed(&self, purchase_id: &PurchaseId, now: OffsetDateTime) -> Option<Self> {
        self.is_probed_by(purchase_id).then_some(())?;
        self.with_closed(|closed| {
            closed.failed_probes = closed.failed_probes.saturating_add(1);
            let doubled = FIRST_PAUSE.saturating_mul(1 << closed.failed_probes.min(6));
            closed.next_probe = now + doubled.min(LONGEST_PAUSE);
            closed.probe = None;
        })
    }

    /// The probe was not sold, or its outcome says nothing: another one may follow at once.
    #[must_use]
    pub fn probe_released(&self, purchase_id: &PurchaseId) -> Option<Self> {
        self.is_probed_by(purchase_id).then_some(())?;
        self.with_closed(|closed| closed.probe = None)
    }

    /// An operator opens or closes the service. What the outcomes said before is forgotten.
    #[must_use]
    pub fn say(&self, word: Word, by: &str) -> Self {
        let (now, because) = (word.since, word.because.clone());
        let next = Self { closed: None, word: Some(word), ..self.clone() };
        next.changed(by, &because, &because, now)
    }

    /// An operator takes back what an operator said. From then on the outcomes decide.
    #[must_use]
    pub fn take_back(&self, by: &str, because: &str, now: OffsetDateTime) -> Option<Self> {
        self.word_in_force(now)?;
        let next = Self { word: None, ..self.clone() };
        Some(next.changed(by, because, because, now))
    }

    /// What an operator said ends by itself.
    #[must_use]
    pub fn lapse(&self, now: OffsetDateTime) -> Option<Self> {
        let until = self.word.as_ref()?.until?;
        let next = Self { word: None, ..self.clone() };
        let because = "the time that the operator set has ended";
        (until <= now).then(|| next.changed(AUTOMATIC, because, because, now))
    }

    /// What an operator said, until it ends.
    pub fn word_in_force(&self, now: OffsetDateTime) -> Option<&Word> {
        self.word.as_ref().filter(|word| word.until.is_none_or(|until| until > now))
    }

    pub(super) fn is_probed_by(&self, purchase_id: &PurchaseId) -> bool {
        let probe = self.closed.as_ref().and_then(|closed| closed.probe.as_ref());
        probe.is_some_and(|probe| probe.purchase_id == *purchase_id)
    }

    fn with_closed(&self, change: impl FnOnce(&mut Closed)) -> Option<Self> {
        let mut next = self.clone();
        change(next.closed.as_mut()?);
        Some(next)
    }

    /// Notes the change that led here. Tenants are told `reason` if it is one for them.
    fn changed(mut self, by: &str, because: &str, reason: &str, at: OffsetDateTime) -> Self {
        let on_sale = self.closed.is_none() && self.word.as_ref().is_none_or(|word| word.on_sale);
        let mut told = self.changes.iter().rev().filter(|change| change.told.is_some());
        let was_on_sale = told.next().is_none_or(|change| change.on_sale);
        self.changes.push(Change {
            at,
            on_sale,
            by: by.to_owned(),
            because: because.to_owned(),
            told: (on_sale != was_on_sale).then(|| reason.to_owned()),
        });
        let too_many = self.changes.len().saturating_sub(KEPT);
        self.changes.drain(..too_many);
        self
    }
}

#[cfg(test)]
mod tests;
