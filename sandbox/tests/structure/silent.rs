//! Tests that no command runs: unit tests of a library whose `Cargo.toml` switches its tests off.

use std::path::Path;

/// The crates with unit tests that never run.
pub fn silent_tests(root: &Path) -> Vec<String> {
    let folders = ["functions", "."].map(|folder| root.join(folder));
    let crates = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("a folder"));
    let crates = crates.map(|entry| entry.expect("an entry").path());
    crates.filter(|it| is_switched_off(it) && has_tests(&it.join("src"))).map(name).collect()
}

fn is_switched_off(krate: &Path) -> bool {
    let manifest = std::fs::read_to_string(krate.join("Cargo.toml")).unwrap_or_default();
    let library = manifest.split("[lib]").nth(1).unwrap_or_default();
    let library = library.split("\n[").next().unwrap_or_default();
    library.lines().any(|line| line.trim() == "test = false")
}

fn has_tests(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    let mut files = files.map(|entry| entry.expect("an entry").path());
    files.any(|it| match it.is_dir() {
        true => has_tests(&it),
        false => std::fs::read_to_string(&it).is_ok_and(|text| text.contains("#[cfg(test)]")),
    })
}

fn name(krate: std::path::PathBuf) -> String {
    format!("{} has unit tests and `test = false`", krate.display())
}
