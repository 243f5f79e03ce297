//! Webhooks: where a tenant wants its events sent, how a delivery is signed, and when it is repeated.
//!
//! The form is Standard Webhooks 1.0.0.

mod delivery;
mod endpoint;
mod health;
mod job;
mod retry;
mod signing;

pub use self::delivery::{Attempt, Delivery, Problem};
pub use self::endpoint::{Endpoint, EndpointState, KeyView, NewEndpoint};
pub use self::health::{SLOW, Turn};
pub use self::job::{Dispatch, Reason, Recovery, WebhookJob};
pub use self::retry::{WAITS_SECONDS, wait_after};
pub use self::signing::{BadKey, Scheme, SigningKey};

use serde::Serialize;

use super::event::{Event, EventType};
use super::time::to_iso;

/// The body of a delivery, as Standard Webhooks recommends.
#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'a EventType,
    timestamp: String,
    data: Option<&'a serde_json::value::RawValue>,
}

/// The body of every delivery of `event`: the same bytes each time.
///
/// # Errors
/// Should the event not serialise.
pub fn payload(event: &Event) -> serde_json::Result<String> {
    let data = serde_json::from_str(&event.data)?;
    let timestamp = to_iso(event.created_at);
    serde_json::to_string(&Payload { kind: &event.kind, timestamp, data })
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;
    use time::macros::datetime;

    use super::*;
    use crate::domain::event::Owed;
    use crate::domain::ids::TenantId;

    fn event() -> Event {
        let owed = Owed {
            tenant: TenantId::parse("t").unwrap(),
            kind: EventType::PurchaseFailed,
            about: "p".to_owned(),
            at: datetime!(2026-11-22 10:00 UTC),
            data: serde_json::json!({ "b": 1, "a": "x" }),
        };
        Event::new(&owed, owed.at)
    }

    #[test]
    fn a_payload_is_type_time_and_data() {
        let expected = concat!(
            r#"{"type":"purchase.failed","timestamp":"2026-11-22T10:00:00.000Z","#,
            r#""data":{"b":1,"a":"x"}}"#
        );
        assert_eq!(payload(&event()).unwrap(), expected);
    }

    #[test]
    fn a_payload_holds_the_data_as_it_is_stored() {
        fuzz(|choices| {
            let data = choices.json(&[r#"{"state":"failed","n":1.50}"#], &["state", "a b"]);
            let event = Event { data: data.clone(), ..event() };
            let is_json = serde_json::from_str::<serde_json::Value>(&data).is_ok();
            let Ok(body) = payload(&event) else { return assert!(!is_json, "{data}") };
            assert!(body.ends_with(&format!(r#""data":{}}}"#, data.trim())), "{body}");
        });
    }
}
