//! Every parser has a property that a test holds over many inputs, or a reason why it needs none. A new
//! parser without a line fails the test.

mod lines;
mod scan;

use std::collections::{BTreeMap, BTreeSet};

use self::lines::LINES;
use crate::sources::workspace;

#[test]
fn every_parser_has_a_property_or_a_reason() {
    let sources = workspace();
    let found = scan::parsers(&sources);
    assert!(found.len() > 50, "only {} parsers were found", found.len());
    let all: Vec<&str> = LINES.iter().flat_map(|(_, parsers)| parsers.iter().copied()).collect();
    let listed: BTreeSet<String> = all.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(listed.len(), all.len(), "a parser has two lines");
    let missing: Vec<_> = found.difference(&listed).collect();
    assert!(missing.is_empty(), "these parsers have no property: {missing:?}");
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "these lines name no parser: {gone:?}");
}

#[test]
fn every_property_of_a_parser_is_a_test() {
    let sources: BTreeMap<_, _> = workspace();
    for (by, parsers) in LINES {
        let Some((file, test)) = by.split_once('#') else { continue };
        let text = sources.get(file).map(String::as_str).unwrap_or_default();
        assert!(text.contains(&format!("fn {test}(")), "{parsers:?}: {by} is no test");
    }
}
