//! The rules for imports between packages, rooms and files.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::Import;
use crate::sources::Sources;

/// The rooms of `shared/src`, and the rooms that each may import.
const ROOMS: [(&str, &[&str]); 5] = [
    ("platform", &[]),
    ("domain", &["platform"]),
    ("provider", &["domain", "platform"]),
    ("store", &["domain", "platform"]),
    ("lambda", &["store", "provider", "domain", "platform"]),
];

/// Whether code of one package may import another.
fn may_import(from: &str, to: &str, is_test: bool) -> bool {
    let is_function = |package: &str| package.starts_with("functions/");
    match from {
        "shared" => false,
        "cli" => to == "shared" || (is_test && to == "sandbox"),
        "sandbox" => to == "shared" || is_function(to),
        _ if is_function(from) => to == "shared",
        _ => to == "shared" || to == "sandbox" || is_function(to),
    }
}

/// sandbox, cli -> functions -> shared; no function imports another, nor does cli import one.
pub fn between_packages(imports: &[Import]) -> Vec<String> {
    let violates = |import: &&Import| {
        let (from, to) = (&import.from_package, &import.to_package);
        let is_test = import.from.starts_with(&format!("{from}/tests/"));
        from != to && !may_import(from, to, is_test)
    };
    imports.iter().filter(violates).map(describe).collect()
}

/// lambda -> store, provider -> domain -> platform, inside `shared/src`.
pub fn between_rooms(imports: &[Import]) -> Vec<String> {
    let violates = |import: &&Import| match (room(&import.from), room(&import.to)) {
        (Some(from), Some(to)) if from != to => {
            let allowed = ROOMS.iter().find(|(name, _)| *name == from);
            allowed.is_some_and(|(_, allowed)| !allowed.contains(&to))
        }
        _ => false,
    };
    imports.iter().filter(violates).map(describe).collect()
}

/// The files of `shared/src` that are in no room.
pub fn outside_the_rooms(sources: &Sources) -> Vec<String> {
    let rooms = sources.keys().filter_map(|path| Some((path, room(path)?)));
    rooms
        .filter(|(_, room)| !ROOMS.iter().any(|(name, _)| name == room))
        .map(|(path, _)| format!("{path}: is in no room of shared/src"))
        .collect()
}

/// The folder or file directly below `shared/src`; none for other packages and for `lib.rs`, which
/// only declares the rooms.
fn room(path: &str) -> Option<&str> {
    let (room, _) = path.strip_prefix("shared/src/")?.split_once(['/', '.'])?;
    (room != "lib").then_some(room)
}

/// Each group of files that import each other, with the imports that close the circle.
pub fn circles(imports: &[Import]) -> Vec<String> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        edges.entry(&import.from).or_default().insert(&import.to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|file| (*file, reachable(&edges, file))).collect();
    let mutual = |a: &str, b: &str| {
        let reaches = |a, b| reached.get(a).is_some_and(|files| files.contains(b));
        reaches(a, b) && reaches(b, a)
    };
    let mut reported = BTreeSet::new();
    let mut circles = Vec::new();
    for file in edges.keys().filter(|file| mutual(file, file)) {
        if !reported.insert(*file) {
            continue;
        }
        let group: BTreeSet<&str> =
            edges.keys().filter(|other| mutual(file, other)).copied().collect();
        let inside = imports.iter().filter(|import| {
            group.contains(import.from.as_str()) && group.contains(import.to.as_str())
        });
        let lines: Vec<String> = inside.map(|it| format!("    {}", describe(it))).collect();
        circles.push(format!("a circle of {} files:\n{}", group.len(), lines.join("\n")));
        reported.extend(group);
    }
    circles
}

fn reachable<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = edges[from].iter().copied().collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(edges.get(file).into_iter().flatten());
        }
    }
    reached
}

fn describe(import: &Import) -> String {
    format!("{}:{} imports {} of {}", import.from, import.line, import.name, import.to)
}
