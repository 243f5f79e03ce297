//! Checks the structure of the workspace: imports point one way, no circle exists between files, and
//! files and functions stay short. It reads the source text; it starts nothing.
//!
//! What counts as an import:
//! - A file imports another when a `use` or another name or path in it leads to the other file, also
//!   among the arguments of a macro. `use x::*` imports the module `x`.
//! - A `use` is followed: the file that defines the item counts, not the one that re-exports it.
//! - `mod child;` and a parent's `use child::Item` are not imports; naming `Item` in the parent is one.
//! - A method call is not an import. So a parent may declare a type and call the methods that its
//!   children add in their own `impl` blocks.
//! - Modules named `tests` inside `src` count for the lengths only.
//!
//! Not seen: paths in text (`#[serde(with = "crate::x")]`), and single names that only a glob brings.

mod architecture;
mod imports;
mod length;
mod parsers;
mod real_time;
mod rules;
mod samples;
mod silent;
mod sources;

use crate::sources::{root, workspace};

/// Fails with all violations, one a line.
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn imports_point_one_way() {
    assert_none(&rules::wrong_ways(&imports::of(&workspace())));
}

#[test]
fn no_circle_exists_between_files() {
    assert_none(&rules::circles(&imports::of(&workspace())));
}

#[test]
fn files_have_at_most_400_lines_and_functions_60() {
    assert_none(&length::too_long(&workspace()));
}

#[test]
fn every_unit_test_is_run() {
    assert_none(&silent::silent_tests(root()));
}

#[test]
fn no_test_depends_on_the_hour_at_which_it_runs() {
    assert_none(&real_time::readers(&workspace()));
}

#[test]
fn the_references_of_the_documents_name_real_items() {
    assert_none(&architecture::broken_references(root()));
}
