//! The checks themselves, on small workspaces: each kind of violation is found, and what is allowed
//! is not reported.

use crate::sources::Sources;
use crate::{imports, length, rules};

/// A sample with one file on each line: its path, a colon, its text.
fn sources(files: &str) -> Sources {
    let lines = files.lines().filter_map(|line| line.trim().split_once(": "));
    lines.map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
}

#[test]
fn imports_of_the_wrong_way_are_found() {
    let every = "fn f() { shared::store::put(); fetch_data::fetch(); sandbox::start() }";
    for (file, text, expected) in [
        ("shared/src/domain/money.rs", "use crate::store::put;", 1),
        ("shared/src/domain/money.rs", "fn f() { log!(\"{}\", crate::store::put()) }", 1),
        ("shared/src/domain/money.rs", "use crate::{store as kept, domain::Kobo};", 1),
        ("shared/src/domain/money.rs", "fn f() { use super::super::store::put as p; p() }", 1),
        ("shared/src/domain/money.rs", "use crate::store::*;", 1),
        ("shared/src/domain/money.rs", "#[cfg(test)] mod tests { use crate::store::put; }", 0),
        ("shared/src/domain/money.rs", "use fetch_data::fetch;", 1),
        ("shared/src/provider/mod.rs", "pub use crate::store::Table;", 1),
        ("shared/src/provider/mod.rs", "use crate::domain::Kobo;", 0),
        ("shared/src/store.rs", "use crate::provider::ask;", 1),
        ("shared/src/no_room.rs", "use crate::domain::Kobo;", 1),
        ("functions/auth/src/lib.rs", every, 2),
        ("functions/fetch-data/src/main.rs", "use fetch_data::fetch;", 0),
        ("cli/src/main.rs", every, 2),
        ("cli/tests/it/main.rs", every, 1),
        ("sandbox/tests/it/main.rs", every, 0),
        ("sandbox/tests/it/main.rs", "use bench::run;", 1),
        ("bench/src/main.rs", every, 1),
        ("bench/floor/src/bin/floor.rs", every, 3),
    ] {
        let mut sources = sources(
            "shared/src/lib.rs: pub mod domain; pub mod provider; pub mod store;
            shared/src/domain/mod.rs: mod money; pub use self::money::Kobo;
            shared/src/domain/money.rs: pub struct Kobo(pub u64);
            shared/src/provider/mod.rs: pub fn ask() {}
            shared/src/store.rs: pub struct Table; pub fn put() {}
            functions/fetch-data/src/lib.rs: pub fn fetch() {}
            bench/src/lib.rs: pub fn run() {}
            sandbox/src/lib.rs: pub fn start() {}",
        );
        sources.insert(file.to_owned(), text.to_owned());
        let found = rules::wrong_ways(&imports::of(&sources));
        assert_eq!(found.len(), expected, "{file}: {text}: {found:?}");
    }
}

#[test]
fn circles_are_found() {
    for (files, expected) in [
        // Siblings; a third file that imports one of them is outside the circle.
        (
            "sandbox/src/lib.rs: mod a; mod b; mod c;
            sandbox/src/a.rs: use crate::b::B; pub struct A(B);
            sandbox/src/b.rs: pub struct B; fn f(_: &super::a::A) {}
            sandbox/src/c.rs: use crate::a::A;",
            2,
        ),
        // Through a re-export.
        (
            "sandbox/src/lib.rs: mod a; mod b; pub use self::a::A; pub use self::b::B;
            sandbox/src/a.rs: use crate::B; pub struct A(B);
            sandbox/src/b.rs: use crate::A; pub struct B(Box<A>);",
            2,
        ),
        // A parent that names an item of its child.
        (
            "sandbox/src/lib.rs: mod a; use self::a::run; pub struct Job; fn f() { run(&Job) }
            sandbox/src/a.rs: use super::Job; pub fn run(_: &Job) {}",
            2,
        ),
        // Allowed: a parent that declares a type, and children that `impl` it.
        (
            "sandbox/src/lib.rs: mod a; pub use self::a::A; struct Job; fn f(j: Job) { j.step() }
            sandbox/src/a.rs: use crate::Job; pub struct A; impl Job { fn step(&self) {} }",
            0,
        ),
    ] {
        let found = rules::circles(&imports::of(&sources(files)));
        assert_eq!(found.len(), expected, "{files}: {found:?}");
    }
}

#[test]
fn long_files_and_functions_are_found() {
    let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
    for (text, expected) in [
        (function(60), ""),
        (format!("mod tests {{ {} }}", function(61)), "cli/src/main.rs:1: fn f has 61 lines"),
        (format!("proptest! {{ {} }}", function(61)), "cli/src/main.rs:1: fn f has 61 lines"),
        ("\n".repeat(400), ""),
        ("\n".repeat(401), "cli/src/main.rs has 401 lines"),
    ] {
        let sources = Sources::from([("cli/src/main.rs".to_owned(), text)]);
        assert_eq!(length::too_long(&sources).concat(), expected);
    }
}
