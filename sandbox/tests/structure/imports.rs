//! The imports of each file: which items of other files it names.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, ItemUse, LitStr, Macro, Path};

use crate::modules::{Module, Modules, Target, imports, is_public, is_test};
use crate::sources::Sources;

/// One name of another file in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub from: String,
    pub from_package: String,
    pub to: String,
    pub to_package: String,
    pub name: String,
    pub line: usize,
}

/// All imports between the files of the workspace, each name once, at its first line.
pub fn of(sources: &Sources) -> Vec<Import> {
    let modules = Modules::of(sources);
    let mut names = Names { modules: &modules, module: 0, found: Vec::new() };
    for (module, items) in &modules.bodies {
        names.module = *module;
        items.iter().for_each(|item| names.visit_item(item));
    }
    let mut found = names.found;
    found.sort();
    found.dedup_by(|a, b| (&a.from, &a.to, &a.name) == (&b.from, &b.to, &b.name));
    found
}

struct Names<'a> {
    modules: &'a Modules,
    module: usize,
    found: Vec<Import>,
}

impl Names<'_> {
    fn here(&self) -> &Module {
        &self.modules.all[self.module]
    }

    fn add(&mut self, module: usize, name: &str, span: Span) {
        let (here, there) = (self.here(), &self.modules.all[module]);
        if here.file != there.file {
            let import = Import {
                from: here.file.clone(),
                from_package: here.package.clone(),
                to: there.file.clone(),
                to_package: there.package.clone(),
                name: name.to_owned(),
                line: span.start().line,
            };
            self.found.push(import);
        }
    }

    /// Adds the item that a path leads to. A path to a module alone says nothing yet.
    fn add_path(&mut self, path: &[String], span: Span) {
        if let Some(Target::Item(module, name)) = self.modules.resolve(self.module, path) {
            self.add(module, &name, span);
        }
    }

    /// The paths among a macro's arguments.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        let mut after_dot = false;
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        path.clear();
                    }
                    path.push(ident.to_string());
                    if !after_dot {
                        self.add_path(&path, ident.span());
                    }
                    (colons, after_dot) = (0, false);
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(punct) => {
                    (colons, after_dot) = (0, punct.as_char() == '.');
                    path.clear();
                }
                TokenTree::Group(group) => {
                    self.add_tokens(group.stream());
                    (colons, after_dot) = (0, false);
                    path.clear();
                }
                TokenTree::Literal(_) => (colons, after_dot) = (0, false),
            }
        }
    }

    /// The paths that an attribute holds as text, as in `#[serde(with = "crate::time::iso")]`.
    fn add_texts(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.add_texts(group.stream()),
                TokenTree::Literal(literal) => {
                    let text = syn::parse2::<LitStr>(TokenTree::from(literal.clone()).into());
                    if let Ok(path) = text.and_then(|text| text.parse::<Path>()) {
                        self.add_path(&parts(&path), literal.span());
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let span = item.use_token.span;
        for import in imports(item) {
            let Some(target) = self.modules.resolve(self.module, &import.path) else { continue };
            let (module, name) = match target {
                Target::Module(module) => (module, "*".to_owned()),
                Target::Item(module, name) => (module, name),
            };
            let re_exports = is_public(item) && self.modules.is_below(module, self.module);
            let names_module = name == "*" && import.name.is_some() && !is_public(item);
            if !re_exports && !names_module {
                self.add(module, &name, span);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if let Some(first) = path.segments.first() {
            self.add_path(&parts(path), first.ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.visit_path(&item.path);
        self.add_tokens(item.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta
            && list.path.is_ident("serde")
        {
            self.add_texts(list.tokens.clone());
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }
}

fn parts(path: &Path) -> Vec<String> {
    let start = path.leading_colon.map(|_| String::new());
    let names = path.segments.iter().map(|segment| segment.ident.to_string());
    start.into_iter().chain(names).collect()
}
