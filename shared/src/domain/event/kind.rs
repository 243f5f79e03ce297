//! The types of events.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, IntoEnumIterator};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Display, EnumIter)]
pub enum EventType {
    /// A purchase was delivered.
    #[serde(rename = "purchase.delivered")]
    #[strum(serialize = "purchase.delivered")]
    PurchaseDelivered,
    /// A purchase failed: nothing was delivered or charged.
    #[serde(rename = "purchase.failed")]
    #[strum(serialize = "purchase.failed")]
    PurchaseFailed,
    /// A purchase was charged, and the provider gave the money back.
    #[serde(rename = "purchase.reversed")]
    #[strum(serialize = "purchase.reversed")]
    PurchaseReversed,
    /// A purchase waits for a person.
    #[serde(rename = "purchase.needs_review")]
    #[strum(serialize = "purchase.needs_review")]
    PurchaseNeedsReview,
    /// MTN answered a deferred request.
    #[serde(rename = "request.available")]
    #[strum(serialize = "request.available")]
    RequestAvailable,
    /// MTN did not answer a deferred request.
    #[serde(rename = "request.timed_out")]
    #[strum(serialize = "request.timed_out")]
    RequestTimedOut,
    /// A customer consented: the account may be read.
    #[serde(rename = "account.linked")]
    #[strum(serialize = "account.linked")]
    AccountLinked,
    /// The consent was withdrawn: the account may not be read any more.
    #[serde(rename = "account.unlinked")]
    #[strum(serialize = "account.unlinked")]
    AccountUnlinked,
    /// The consent came to its end: the account may not be read any more.
    #[serde(rename = "account.consent_expired")]
    #[strum(serialize = "account.consent_expired")]
    AccountConsentExpired,
    /// A webhook endpoint was disabled because it took nothing any more.
    #[serde(rename = "endpoint.disabled")]
    #[strum(serialize = "endpoint.disabled")]
    EndpointDisabled,
    /// A webhook endpoint that was disabled takes events again.
    #[serde(rename = "endpoint.recovered")]
    #[strum(serialize = "endpoint.recovered")]
    EndpointRecovered,
    /// The tenant tests a webhook endpoint.
    #[serde(rename = "endpoint.test")]
    #[strum(serialize = "endpoint.test")]
    EndpointTest,
    /// New orders for a service are refused until further notice.
    #[serde(rename = "service.suspended")]
    #[strum(serialize = "service.suspended")]
    ServiceSuspended,
    /// A service that was suspended is sold again.
    #[serde(rename = "service.resumed")]
    #[strum(serialize = "service.resumed")]
    ServiceResumed,
    /// An API key ends soon.
    #[serde(rename = "key.expiring")]
    #[strum(serialize = "key.expiring")]
    KeyExpiring,
    /// The wallet at VTpass will soon be empty. Only the operator is told.
    #[serde(rename = "float.low")]
    #[strum(serialize = "float.low")]
    FloatLow,
    /// The wallet at VTpass is enough again. Only the operator is told.
    #[serde(rename = "float.restored")]
    #[strum(serialize = "float.restored")]
    FloatRestored,
    /// A type that this version does not know: a newer version wrote it.
    #[serde(untagged)]
    #[strum(to_string = "{0}")]
    Other(String),
}

impl EventType {
    /// The type with this name that a tenant may be told; none where only a newer version knows it.
    pub fn named(name: &str) -> Option<Self> {
        Self::of_tenants().find(|kind| kind.to_string() == name)
    }

    /// All names of what a tenant may be told, as far as this version knows.
    pub fn names() -> Vec<String> {
        Self::of_tenants().map(|kind| kind.to_string()).collect()
    }

    /// All types of what the operator may be told, as far as this version knows.
    pub fn of_operator() -> impl Iterator<Item = Self> {
        Self::iter().filter(Self::is_for_operator)
    }

    /// All types of what a tenant may be told, as far as this version knows.
    pub fn of_tenants() -> impl Iterator<Item = Self> {
        Self::iter().filter(Self::is_for_tenants)
    }

    fn is_for_operator(&self) -> bool {
        match self {
            Self::FloatLow
            | Self::FloatRestored
            | Self::EndpointDisabled
            | Self::EndpointRecovered
            | Self::ServiceSuspended
            | Self::ServiceResumed
            | Self::KeyExpiring => true,
            Self::PurchaseDelivered
            | Self::PurchaseFailed
            | Self::PurchaseReversed
            | Self::PurchaseNeedsReview
            | Self::RequestAvailable
            | Self::RequestTimedOut
            | Self::AccountLinked
            | Self::AccountUnlinked
            | Self::AccountConsentExpired
            | Self::EndpointTest
            | Self::Other(_) => false,
        }
    }

    fn is_for_tenants(&self) -> bool {
        !matches!(self, Self::FloatLow | Self::FloatRestored | Self::Other(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_one_name_in_answers_in_queries_and_in_the_store() {
        assert_eq!(EventType::names().len(), 15);
        for name in EventType::names() {
            let kind = EventType::named(&name).unwrap();
            assert_eq!(serde_json::to_value(&kind).unwrap(), name.as_str());
            assert_eq!(serde_json::from_value::<EventType>(name.into()).unwrap(), kind);
        }
    }

    #[test]
    fn a_type_of_a_newer_version_is_read_and_written_as_it_came() {
        let kind: EventType = serde_json::from_str(r#""of.later""#).unwrap();
        assert_eq!(kind.to_string(), "of.later");
        assert_eq!(serde_json::to_string(&kind).unwrap(), r#""of.later""#);
        assert_eq!(EventType::named("of.later"), None);
    }

    #[test]
    fn the_float_is_for_the_operator_alone() {
        for name in ["float.low", "float.restored"] {
            assert_eq!(EventType::named(name), None, "{name}");
            assert!(EventType::of_operator().any(|kind| kind.to_string() == name), "{name}");
            let kind: EventType = serde_json::from_value(name.into()).unwrap();
            assert_eq!(serde_json::to_value(&kind).unwrap(), name);
            assert!(!matches!(kind, EventType::Other(_)), "{name}");
        }
        assert_eq!(EventType::of_operator().count(), 7);
    }
}
