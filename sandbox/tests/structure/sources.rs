//! The Rust files that the checks read.

use std::collections::BTreeMap;
use std::path::Path;

use proc_macro2::TokenTree;

/// The text of each Rust file, by its path from the workspace's root.
pub type Sources = BTreeMap<String, String>;

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's root")
}

/// All Rust files of the workspace.
pub fn workspace() -> Sources {
    let root = root();
    let mut sources = Sources::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir().expect("a readable directory") {
            let path = entry.expect("a readable directory").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                directories.push(path);
            } else if name.ends_with(".rs") {
                let relative = path.strip_prefix(root).expect("a path below the root");
                let text = std::fs::read_to_string(&path).expect("a readable file");
                sources.insert(relative.to_string_lossy().into_owned(), text);
            }
        }
    }
    sources
}

pub fn is(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}
