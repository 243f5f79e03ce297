//! The rules for imports between packages, the rooms of `shared/src`, and files.

use std::collections::BTreeSet;

use crate::imports::Imports;

/// The imports that point the wrong way.
pub fn wrong_ways(imports: &Imports) -> Vec<String> {
    describe(imports, may_not_import)
}

/// The imports between files that import each other, directly or through others.
pub fn circles(imports: &Imports) -> Vec<String> {
    describe(imports, |from, to| {
        let (mut reached, mut open) = (BTreeSet::new(), vec![to]);
        while let Some(file) = open.pop() {
            if reached.insert(file) {
                let after = imports.range((file.to_owned(), String::new())..);
                open.extend(
                    after
                        .map(|(pair, _)| pair)
                        .take_while(|(from, _)| from == file)
                        .map(|(_, to)| to.as_str()),
                );
            }
        }
        reached.contains(from)
    })
}

fn describe(imports: &Imports, is_wrong: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let wrong = imports.iter().filter(|((from, to), _)| is_wrong(from, to));
    wrong.map(|((from, to), path)| format!("{from} imports {path} of {to}")).collect()
}

/// simulation, bench -> sandbox, cli -> functions -> shared. No function imports another; the cli and the
/// bench import none, and the bench's empty functions import nothing.
/// Tests may start the sandbox; any test may use what the fuzz tests share. Inside shared/src:
/// lambda -> store, provider -> domain -> platform.
fn may_not_import(from: &str, to: &str) -> bool {
    let room = |file| str::strip_prefix(file, "shared/src/")?.split(['/', '.']).next();
    if let (Some(from), Some(to)) = (room(from), room(to)) {
        let below: &[&str] = match from {
            "domain" => &["platform"],
            "store" | "provider" => &["domain", "platform"],
            "lambda" => &["store", "provider", "domain", "platform"],
            _ => &[],
        };
        return from != to && !below.contains(&to);
    }
    let may_import = match (package(from), package(to)) {
        (from, to) if from == to => true,
        (_, "fuzzing") | ("simulation" | "bench", "charts") => true,
        ("shared" | "bench/floor" | "charts", _) | (_, "cli") => false,
        (_, "simulation" | "bench" | "bench/floor") => false,
        ("sandbox", _) | (_, "shared") | ("simulation" | "bench", "sandbox") => true,
        ("cli", "sandbox") => from.contains("/tests/"),
        _ => false,
    };
    !may_import
}

/// The directory of the file's package, such as `functions/auth`.
fn package(file: &str) -> &str {
    let end = ["/src/", "/tests/", "/examples/"].iter().find_map(|part| file.find(part));
    &file[..end.unwrap_or(file.len())]
}
