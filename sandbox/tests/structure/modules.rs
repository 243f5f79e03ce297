//! The modules of each crate: which file defines which item, and what a path leads to.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

use crate::sources::Sources;

/// One module, in a file of its own or in its parent's.
#[derive(Default)]
pub struct Module {
    pub file: String,
    /// The directory of its package, such as `functions/auth`.
    pub package: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    /// The names that a `use` brings, each with the path behind it.
    aliases: BTreeMap<String, Vec<Vec<String>>>,
    globs: Vec<Vec<String>>,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Module(usize),
    /// An item, by the module that defines it and its name.
    Item(usize, String),
}

/// One name of a `use`.
pub struct Import {
    pub path: Vec<String>,
    /// The name it has here; none for a glob.
    pub name: Option<String>,
}

/// All modules of the workspace.
#[derive(Default)]
pub struct Modules {
    pub all: Vec<Module>,
    /// The root modules of the libraries, by the name that code imports them with.
    libraries: BTreeMap<String, usize>,
    /// Each module's items but its child modules and its tests.
    pub bodies: Vec<(usize, Vec<Item>)>,
}

impl Modules {
    pub fn of(sources: &Sources) -> Self {
        let mut modules = Self::default();
        for path in sources.keys() {
            let Some((package, target)) = root(path) else { continue };
            let file = path.clone();
            let module = Module { file, package: package.to_owned(), ..Module::default() };
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            let id = modules.add(sources, module, directory, items_of(sources, path));
            if target == "src/lib.rs" {
                let name = package.rsplit('/').next().unwrap_or_default().replace('-', "_");
                modules.libraries.insert(name, id);
            }
        }
        modules
    }

    /// `directory` is where the files of the module's children are.
    fn add(
        &mut self,
        sources: &Sources,
        module: Module,
        directory: &str,
        items: Vec<Item>,
    ) -> usize {
        let id = self.all.len();
        self.all.push(module);
        let mut body = Vec::new();
        for item in items.into_iter().filter(|item| !is_test(attributes(item))) {
            if let Item::Mod(child) = item {
                self.add_child(sources, id, directory, child);
                continue;
            }
            self.all[id].items.extend(name(&item));
            let mut uses = Uses::default();
            uses.visit_item(&item);
            for Import { path, name } in uses.0 {
                match name {
                    Some(name) => self.all[id].aliases.entry(name).or_default().push(path),
                    None => self.all[id].globs.push(path),
                }
            }
            body.push(item);
        }
        self.bodies.push((id, body));
        id
    }

    fn add_child(&mut self, sources: &Sources, parent: usize, directory: &str, child: ItemMod) {
        let name = child.ident.to_string();
        let below = if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
        let (file, items) = match child.content {
            Some((_, items)) => (self.all[parent].file.clone(), items),
            None => {
                let files = [format!("{below}.rs"), format!("{below}/mod.rs")];
                let found = files.into_iter().find(|file| sources.contains_key(file));
                let file = found.unwrap_or_else(|| panic!("mod {name}: no file {below}.rs"));
                (file.clone(), items_of(sources, &file))
            }
        };
        let package = self.all[parent].package.clone();
        let module = Module { file, package, parent: Some(parent), ..Module::default() };
        let id = self.add(sources, module, &below, items);
        self.all[parent].children.insert(name, id);
    }

    /// What a path leads to, seen from a module; none if that is outside the workspace. The path to a
    /// part of an item, such as `Type::new`, leads to the item.
    pub fn resolve(&self, from: usize, path: &[String]) -> Option<Target> {
        self.follow(from, path, &mut BTreeSet::new())
    }

    fn follow(
        &self,
        from: usize,
        path: &[String],
        seen: &mut BTreeSet<(usize, Vec<String>)>,
    ) -> Option<Target> {
        if !seen.insert((from, path.to_vec())) {
            return None;
        }
        let (first, rest) = path.split_first()?;
        if first.is_empty() {
            // `::name` names a crate.
            let library = *self.libraries.get(rest.first()?)?;
            return self.inside(library, &rest[1..], seen);
        }
        let start = match first.as_str() {
            "crate" => Some(self.root_of(from)),
            "self" => Some(from),
            "super" => self.all[from].parent,
            _ => None,
        };
        if let Some(start) = start {
            return self.inside(start, rest, seen);
        }
        self.inside(from, path, seen).or_else(|| {
            let library = *self.libraries.get(first)?;
            self.inside(library, rest, seen)
        })
    }

