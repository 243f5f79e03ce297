//! The DynamoDB store, one file a table. Conditional writes decide races. Expiry is checked in code,
//! because DynamoDB deletes expired items hours late.

mod accounts;
mod books;
mod catalogues;
mod conditional;
mod deliveries;
mod disclosures;
mod endpoints;
mod error;
mod events;
mod float;
#[cfg(test)]
mod fuzz_tests;
mod guard;
mod limits;
mod outbox;
mod purchases;
mod requests;
mod sessions;
mod table;
mod tenants;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

pub use self::accounts::{Accounts, AccountsPart, EndedConsent, Holder, Link};
pub use self::books::{Books, Whose};
pub use self::catalogues::{CachedCatalogue, Catalogues};
pub use self::deliveries::{Deliveries, DeliveryPage};
pub use self::disclosures::Disclosures;
pub use self::endpoints::Endpoints;
pub use self::error::StoreError;
pub use self::events::{EventPage, Events, Wanted};
pub use self::float::FloatNotes;
pub use self::guard::{Admission, GuardChange, Guards, Seen};
pub use self::limits::{Calls, Counted, Limits, OverLimit, Withdrawals};
pub use self::outbox::Outbox;
pub use self::purchases::{
    Changed, Due, DueKey, Filters, MAX_NAME, MAX_REASON, Masked, MaskingPass, PARTS, Page,
    Purchases, Recorded, Settlement, Visit,
};
pub use self::requests::{MAX_KEPT, Requests, RequestsPage};
pub use self::sessions::{
    Claim, ClaimRefused, ExchangeCode, LEASE, LIFETIME, NewSession, OTP_TRIES, Session, Sessions,
    TryRefused,
};
pub use self::tenants::{Found, Listing, Tenants, UnreadableKey};

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// A number that may be larger than [`number`] takes.
fn whole(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A list in an item; empty where there is none.
fn list<'a>(item: &'a HashMap<String, AttributeValue>, attribute: &str) -> &'a [AttributeValue] {
    item.get(attribute).and_then(|list| list.as_l().ok()).map_or(&[], Vec::as_slice)
}

/// An attribute of the key after which a page ended; `None` at the end.
fn last_key(key: Option<HashMap<String, AttributeValue>>, attribute: &str) -> Option<String> {
    key?.remove(attribute)?.as_s().ok().cloned()
}
