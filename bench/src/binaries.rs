//! Builds the functions as they are deployed, the floors, and our side of the comparisons.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::BenchError;

/// The packages that are not deployed. They are not built together with the functions, because Cargo would
/// unite their features with the functions'.
const NOT_DEPLOYED: [&str; 8] =
    ["sandbox", "simulation", "cli", "fuzzing", "charts", "bench", "floor", "work-ours"];

/// What else is built as the functions are.
const LIKE_FUNCTIONS: [&[&str]; 2] =
    [&["-p", "floor", "--bin", "floor-tuned"], &["-p", "work-ours"]];

/// The floor on defaults.
const ON_DEFAULTS: [&str; 6] = [
    "--profile=release-default",
    "-p",
    "floor",
    "--bin",
    "floor-default",
    "--features=runtime-defaults",
];

/// The name of the empty function for HTTP requests.
pub const FLOOR_HTTP: &str = "floor-http";

/// An empty function that the others are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    /// On the defaults of `lambda_runtime` and of Cargo's release mode.
    Default,
    /// Built as the functions are, on one thread.
    Tuned,
}

impl Floor {
    /// Both, in the order of the report.
    pub const BOTH: [Self; 2] = [Self::Default, Self::Tuned];

    /// The name of its binary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "floor-default",
            Self::Tuned => "floor-tuned",
        }
    }

    /// Its binary below Cargo's target folder.
    pub fn binary(self, target: &Path) -> PathBuf {
        match self {
            Self::Default => target.join("release-default").join(self.name()),
            Self::Tuned => function(target, self.name()),
        }
    }
}

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The binary of a function, or of another that is built as one, below Cargo's target folder.
pub fn function(target: &Path, name: &str) -> PathBuf {
    target.join(deployed_for()).join("release").join(name)
}

/// The functions are deployed for this, on this machine's processor (docs/adr/0061-a-release-is-linked-with-musl.md).
fn deployed_for() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

/// Cargo's target folder: this program is in a folder of it.
///
/// # Errors
/// When the path of this program is not known.
pub fn target() -> Result<PathBuf, BenchError> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent);
    Ok(target.ok_or("the program is not in Cargo's target folder")?.to_owned())
}

/// Builds the functions, the floors and `bench/work/ours`, or finds that they are up to date. Cargo's output goes to the
/// terminal.
///
/// # Errors
/// When a build fails.
pub fn build(target: &Path) -> Result<(), BenchError> {
    let excluded = NOT_DEPLOYED.into_iter().flat_map(|package| ["--exclude", package]);
    let functions: Vec<&str> = ["--workspace"].into_iter().chain(excluded).collect();
    let target_name = deployed_for();
    let like_functions = LIKE_FUNCTIONS.into_iter().map(<[&str]>::to_vec);
    for packages in [functions].into_iter().chain(like_functions) {
        let arguments = ["--release", "--target", &target_name].into_iter().chain(packages);
        cargo_build(target, &arguments.collect::<Vec<_>>())?;
    }
    cargo_build(target, &ON_DEFAULTS)
}

/// Builds the sandbox in release mode, or finds that it is up to date, and gives its binary.
///
/// # Errors
/// When the build fails.
pub fn sandbox(target: &Path) -> Result<PathBuf, BenchError> {
    cargo_build(target, &["--release", "-p", "sandbox"])?;
    Ok(target.join("release").join("sandbox"))
}

fn cargo_build(target: &Path, arguments: &[&str]) -> Result<(), BenchError> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--locked"]).args(arguments).current_dir(root()).stdin(Stdio::null());
    // What `cargo run` says of this package would make Cargo build some dependencies again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix)) {
            cargo.env_remove(&*name);
        }
    }
    let status = cargo.env("CARGO_TARGET_DIR", target).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("cargo build {} failed", arguments.join(" ")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_here_is_left_out_wherever_the_functions_are_built() {
        for file in [".ci/binaries", "justfile", "docs/deploy.md"] {
            let text = std::fs::read_to_string(root().join(file)).expect("a readable file");
            let mut words = text.split_whitespace();
            let mut excluded = Vec::new();
            while let Some(word) = words.next() {
                if word == "--exclude" {
                    excluded.extend(words.next());
                }
            }
            assert_eq!(excluded, NOT_DEPLOYED, "{file}");
        }
    }
}
