//! Which sample event of `events/` each function gets: a cheap one, without a call of a provider.

use std::fs;
use std::path::Path;

use crate::BenchError;

/// The functions, by name, each with its sample event.
const EVENTS: [(&str, &str); 16] = [
    ("auth", "auth-unknown-provider"),
    ("authorizer", "authorizer-unknown-key"),
    ("books", "books-run"),
    ("consent", "consent-unlink-unknown-account"),
    ("events", "events-list"),
    ("exchange", "exchange-unknown-code"),
    ("fetch-data", "fetch-data-unknown-account"),
    ("mtn-callback", "mtn-callback-not-json"),
    ("notify", "notify-unknown-and-unreadable"),
    ("purchase", "purchase-no-key"),
    ("reconcile", "reconcile-run"),
    ("requery", "requery-unknown-and-unreadable"),
    ("send-webhook", "send-webhook-unknown-and-unreadable"),
    ("verify", "verify-unknown-session"),
    ("vtpass-callback", "vtpass-callback-unknown"),
    ("webhook-endpoints", "webhook-endpoints-list"),
];
/// What a floor gets: an HTTP request, as most functions do.
const FLOOR_EVENT: &str = "auth-unknown-provider";

/// The name of the function's sample event.
///
/// # Errors
/// When the function is not in the list.
pub fn event_of(function: &str) -> Result<&'static str, BenchError> {
    let found = EVENTS.into_iter().find(|(name, _)| *name == function);
    let missing = || format!("bench/src/events.rs names no event for the function {function}");
    Ok(found.ok_or_else(missing)?.1)
}

/// The name of the event that the floors get.
pub fn floor_event() -> &'static str {
    FLOOR_EVENT
}

/// The text of the sample event of this name.
///
/// # Errors
/// When the file cannot be read.
pub fn read(root: &Path, event: &str) -> Result<String, BenchError> {
    let path = root.join("events").join(event).with_extension("json");
    let text = fs::read_to_string(&path);
    text.map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::binaries::root;

    #[test]
    fn every_function_has_an_event_that_exists() {
        let folders = root().join("functions").read_dir().expect("a readable folder");
        let functions: BTreeSet<String> = folders
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        let listed: BTreeSet<String> = EVENTS.map(|(function, _)| function.to_owned()).into();
        assert_eq!(functions, listed);
        for (function, event) in EVENTS {
            assert!(event.starts_with(function), "{event} is not an event of {function}");
            read(root(), event).expect("the event exists");
        }
        read(root(), floor_event()).expect("the event exists");
    }
}
