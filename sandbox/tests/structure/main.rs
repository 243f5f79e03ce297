//! Checks the structure of the workspace: imports point one way, no circle exists between files, and
//! files and functions stay short. It reads the source text; it starts nothing.
//!
//! What counts as an import:
//! - A file imports another when it names one of its items: in a `use`, in a path, in the arguments
//!   of a macro. The file that defines the item counts, not the one that re-exports it.
//! - `mod child;` and a parent's `pub use child::Item` are no imports. Any other `pub use` is one.
//! - A method call is no import. So a parent may declare a type and call the methods that its
//!   children add in their own `impl` blocks. But if a parent names an item of a child, and the child
//!   names an item of the parent, that is a circle.
//! - Code under `#[cfg(test)]` counts for the lengths only.

mod architecture;
mod imports;
mod length;
mod modules;
mod rules;
mod samples;
mod sources;

use crate::sources::{root, workspace};

/// Fails with all violations, one a line.
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn imports_between_packages_point_one_way() {
    assert_none(&rules::between_packages(&imports::of(&workspace())));
}

#[test]
fn imports_inside_shared_point_one_way() {
    let sources = workspace();
    let mut violations = rules::outside_the_rooms(&sources);
    violations.extend(rules::between_rooms(&imports::of(&sources)));
    assert_none(&violations);
}

#[test]
fn no_circle_exists_between_files() {
    assert_none(&rules::circles(&imports::of(&workspace())));
}

#[test]
fn the_references_of_the_architecture_document_name_real_items() {
    assert_none(&architecture::broken_references(root()));
}

#[test]
fn files_have_at_most_400_lines() {
    assert_none(&length::long_files(&workspace()));
}

#[test]
fn functions_have_at_most_60_lines() {
    assert_none(&length::long_functions(&workspace()));
}
