//! Builds the same work in other ways than ours (`bench/work`): in Rust with every default left alone, on
//! Node, and in Python.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::BenchError;
use crate::binaries::{function, root};

/// The name of our own stack's binary that does the same work.
pub const OURS: &str = "work-ours";
/// One HTTPS call by our stack's client.
const OUR_HTTPS: &str = "https-ours";
/// One HTTPS call by reqwest on its defaults.
const DEFAULT_HTTPS: &str = "https-defaults";
/// The one in Rust on defaults.
pub const DEFAULTS: &str = "work-defaults";
/// The one on Node.
pub const NODE: &str = "work-node";
/// The one in Python.
pub const PYTHON: &str = "work-python";

/// A program that does the work of `bench/work`, or one HTTPS call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Its name in the report.
    pub name: &'static str,
    /// What is started.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The file whose size is reported: the part that is not in Lambda's own image.
    pub file: PathBuf,
}

/// Builds all of them below Cargo's target folder. A line tells of each language that is not here.
///
/// # Errors
/// When the one in Rust cannot be built.
pub fn build(target: &Path) -> Result<(), BenchError> {
    build_defaults(&folder(target, "defaults"))?;
    for (name, built) in [
        (NODE, build_node(&folder(target, "node"))),
        (PYTHON, build_python(&folder(target, "python"))),
    ] {
        if let Err(error) = built {
            eprintln!("{name} is left out: {error}");
        }
    }
    Ok(())
}

/// Those of our own stack: the work, and an HTTPS call.
pub fn ours(target: &Path) -> [Comparison; 2] {
    [OURS, OUR_HTTPS].map(|name| {
        let program = function(target, name);
        Comparison { name, program: program.clone(), arguments: Vec::new(), file: program }
    })
}

/// The others that are built.
pub fn built(target: &Path) -> Vec<Comparison> {
    let [work, https] =
        [DEFAULTS, DEFAULT_HTTPS].map(|name| folder(target, "defaults").join("release").join(name));
    let bundle = folder(target, "node").join("bundle.cjs");
    let script = source("python").join("work.py");
    let all = [
        (DEFAULTS, Some(work.clone()), None, work),
        (DEFAULT_HTTPS, Some(https.clone()), None, https),
        (NODE, on_path("node"), Some(&bundle), bundle.clone()),
        (PYTHON, Some(folder(target, "python").join("bin/python")), Some(&script), script.clone()),
    ];
    let found = all.into_iter().filter_map(|(name, program, argument, file)| {
        let program = program.filter(|program| program.exists() && file.exists())?;
        let arguments = argument.map(|it| it.to_string_lossy().into_owned()).into_iter().collect();
        Some(Comparison { name, program, arguments, file })
    });
    found.collect()
}

fn folder(target: &Path, way: &str) -> PathBuf {
    target.join("work").join(way)
}

fn source(way: &str) -> PathBuf {
    root().join("bench/work").join(way)
}

/// It has a lock file of its own, and none of the workspace's profiles.
fn build_defaults(folder: &Path) -> Result<(), BenchError> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "--target-dir"]).arg(folder);
    run(cargo.current_dir(source("defaults")))
}

/// One file with everything that the work imports, as a deployment would have it.
fn build_node(folder: &Path) -> Result<(), BenchError> {
    for program in ["node", "npm"] {
        on_path(program).ok_or_else(|| format!("{program} is not here"))?;
    }
    if is_new(&source("node").join("package-lock.json"), folder)? {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source("node").join(file), folder.join(file))?;
        }
        run(Command::new("npm").args(["ci", "--silent", "--ignore-scripts"]).current_dir(folder))?;
        keep(&source("node").join("package-lock.json"), folder)?;
    }
    fs::copy(source("node").join("work.js"), folder.join("work.js"))?;
    let arguments = "work.js --bundle --minify --platform=node --target=node20 --format=cjs \
                     --outfile=bundle.cjs --log-level=warning";
    let mut bundler = Command::new(folder.join("node_modules/.bin/esbuild"));
    run(bundler.args(arguments.split_whitespace()).current_dir(folder))
}

/// A virtual environment with boto3; each download must have its hash.
fn build_python(folder: &Path) -> Result<(), BenchError> {
    let requirements = source("python").join("requirements.txt");
    if is_new(&requirements, folder)? {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
        run(pip.args(["--no-deps", "-r"]).arg(&requirements))?;
        keep(&requirements, folder)?;
    }
    Ok(())
}

/// Whether what the file lists is not yet installed in the folder, which is made.
fn is_new(list: &Path, folder: &Path) -> Result<bool, BenchError> {
    fs::create_dir_all(folder)?;
    Ok(fs::read(installed(list, folder)).ok() != Some(fs::read(list)?))
}

/// Notes that what the file lists is installed.
fn keep(list: &Path, folder: &Path) -> Result<(), BenchError> {
    fs::copy(list, installed(list, folder))?;
    Ok(())
}

fn installed(list: &Path, folder: &Path) -> PathBuf {
    folder.join("installed").with_extension(list.extension().unwrap_or_default())
}

fn run(command: &mut Command) -> Result<(), BenchError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| format!("cannot run {name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed with {status}").into()) }
}

/// The program's place on the `PATH`: a function's process has another one.
fn on_path(program: impl AsRef<OsStr>) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let mut places = env::split_paths(&folders).map(|folder| folder.join(program.as_ref()));
    places.find(|place| place.is_file())
}
