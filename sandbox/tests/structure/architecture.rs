//! The references of ARCHITECTURE.md: each names an item that exists in its file.

use std::path::Path;

/// The references `file.rs#name` that name nothing.
pub fn broken_references(root: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("a readable file");
    let references: Vec<&str> = text.split('`').filter(|code| code.contains(".rs#")).collect();
    assert!(references.len() > 30, "only {} references were found", references.len());
    let broken = references.into_iter().filter(|reference| *reference != "file.rs#name");
    broken.filter(|reference| !names_an_item(root, reference)).map(str::to_owned).collect()
}

fn names_an_item(root: &Path, reference: &str) -> bool {
    let Some((file, name)) = reference.split_once('#') else { return false };
    let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
    ["fn", "struct", "enum", "const"].iter().any(|kind| {
        let item = format!("{kind} {name}");
        source.match_indices(&item).any(|(at, _)| {
            !source[at + item.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    })
}
