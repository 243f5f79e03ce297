//! The bodies that the routes take.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use shared::domain::event::EventType;
use shared::domain::ids::EndpointId;
use shared::domain::time::from_iso;
use shared::domain::webhook::{EndpointState, NewEndpoint, Scheme};
use shared::lambda::error::ApiError;
use shared::lambda::request::ApiRequest;
use time::OffsetDateTime;

/// How long older keys sign after a rotation, unless the tenant says otherwise.
const OVERLAP: u64 = 86_400;
/// The longest time that it may say.
const LONGEST_OVERLAP: u64 = 7 * 86_400;

#[derive(Deserialize)]
struct Made {
    url: String,
    #[serde(default)]
    events: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    signature: Option<String>,
}

#[derive(Deserialize)]
struct Changed {
    #[serde(default, deserialize_with = "present")]
    url: Option<String>,
    #[serde(default, deserialize_with = "present")]
    events: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    state: Option<EndpointState>,
}

#[derive(Default, Deserialize)]
struct Rotated {
    #[serde(default, deserialize_with = "present")]
    overlap_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct Since {
    since: String,
}

#[derive(Default, Deserialize)]
struct Resent {
    #[serde(default, deserialize_with = "present")]
    endpoint_id: Option<String>,
}

/// A change of an endpoint. What is absent stays.
#[derive(Debug)]
pub struct Change {
    /// Where events are sent.
    pub url: Option<String>,
    /// The types that are sent; all of them for `Some(None)`.
    pub events: Option<Option<Vec<EventType>>>,
    /// Whether events are sent.
    pub state: Option<EndpointState>,
}

/// The body of `POST /webhook-endpoints`. Its url is not checked yet.
pub fn made(request: &ApiRequest) -> Result<NewEndpoint, ApiError> {
    let made: Made = request.json("url, and optionally events and signature")?;
    let scheme = match made.signature.as_deref() {
        None => Scheme::default(),
        Some(name) => {
            name.parse().map_err(|_| ApiError::invalid("signature must be v1 or v1a."))?
        }
    };
    Ok(NewEndpoint { url: made.url, events: made.events.map(events).transpose()?, scheme })
}

/// The body of `PATCH /webhook-endpoints/{endpoint_id}`. Its url is not checked yet.
pub fn changed(request: &ApiRequest) -> Result<Change, ApiError> {
    let changed: Changed = request.json("url, events or state, which is enabled or disabled")?;
    let events = changed.events.map(|list| list.map(events).transpose()).transpose()?;
    let change = Change { url: changed.url, events, state: changed.state };
    if change.url.is_none() && change.events.is_none() && change.state.is_none() {
        return Err(ApiError::invalid("The body must hold url, events or state."));
    }
    Ok(change)
}

/// The body of `POST /webhook-endpoints/{endpoint_id}/rotate`: how long the older keys go on signing.
pub fn overlap(request: &ApiRequest) -> Result<Duration, ApiError> {
    let rotated: Rotated = request.json_or_default("overlap_seconds, a whole number")?;
    let seconds = rotated.overlap_seconds.unwrap_or(OVERLAP);
    if seconds > LONGEST_OVERLAP {
        return Err(ApiError::invalid(format!("overlap_seconds must be 0 to {LONGEST_OVERLAP}.")));
    }
    Ok(Duration::from_secs(seconds))
}

/// The body of `POST /webhook-endpoints/{endpoint_id}/recover`.
pub fn since(request: &ApiRequest) -> Result<OffsetDateTime, ApiError> {
    let Since { since } = request.json("since, a time such as 2026-11-22T10:00:00.000Z")?;
    from_iso(since)
        .ok_or_else(|| ApiError::invalid("since must be a time such as 2026-11-22T10:00:00.000Z."))
}

/// The body of `POST /events/{event_id}/resend`: the only endpoint to send to, if one is named.
pub fn resent(request: &ApiRequest) -> Result<Option<EndpointId>, ApiError> {
    let resent: Resent = request.json_or_default("endpoint_id, or nothing")?;
    let parsed = |id: String| EndpointId::parse(&id).ok_or_else(ApiError::not_found);
    resent.endpoint_id.map(parsed).transpose()
}

/// Types of events by their names.
fn events(names: Vec<String>) -> Result<Vec<EventType>, ApiError> {
    let mut events = Vec::new();
    for name in names {
        let kind = EventType::named(&name).ok_or_else(|| {
            let known = EventType::names().join(", ");
            ApiError::invalid(format!("events must be of these: {known}."))
        })?;
        if !events.contains(&kind) {
            events.push(kind);
        }
    }
    if events.is_empty() {
        return Err(ApiError::invalid("events must not be empty; leave it out for all."));
    }
    Ok(events)
}

/// A field that is there. A null is not taken for absence: what its sender meant is not known.
fn present<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    use super::*;

    const SAMPLES: [&str; 5] = [
        r#"{"url":"https://a.example/","events":["purchase.failed"],"signature":"v1a"}"#,
        r#"{"url":"https://a.example/","events":null,"state":"disabled"}"#,
        r#"{"overlap_seconds":604800}"#,
        r#"{"since":"2026-11-22T10:00:00Z"}"#,
        r#"{"endpoint_id":"0123456789abcdef0123456789abcdef"}"#,
    ];

    #[test]
    fn any_body_is_read_strictly_or_is_invalid_and_is_not_shown() {
        let words = ["url", "events", "state", "signature", "since", "purchase.failed", "c4nary"];
        fuzz(move |choices| {
            let body = choices.body(&SAMPLES, &words);
            let asked = Asked { body, ..Asked::default() };
            let (status, answer) = ask(asked, |request| {
                if let Ok(change) = changed(request) {
                    let named = change.url.is_some() || change.state.is_some();
                    assert!(named || change.events.is_some());
                }
                if let Ok(new) = made(request) {
                    assert!(new.events.is_none_or(|events| !events.is_empty()));
                }
                assert!(overlap(request).map_or(true, |it| it.as_secs() <= LONGEST_OVERLAP));
                let _ = (since(request).is_ok(), resent(request).is_ok());
                made(request).map(|_| ())
            });
            assert!(matches!(status, 200 | 400), "{status} {answer}");
            assert!(!answer.contains("c4nary"), "{answer}");
        });
    }
}
