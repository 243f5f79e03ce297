//! What is measured: a function or a floor, with its event and its variables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sandbox::Sandbox;
use sandbox::template::stack::FunctionSpec;

use crate::binaries::{self, Floor};
use crate::{BenchError, events};

/// A binary and what it is given.
pub struct Subject {
    /// The name of the function or the floor.
    pub name: String,
    /// The binary.
    pub binary: PathBuf,
    /// The binary's size in bytes.
    pub size_bytes: u64,
    /// The name of the event: its file in `events/` without `.json`.
    pub event_name: String,
    /// The event's text.
    pub event: String,
    /// The variables of the template and of the account.
    pub variables: BTreeMap<String, String>,
}

/// The floors and the functions with these names; all functions if there are no names.
///
/// # Errors
/// When a name is not that of a function, or a binary or an event is missing.
pub fn subjects(
    target: &Path,
    sandbox: &Sandbox,
    names: &[String],
) -> Result<Vec<Subject>, BenchError> {
    let floors = Floor::BOTH.into_iter().map(|floor| {
        subject(floor.name(), floor.binary(target), events::floor_event(), BTreeMap::new())
    });
    let functions = functions(sandbox, names, |name| binaries::function(target, name))?;
    floors.chain(functions.into_iter().map(Ok)).collect()
}

/// The functions with these names, or all; `binary` says where each one is.
///
/// # Errors
/// When a name is not that of a function, or a binary or an event is missing.
pub fn functions(
    sandbox: &Sandbox,
    names: &[String],
    binary: impl Fn(&str) -> PathBuf,
) -> Result<Vec<Subject>, BenchError> {
    let mut functions: Vec<&FunctionSpec> = sandbox.stack.functions.iter().collect();
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    let known: Vec<&str> = functions.iter().map(|spec| spec.name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("{unknown} is not a function: there are {}", known.join(", ")).into());
    }
    let wanted = functions.into_iter().filter(|it| names.is_empty() || names.contains(&it.name));
    let subjects = wanted.map(|spec| {
        let all = spec.variables.iter().chain(&sandbox.lambda_vars);
        let variables = all.map(|(name, value)| (name.clone(), value.clone())).collect();
        let binary = binary(&spec.name);
        subject(&spec.name, binary, events::event_of(&spec.name)?, variables)
    });
    subjects.collect()
}

fn subject(
    name: &str,
    binary: PathBuf,
    event_name: &str,
    variables: BTreeMap<String, String>,
) -> Result<Subject, BenchError> {
    let size = fs::metadata(&binary);
    let size = size.map_err(|error| format!("{} is not built: {error}", binary.display()))?;
    Ok(Subject {
        name: name.to_owned(),
        binary,
        size_bytes: size.len(),
        event_name: event_name.to_owned(),
        event: events::read(binaries::root(), event_name)?,
        variables,
    })
}
