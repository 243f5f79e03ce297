//! The references of ARCHITECTURE.md and docs/security.md: each names a file that exists, or an item in it.

use std::path::Path;

/// The documents, and how many references each has at least.
const DOCUMENTS: [(&str, usize); 2] = [("ARCHITECTURE.md", 30), ("docs/security.md", 20)];

/// The references that name nothing.
pub fn broken_references(root: &Path) -> Vec<String> {
    DOCUMENTS.iter().flat_map(|(document, least)| broken_in(root, document, *least)).collect()
}

fn broken_in(root: &Path, document: &str, least: usize) -> Vec<String> {
    let text = std::fs::read_to_string(root.join(document)).expect("a readable file");
    let is_file = |code: &str| code.contains('/') && code.ends_with(".rs") && !code.contains('<');
    let references: Vec<&str> =
        text.split('`').filter(|code| code.contains(".rs#") || is_file(code)).collect();
    let found = references.len();
    assert!(found > least, "only {found} references were found in {document}");
    let broken = references.into_iter().filter(|reference| *reference != "file.rs#name");
    broken.filter(|reference| !names_something(root, reference)).map(str::to_owned).collect()
}

fn names_something(root: &Path, reference: &str) -> bool {
    let Some((file, name)) = reference.split_once('#') else {
        return root.join(reference).exists();
    };
    let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
    ["fn", "struct", "enum", "const"].iter().any(|kind| {
        let item = format!("{kind} {name}");
        source.match_indices(&item).any(|(at, _)| {
            !source[at + item.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        })
    })
}
