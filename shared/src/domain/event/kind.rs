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
    /// A type that this version does not know: a newer version wrote it.
    #[serde(untagged)]
    #[strum(to_string = "{0}")]
    Other(String),
}

impl EventType {
    /// The type with this name; none where only a newer version knows it.
    pub fn named(name: &str) -> Option<Self> {
        Self::known().find(|kind| kind.to_string() == name)
    }

    /// All names that this version knows.
    pub fn names() -> Vec<String> {
        Self::known().map(|kind| kind.to_string()).collect()
    }

    fn known() -> impl Iterator<Item = Self> {
        Self::iter().filter(|kind| !matches!(kind, Self::Other(_)))
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
        let kind: EventType = serde_json::from_str(r#""float.low""#).unwrap();
        assert_eq!(kind.to_string(), "float.low");
        assert_eq!(serde_json::to_string(&kind).unwrap(), r#""float.low""#);
        assert_eq!(EventType::named("float.low"), None);
    }
}
