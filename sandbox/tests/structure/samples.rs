//! The checks themselves, on small workspaces: each kind of violation is found, and what is allowed
//! is not reported.

use crate::sources::Sources;
use crate::{imports, length, rules};

fn sources(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

const SHARED: [(&str, &str); 3] = [
    ("shared/src/lib.rs", "pub mod domain; pub mod store; pub mod provider;"),
    ("shared/src/domain/mod.rs", "mod money; pub use self::money::Kobo;"),
    ("shared/src/domain/money.rs", "pub struct Kobo(pub u64);"),
];

/// The imports between the rooms that the rules refuse.
fn between_rooms(store: &str, provider: &str, kobo: &str) -> Vec<String> {
    let mut sources = sources(&SHARED);
    sources.insert("shared/src/store.rs".to_owned(), store.to_owned());
    sources.insert("shared/src/provider/mod.rs".to_owned(), provider.to_owned());
    sources.entry("shared/src/domain/money.rs".to_owned()).or_default().push_str(kobo);
    assert_eq!(rules::outside_the_rooms(&sources), [""; 0]);
    rules::between_rooms(&imports::of(&sources))
}

const STORE: &str = "use crate::domain::Kobo; pub struct Table; pub fn put(_: Kobo) {}";

#[test]
fn an_import_downward_is_allowed() {
    assert_eq!(between_rooms(STORE, "use crate::domain::Kobo;", ""), [""; 0]);
}

#[test]
fn an_import_upward_is_found() {
    let line = "shared/src/domain/money.rs:1 imports put of shared/src/store.rs";
    for upward in [
        "use crate::store::put;",
        "fn f() { crate::store::put(Kobo(1)) }",
        "use crate::store; fn f() { store::put(Kobo(1)) }",
        "use crate::store as kept; fn f() { log!(\"{}\", kept::put(Kobo(1))) }",
        "fn f() { use super::super::store::put as p; p(Kobo(1)) }",
        "#[derive(Serialize)] struct S { #[serde(with = \"crate::store::put\")] a: u8 }",
        "fn f() { use crate::store; store::put(Kobo(1)) }",
        "use crate::store::*; fn f() { put(Kobo(1)) }",
    ] {
        let found = between_rooms(STORE, "", upward);
        assert!(found.contains(&line.to_owned()), "{upward}: {found:?}");
    }
}

#[test]
fn store_and_provider_may_not_import_each_other() {
    let found = between_rooms(STORE, "pub use crate::store::Table;", "");
    assert_eq!(found, ["shared/src/provider/mod.rs:1 imports Table of shared/src/store.rs"]);
    let found = between_rooms("use crate::provider::ask;", "pub fn ask() {}", "");
    assert_eq!(found, ["shared/src/store.rs:1 imports ask of shared/src/provider/mod.rs"]);
}

#[test]
fn an_import_of_a_test_is_no_import() {
    let test = "#[cfg(test)] mod tests { use crate::store::put; }";
    assert_eq!(between_rooms(STORE, "", test), [""; 0]);
}

#[test]
fn a_file_outside_the_rooms_is_found() {
    let found = rules::outside_the_rooms(&sources(&[("shared/src/misc.rs", "")]));
    assert_eq!(found, ["shared/src/misc.rs: is in no room of shared/src"]);
}

#[test]
fn imports_between_packages_are_held_against_the_rules() {
    let found = |file: &str, text: &str| {
        let sources = sources(&[
            ("shared/src/lib.rs", "pub fn low() {}"),
            ("functions/fetch-data/src/lib.rs", "pub fn fetch() {}"),
            ("sandbox/src/lib.rs", "pub fn start() {}"),
            (file, text),
        ]);
        rules::between_packages(&imports::of(&sources)).len()
    };
    let all = "fn f() { shared::low(); fetch_data::fetch(); sandbox::start() }";
    assert_eq!(found("shared/src/lib.rs", "use fetch_data::fetch;"), 1);
    assert_eq!(found("functions/auth/src/lib.rs", all), 2, "only shared is below a function");
    assert_eq!(found("functions/fetch-data/src/main.rs", "use fetch_data::fetch;"), 0);
    assert_eq!(found("cli/src/main.rs", all), 2, "only shared is below cli");
    assert_eq!(found("cli/tests/it/main.rs", all), 1, "the tests of cli run the sandbox");
    assert_eq!(found("sandbox/tests/it/main.rs", all), 0);
}

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    rules::circles(&imports::of(&sources(files)))
}

#[test]
fn a_circle_between_siblings_is_found() {
    let found = circles(&[
        ("functions/purchase/src/lib.rs", "mod order; mod refill; mod list;"),
        ("functions/purchase/src/order.rs", "use crate::refill::Refill; pub struct Order(Refill);"),
        ("functions/purchase/src/refill.rs", "pub struct Refill; fn f(_: &super::order::Order) {}"),
        ("functions/purchase/src/list.rs", "use crate::order::Order;"),
    ]);
    let expected = "a circle of 2 files:\n    \
        functions/purchase/src/order.rs:1 imports Refill of functions/purchase/src/refill.rs\n    \
        functions/purchase/src/refill.rs:1 imports Order of functions/purchase/src/order.rs";
    assert_eq!(found, [expected]);
}

#[test]
fn a_circle_through_a_re_export_is_found() {
    let found = circles(&[
        ("sandbox/src/lib.rs", "mod a; mod b; pub use self::a::A; pub use self::b::B;"),
        ("sandbox/src/a.rs", "use crate::B; pub struct A(B);"),
        ("sandbox/src/b.rs", "use crate::A; pub struct B(Box<A>);"),
    ]);
    assert_eq!(found.len(), 1);
}

#[test]
fn a_parent_may_declare_a_type_that_its_children_extend() {
    let found = circles(&[
        (
            "functions/requery/src/lib.rs",
            "mod chain; pub use self::chain::Step; pub struct Requery;
             impl Requery { pub async fn run(&self) { self.step().await } }",
        ),
        (
            "functions/requery/src/chain.rs",
            "use crate::Requery; pub struct Step; impl Requery { pub async fn step(&self) {} }",
        ),
    ]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_parent_and_a_child_that_name_each_other_are_a_circle() {
    for parent in ["chain::step(&Requery)", "let _: Option<Step> = None"] {
        let parent = format!(
            "mod chain; use self::chain::Step; pub struct Requery; fn run() {{ {parent}; }}"
        );
        let found = circles(&[
            ("functions/requery/src/lib.rs", &parent),
            (
                "functions/requery/src/chain.rs",
                "use super::Requery; pub struct Step; pub fn step(_: &Requery) {}",
            ),
        ]);
        assert_eq!(found.len(), 1, "{parent}");
    }
}

#[test]
fn long_files_and_functions_are_found() {
    let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
    let found = |text: &str| {
        let sources = sources(&[("cli/src/main.rs", text)]);
        (length::long_functions(&sources), length::long_files(&sources).len())
    };
    assert_eq!(found(&function(60)), (vec![], 0));
    let long = function(61);
    for text in [
        format!("#[cfg(test)]\nmod tests {{ {long} }}"),
        format!("impl A {{\n{long} }}"),
        format!("\nproptest! {{ {long} }}"),
    ] {
        let (functions, _) = found(&text);
        assert_eq!(functions.len(), 1, "{text}");
        assert!(functions[0].ends_with("fn f has 61 lines"), "{functions:?}");
    }
    assert_eq!(found(&"\n".repeat(400)).1, 0);
    assert_eq!(found(&"\n".repeat(401)).1, 1);
}
