//! What is measured: a function, a floor or a comparison, with its event and its variables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sandbox::Sandbox;
use sandbox::aws::runtime_api::Invocation;
use sandbox::template::stack::FunctionSpec;
use shared::platform::crypto::hashed;

use crate::binaries::{self, FLOOR_HTTP, Floor};
use crate::comparisons::{self, Comparison};
use crate::https::HttpsServer;
use crate::{BenchError, events};

/// A binary and what it is given.
pub struct Subject {
    /// The name of the function, the floor or the comparison.
    pub name: String,
    /// Whether it is a function of the gateway.
    pub is_function: bool,
    /// What is started: the binary, or the program that runs a script.
    pub program: PathBuf,
    /// The program's arguments; none for a binary.
    pub arguments: Vec<String>,
    /// The size of the binary or the script in bytes.
    pub size_bytes: u64,
    /// The name of the event: its file in `events/` without `.json`.
    pub event_name: String,
    /// The event's text.
    pub event: String,
    /// The variables of the template and of the account.
    pub variables: BTreeMap<String, String>,
}

impl Subject {
    /// How many warm invocations of a process are measured at most. A run of the books reads what the runs of
    /// the last day wrote. There are about a hundred in a day, so more would measure what never happens.
    pub fn most_invocations(&self) -> u32 {
        if self.name == "books" { 5 } else { u32::MAX }
    }

    /// An invocation with the event, under an id of its own.
    pub fn invocation(&self) -> Invocation {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let id = format!("00000000-0000-4000-8000-{:012x}", COUNT.fetch_add(1, Ordering::Relaxed));
        Invocation::new(id, &self.event)
    }
}

/// The floors, the same work in several ways, and the functions with these names; all functions if there
/// are no names. The same work is left out without a server for the HTTPS calls.
///
/// # Errors
/// When a name is not that of a function, or a binary or an event is missing.
pub fn subjects(
    target: &Path,
    sandbox: &Sandbox,
    names: &[String],
    https: Option<&HttpsServer>,
) -> Result<Vec<Subject>, BenchError> {
    let [default, tuned] = Floor::BOTH.map(|floor| (floor.name(), floor.binary(target)));
    let http = (FLOOR_HTTP, binaries::function(target, FLOOR_HTTP));
    let floors = [default, tuned, http].into_iter();
    let floors =
        floors.map(|(name, binary)| subject(name, binary, events::floor_event(), BTreeMap::new()));
    let mut all: Vec<Subject> = floors.collect::<Result<_, _>>()?;
    if let Some(https) = https {
        let (work, call) = (variables_of_the_work(sandbox)?, variables_of_a_call(https));
        let found = comparisons::ours(target).into_iter().chain(comparisons::built(target));
        for Comparison { name, program, arguments, file } in found {
            let variables = if name.starts_with("https-") { &call } else { &work };
            let measured = subject(name, file, events::floor_event(), variables.clone())?;
            all.push(Subject { program, arguments, ..measured });
        }
    }
    all.extend(functions(sandbox, names, |name| binaries::function(target, name))?);
    Ok(all)
}

/// The variables of what makes an HTTPS call. A root is given in two forms.
fn variables_of_a_call(https: &HttpsServer) -> BTreeMap<String, String> {
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    let variables = [
        ("HTTPS_URL", https.url.clone()),
        ("HTTPS_ROOT", path(https.root())),
        ("SSL_CERT_FILE", path(https.roots())),
    ];
    variables.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The variables of the function with the most secrets, and the key of an item that the work reads.
fn variables_of_the_work(sandbox: &Sandbox) -> Result<BTreeMap<String, String>, BenchError> {
    let of = |name: &str| {
        let found = sandbox.stack.functions.iter().find(|spec| spec.name == name);
        Ok::<_, BenchError>(&found.ok_or_else(|| format!("there is no function {name}"))?.variables)
    };
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for variables in [of("authorizer")?, of("purchase")?, &sandbox.lambda_vars] {
        all.extend(variables.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    let key = sandbox.keys.first().ok_or("the sandbox has no key")?;
    all.insert("WORK_KEY_HASH".to_owned(), hashed(key));
    // Lambda sets both, and boto3 reads only this one.
    let region = all.get("AWS_REGION").cloned().ok_or("the sandbox has no region")?;
    all.insert("AWS_DEFAULT_REGION".to_owned(), region);
    Ok(all)
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
        let measured = subject(&spec.name, binary, events::event_of(&spec.name)?, variables)?;
        Ok(Subject { is_function: true, ..measured })
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
        is_function: false,
        program: binary,
        arguments: Vec::new(),
        size_bytes: size.len(),
        event_name: event_name.to_owned(),
        event: events::read(binaries::root(), event_name)?,
        variables,
    })
}