    /// What a path leads to that begins at one of the module's names.
    fn inside(
        &self,
        id: usize,
        path: &[String],
        seen: &mut BTreeSet<(usize, Vec<String>)>,
    ) -> Option<Target> {
        let Some((first, rest)) = path.split_first() else { return Some(Target::Module(id)) };
        if first == "super" || first == "self" {
            return self.follow(id, path, seen);
        }
        let module = &self.all[id];
        // A module and a function may have one name; only a module has something inside.
        if let Some(&child) = module.children.get(first)
            && !rest.is_empty()
        {
            return self.inside(child, rest, seen);
        }
        if module.items.contains(first) {
            return Some(Target::Item(id, first.clone()));
        }
        let aliases = module.aliases.get(first).into_iter().flatten();
        let found = aliases.filter_map(|alias| {
            let path: Vec<String> = alias.iter().chain(rest).cloned().collect();
            self.follow(id, &path, seen)
        });
        if let Some(target) = found.min_by_key(|target| matches!(target, Target::Module(_))) {
            return Some(target);
        }
        if let Some(&child) = module.children.get(first) {
            return Some(Target::Module(child));
        }
        module.globs.iter().find_map(|glob| match self.follow(id, glob, seen)? {
            Target::Module(module) => self.inside(module, path, seen),
            Target::Item(..) => None,
        })
    }

    /// Whether one module is inside another.
    pub fn is_below(&self, mut module: usize, ancestor: usize) -> bool {
        while let Some(parent) = self.all[module].parent {
            module = parent;
            if module == ancestor {
                return true;
            }
        }
        false
    }

    fn root_of(&self, mut module: usize) -> usize {
        while let Some(parent) = self.all[module].parent {
            module = parent;
        }
        module
    }
}

/// What each `use` in an item brings, those in the bodies of functions included.
#[derive(Default)]
struct Uses(Vec<Import>);

impl<'ast> Visit<'ast> for Uses {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.0.extend(imports(item));
    }
}

fn items_of(sources: &Sources, file: &str) -> Vec<Item> {
    syn::parse_file(&sources[file]).unwrap_or_else(|error| panic!("{file}: {error}")).items
}

/// The package's directory and the rest of the path, if a crate begins at this file.
fn root(path: &str) -> Option<(&str, &str)> {
    let at = path.rmatch_indices('/').map(|(at, _)| at);
    let mut splits = at.map(|at| (&path[..at], &path[at + 1..]));
    splits.find(|(_, target)| match target.split('/').collect::<Vec<_>>()[..] {
        ["src", "lib.rs" | "main.rs"] => true,
        ["src", "bin", file] => file.ends_with(".rs"),
        ["tests" | "examples" | "benches", file] => file.ends_with(".rs"),
        ["tests" | "examples" | "benches", _, file] => file == "main.rs",
        _ => false,
    })
}

fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(name.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether `#[cfg(test)]` is among the attributes.
pub fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let test = |path: syn::Path| path.is_ident("test");
        attribute.path().is_ident("cfg") && attribute.parse_args().is_ok_and(test)
    })
}

/// Whether a `use` re-exports what it names.
pub fn is_public(item: &ItemUse) -> bool {
    !matches!(item.vis, Visibility::Inherited)
}

/// The names that a `use` brings.
pub fn imports(item: &ItemUse) -> Vec<Import> {
    let mut found = Vec::new();
    let start = item.leading_colon.map(|_| String::new());
    flatten(&item.tree, start.into_iter().collect(), &mut found);
    found
}

fn flatten(tree: &UseTree, mut path: Vec<String>, found: &mut Vec<Import>) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            flatten(&part.tree, path, found);
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| flatten(tree, path.clone(), found));
        }
        UseTree::Glob(_) => found.push(Import { path, name: None }),
        UseTree::Name(last) => {
            if last.ident != "self" {
                path.push(last.ident.to_string());
            }
            found.push(Import { name: path.last().cloned(), path });
        }
        UseTree::Rename(last) => {
            if last.ident != "self" {
                path.push(last.ident.to_string());
            }
            found.push(Import { path, name: Some(last.rename.to_string()) });
        }
    }
}
