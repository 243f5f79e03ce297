//! Reads attributes of stored items.

use dynoxide::types::AttributeValue;

use crate::world::Item;

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

/// The lines of its history, oldest first.
pub(super) fn lines(item: &Item) -> impl Iterator<Item = &Item> {
    let lines = match item.get("history") {
        Some(AttributeValue::L(lines)) => lines.as_slice(),
        _ => &[],
    };
    lines.iter().filter_map(|line| match line {
        AttributeValue::M(line) => Some(line),
        _ => None,
    })
}
