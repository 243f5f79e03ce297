//! A purchase for the unit tests of the domain.

use time::OffsetDateTime;

use super::{Purchase, State};
use crate::domain::time::to_ms;

/// A purchase of airtime that was made at `created`.
pub(crate) fn purchase(state: State, created: OffsetDateTime) -> Purchase {
    let id = "0123456789abcdef0123456789abcdef";
    let stored = serde_json::json!({
        "purchase_id": id, "tenant": "t", "request_id": format!("202611221100{id}"),
        "state": state, "service_id": "mtn", "phone": "08031234567", "amount_kobo": 10_000,
        "created_ms": to_ms(created), "updated_ms": to_ms(created), "listed": "",
    });
    serde_json::from_value(stored).unwrap()
}
