//! Reads attributes of stored items, and knows by how much their times may differ.

use dynoxide::types::AttributeValue;
use shared::domain::time::{from_iso, to_ms};

use crate::world::Item;

/// How much the clocks of two instances may differ, in milliseconds.
pub(super) const CLOCK_DIFFERENCE_MS: i64 = 10_000;

/// A text; empty where there is none.
pub(super) fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text,
        _ => "",
    }
}

/// A whole number.
pub(super) fn number(item: &Item, name: &str) -> Option<i64> {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().ok(),
        _ => None,
    }
}

/// A time, in milliseconds since 1970.
pub(super) fn at_ms(item: &Item, name: &str) -> Option<i64> {
    from_iso(text(item, name).to_owned()).map(to_ms)
}

/// The lines of its history, oldest first.
pub(super) fn lines(item: &Item) -> impl Iterator<Item = &Item> {
    maps(item, "history")
}

/// The elements of a list; none where there is none.
pub(super) fn maps<'a>(item: &'a Item, name: &str) -> impl Iterator<Item = &'a Item> {
    let elements = match item.get(name) {
        Some(AttributeValue::L(elements)) => elements.as_slice(),
        _ => &[],
    };
    elements.iter().filter_map(|element| match element {
        AttributeValue::M(map) => Some(map),
        _ => None,
    })
}
