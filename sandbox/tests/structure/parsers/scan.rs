//! Finds every function in the source that reads bytes or text from outside itself.
//!
//! What counts: a call of serde's readers (`from_slice`, `from_str`, `from_value`, `from_item`,
//! `deserialize`), `.parse()`, `hex::decode`, a reader of a query string, a request's body
//! (`request.json`), and each function named `parse`. Tests do not count.

use std::collections::BTreeSet;

use proc_macro2::TokenTree::{Group, Ident};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::sources::{Sources, is};

/// The names that read wherever they stand in a function.
const READERS: [&str; 5] = ["from_slice", "from_str", "from_value", "from_item", "from_items"];

/// The functions that read, as `file.rs#function`.
pub fn parsers(sources: &Sources) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (file, text) in sources {
        let is_ours = file.starts_with("shared/src/") || file.starts_with("functions/");
        let is_test = ["/tests", "/fuzz_tests", "/test_support", "/samples"];
        if is_ours && !is_test.iter().any(|part| file.contains(part)) {
            read(file, "", text.parse().expect("Rust source text"), &mut found);
        }
    }
    found
}

/// Adds what reads among the tokens that stand in `around`, a function or nothing.
fn read(file: &str, around: &str, tokens: TokenStream, found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut function = around.to_owned();
    for (at, token) in tokens.iter().enumerate() {
        let before = &tokens[..at];
        match token {
            Group(_) if is_named(before, "tests") => {}
            Group(group) => {
                read(file, &function, group.stream(), found);
                if group.delimiter() == Delimiter::Brace {
                    function = around.to_owned();
                }
            }
            Ident(name) if is_named(before, "fn") => {
                function = name.to_string();
                if function == "parse" {
                    found.insert(format!("{file}#{function}"));
                }
            }
            Ident(name) if !function.is_empty() && reads(before, &name.to_string()) => {
                found.insert(format!("{file}#{function}"));
            }
            _ => {}
        }
    }
}

/// Whether a name reads, by what stands before it.
fn reads(before: &[TokenTree], name: &str) -> bool {
    let is_method = before.last().is_some_and(|token| is(token, '.'));
    let is_path = before.last().is_some_and(|token| is(token, ':'));
    let owner = before.len().checked_sub(3).and_then(|at| before.get(at..=at));
    let of = |word: &str| is_path && owner.is_some_and(|owner| is_named(owner, word));
    let receiver = before.len().checked_sub(1).map_or(&[][..], |at| &before[..at]);
    match name {
        "parse" => is_method || of("form_urlencoded"),
        "decode" => of("hex"),
        "deserialize" => is_path,
        // What is sent is no parser of ours.
        "from_str" => !of("HeaderValue"),
        "json" | "json_text" => is_method && is_named(receiver, "request"),
        "query_pairs" => is_method,
        _ => READERS.contains(&name),
    }
}

fn is_named(before: &[TokenTree], word: &str) -> bool {
    matches!(before.last(), Some(Ident(name)) if name == word)
}

#[test]
fn a_parser_is_found_wherever_it_stands() {
    for (text, expected) in [
        ("fn a() { serde_json::from_slice::<X>(body) }", "a"),
        ("impl T { fn a() {} fn b() { x.map(from_item) } }", "b"),
        ("fn a() { debug!(\"{}\", text.parse::<u8>()) }", "a"),
        ("macro_rules! id { () => { impl X { pub fn parse(text: &str) {} } } }", "parse"),
        ("fn a() { hex::decode(text) } fn b() { base64::decode(text) }", "a"),
        ("fn a(request: &R) { request.json(\"x\") }", "a"),
        ("fn a() { Reply::json(x); query.json(x); Msisdn::parse(text) }", ""),
        ("fn a() { url::form_urlencoded::parse(b); } use serde_dynamo::from_item;", "a"),
        ("use serde_dynamo::from_item; fn a() {}", ""),
        ("mod tests { fn a() { serde_json::from_str(text) } }", ""),
        ("fn a() { let x = String::deserialize(d)?; }", "a"),
        ("fn a() { HeaderValue::from_str(text) }", ""),
    ] {
        let sources = Sources::from([("shared/src/a.rs".to_owned(), text.to_owned())]);
        let found: Vec<String> = parsers(&sources).into_iter().collect();
        let names: Vec<&str> = found.iter().map(|it| it.rsplit('#').next().unwrap()).collect();
        assert_eq!(names.concat(), expected, "{text}");
    }
}
