//! Finds every write in the source of the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The calls that begin a write of DynamoDB.
const BEGINNINGS: [&str; 8] = [
    "put",
    "update",
    "delete",
    "put_item",
    "update_item",
    "delete_item",
    "transact_write_items",
    "batch_write_item",
];

/// A function of the store that writes.
pub struct Write {
    /// The text of its file.
    pub file: String,
    /// Whether it sends a request itself, instead of through the place of conditional writes.
    pub sends: bool,
    conditions: bool,
}

fn store() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src/store")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The functions of the store that write, by module and name, such as `purchases::record`.
pub fn writes() -> BTreeMap<String, Write> {
    let conditional = std::fs::read_to_string(store().join("conditional.rs")).unwrap();
    let conditional = senders(&conditional.parse().unwrap());
    assert!(conditional.contains("transact") && conditional.len() >= 5, "{conditional:?}");
    let mut writes = BTreeMap::new();
    for path in files(&store()) {
        let name = path.strip_prefix(store()).unwrap().with_extension("");
        let name = name.to_str().unwrap().trim_end_matches("/mod").replace('/', "::");
        if name == "conditional" {
            continue;
        }
        let file = std::fs::read_to_string(&path).unwrap();
        for (function, Found { sends, conditions, .. }) in writes_in(&file, &conditional) {
            let write = Write { file: file.clone(), sends, conditions };
            writes.insert(format!("{name}::{function}"), write);
        }
    }
    writes
}

impl Write {
    /// Whether it makes a conditional write past the one place for them.
    pub fn is_out_of_place(&self) -> bool {
        self.sends && self.conditions
    }
}

/// What the body of a function holds.
#[derive(Default)]
struct Found {
    calls: bool,
    sends: bool,
    conditions: bool,
}

impl Found {
    fn writes(&self) -> bool {
        self.calls || self.sends
    }
}

/// The functions of a file that write.
fn writes_in(file: &str, conditional: &BTreeSet<String>) -> BTreeMap<String, Found> {
    let mut functions = BTreeMap::new();
    read(&file.parse().unwrap(), "", conditional, &mut functions);
    functions.retain(|_, found| found.writes());
    functions
}

/// The functions that `conditional.rs` offers: those that are `async`.
fn senders(source: &TokenStream) -> BTreeSet<String> {
    let tokens: Vec<TokenTree> = source.clone().into_iter().collect();
    let named = |it: &[TokenTree]| match it {
        [first, second, name] if is(first, "async") && is(second, "fn") => Some(name.to_string()),
        _ => None,
    };
    tokens.windows(3).filter_map(named).collect()
}

fn is(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// Reads a block of source that stands in `function`.
fn read(
    block: &TokenStream,
    function: &str,
    conditional: &BTreeSet<String>,
    all: &mut BTreeMap<String, Found>,
) {
    let tokens: Vec<TokenTree> = block.clone().into_iter().collect();
    let mut function = function.to_owned();
    let mut begun = false;
    for (index, token) in tokens.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| &tokens[index]);
        match token {
            TokenTree::Group(group) => {
                let in_tests = before.is_some_and(|it| is(it, "tests"));
                if !in_tests {
                    read(&group.stream(), &function, conditional, all);
                }
            }
            TokenTree::Ident(ident) if before.is_some_and(|it| is(it, "fn")) => {
                function = ident.to_string();
            }
            TokenTree::Ident(ident) => {
                let found = all.entry(function.clone()).or_default();
                let word = ident.to_string();
                let is_method = is_punct(before, '.');
                let is_call = matches!(tokens.get(index + 1),
                    Some(TokenTree::Group(it)) if it.delimiter() == Delimiter::Parenthesis);
                found.calls |= is_call && !is_method && conditional.contains(&word);
                found.conditions |= word == "condition_expression";
                found.sends |= begun && is_method && word == "send";
                begun |= BEGINNINGS.contains(&word.as_str());
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => begun = false,
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[test]
fn a_write_is_found_wherever_it_stands() {
    let source = "pub(super) async fn update() {} pub(super) async fn put() {} fn text() {}";
    let conditional = senders(&source.parse().unwrap());
    assert_eq!(conditional, ["put", "update"].map(str::to_owned).into());
    for (text, expected) in [
        ("async fn a(&self) { update(write).await }", "a"),
        ("impl T { fn a() {} async fn b() { loop { match put(x).await { _ => {} } } } }", "b"),
        ("async fn a() { super::conditional::update(write).await }", "a"),
        ("async fn a() { debug!(\"{}\", update(write).await) }", "a"),
        ("async fn a() { self.0.put(item)?.send().await?; }", "a"),
        ("async fn a() { client.delete_item().table_name(t).send().await }", "a"),
        ("fn update(&self) -> Builder { self.0.update(key) }", ""),
        ("async fn a() { self.0.scan().send().await; let put = 1; }", ""),
        ("async fn a() { /* update(write) */ self.update(id) }", ""),
        ("mod tests { async fn a() { update(write).await } }", ""),
    ] {
        let found: Vec<_> = writes_in(text, &conditional).into_keys().collect();
        assert_eq!(found.concat(), expected, "{text}");
    }
    let past = "async fn a() { self.0.put(item)?.condition_expression(c).send().await }";
    let found = &writes_in(past, &conditional)["a"];
    assert!(found.sends && found.conditions);
}
