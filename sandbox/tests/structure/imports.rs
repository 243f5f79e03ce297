//! The imports of each file: which items of other files it names.
//!
//! A place is a module or an item by its path: `shared/src/domain/money/Kobo` is the item `Kobo` of
//! the module `shared/src/domain/money`, whose file is `shared/src/domain/money.rs`.

use std::collections::BTreeMap;
use std::iter::successors;

use proc_macro2::TokenStream;
use proc_macro2::TokenTree::{self, Group, Ident};

use crate::sources::{Sources, is};

/// The pairs of files of which the first imports the second, each with the first path that does so.
pub type Imports = BTreeMap<(String, String), String>;

/// All imports between the files of the workspace.
pub fn of(sources: &Sources) -> Imports {
    let (mut places, mut paths) = (Places::default(), Vec::new());
    for (file, text) in sources {
        let module = file.trim_end_matches(".rs");
        let has_library = |directory| sources.contains_key(&format!("{directory}/lib.rs"));
        let module = match module.rsplit_once('/') {
            Some((directory, "lib" | "mod")) => directory,
            Some((directory, "main")) if !has_library(directory) => directory,
            _ => module,
        };
        read(module, text.parse().expect("Rust source text"), &mut paths);
        places.files.insert(module.to_owned(), file.clone());
    }
    for path in &paths {
        if let Some(alias) = &path.alias {
            places.uses.insert(format!("{}/{alias}", path.module), places.written(path));
        }
    }
    let mut imports = Imports::new();
    for path in &paths {
        if let Some((from, to)) = places.import(path) {
            imports.entry((from, to)).or_insert_with(|| path.names.join("::"));
        }
    }
    imports
}

/// A path in the code of a module.
struct Path {
    module: String,
    names: Vec<String>,
    /// The name that a `use` gives to what it imports; none for a glob and outside of a `use`.
    alias: Option<String>,
}

/// Adds the paths among the tokens of a module.
fn read(module: &str, tokens: TokenStream, paths: &mut Vec<Path>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut rest = &tokens[..];
    while !rest.is_empty() {
        rest = match rest {
            [Ident(keyword), Ident(name), Group(body), after @ ..] if keyword == "mod" => {
                read(&format!("{module}/{name}"), body.stream(), paths);
                after
            }
            [Ident(keyword), Ident(_), after @ ..] if keyword == "mod" => after,
            [Ident(keyword), after @ ..] if keyword == "use" => {
                let end = after.iter().position(|token| is(token, ';')).unwrap_or(after.len());
                read_use(module, &[], &after[..end], paths);
                &after[end..]
            }
            [Ident(_), ..] => {
                let (names, after) = names(rest);
                paths.push(Path { module: module.to_owned(), names, alias: None });
                after
            }
            [Group(group), after @ ..] => {
                read(module, group.stream(), paths);
                after
            }
            _ => &rest[1..],
        };
    }
}

/// Adds the paths of a `use`; `start` is what stands before its braces.
fn read_use(module: &str, start: &[String], tree: &[TokenTree], paths: &mut Vec<Path>) {
    for branch in tree.split(|token| is(token, ',')).filter(|branch| !branch.is_empty()) {
        let (names, rest) = names(branch);
        let names = [start, &names].concat();
        let alias = match rest {
            [Group(group)] => {
                let branches: Vec<TokenTree> = group.stream().into_iter().collect();
                read_use(module, &names, &branches, paths);
                continue;
            }
            [Ident(_), Ident(alias)] => Some(alias.to_string()),
            [] => names.iter().rfind(|name| *name != "self").cloned(),
            _ => None,
        };
        paths.push(Path { module: module.to_owned(), names, alias });
    }
}

/// The names at the start that `::` joins, and the tokens after them.
fn names(mut rest: &[TokenTree]) -> (Vec<String>, &[TokenTree]) {
    let mut names = Vec::new();
    while let [Ident(name), after @ ..] = rest {
        names.push(name.to_string());
        match after {
            [one, two, next @ ..] if is(one, ':') && is(two, ':') => rest = next,
            _ => return (names, after),
        }
    }
    (names, rest)
}

#[derive(Default)]
struct Places {
    /// The file of each module that has one.
    files: BTreeMap<String, String>,
    /// What each name that a `use` brings leads to.
    uses: BTreeMap<String, String>,
}

impl Places {
    /// The place that a path names, before any `use` is followed.
    fn written(&self, path: &Path) -> String {
        let is_module = |place: &String| self.files.contains_key(place);
        let mut place = path.module.clone();
        for (index, name) in path.names.iter().enumerate() {
            let child = format!("{place}/{name}");
            place = match name.as_str() {
                "crate" => around(&place).map(str::to_owned).filter(is_module).last(),
                "super" => around(&place).nth(1).map(str::to_owned),
                "self" => Some(place),
                _ if index > 0 || is_module(&child) || self.uses.contains_key(&child) => None,
                name => {
                    let package = name.replace('_', "-");
                    let roots = [format!("{package}/src"), format!("functions/{package}/src")];
                    roots.into_iter().find(is_module)
                }
            }
            .unwrap_or(child);
        }
        place
    }

    /// The place after each `use` on the way is followed.
    fn followed(&self, mut place: String) -> String {
        // The bound is for `use a::a`, where the name leads to itself.
        for _ in 0..8 {
            let next = around(&place).find_map(|start| {
                let rest = &place[start.len()..];
                // A module and a function may have one name; only the module has something inside.
                let is_module = !rest.is_empty() && self.files.contains_key(start);
                self.uses.get(start).filter(|_| !is_module).map(|used| format!("{used}{rest}"))
            });
            let Some(next) = next else { break };
            place = next;
        }
        place
    }

    fn import(&self, path: &Path) -> Option<(String, String)> {
        // A single name outside of a `use` counts if a `use` brings it.
        if let ([name], None) = (&path.names[..], &path.alias) {
            self.uses.get(&format!("{}/{name}", path.module))?;
        }
        let file = |place| around(place).find_map(|place| self.files.get(place));
        let place = self.followed(self.written(path));
        let (from, to) = (file(&path.module)?, file(&place)?);
        let is_test = from.contains("/src/") && path.module.split('/').any(|name| name == "tests");
        let is_below = path.alias.is_some() && place.starts_with(&format!("{}/", path.module));
        (from != to && !is_test && !is_below).then(|| (from.clone(), to.clone()))
    }
}

/// A place and the places around it.
fn around(place: &str) -> impl Iterator<Item = &str> {
    successors(Some(place), |place| Some(place.rsplit_once('/')?.0))
}
