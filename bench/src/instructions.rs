//! Counts the instructions of a start and of a call, by valgrind's callgrind, and compares them with budgets.
//! A count hardly depends on what else the machine does, so it shows a change that a duration hides.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use sandbox::aws::runtime_api::RuntimeApi;
use serde::{Deserialize, Serialize};

use crate::BenchError;
use crate::process::Process;
use crate::subject::Subject;

/// How many calls one process answers. A call counts what they take together, divided by this.
const CALLS: u64 = 20;
/// By how many percent a count may be above its budget.
const TOLERANCE: u64 = 10;
/// A count that is below its budget by more percent than this asks for a lower budget.
const SLACK: u64 = 25;

/// What one function needs, in instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instructions {
    /// From its first one until it asks for an invocation.
    pub start: u64,
    /// For one invocation, the mean of the first twenty.
    pub call: u64,
}

/// The budgets or the counts, by function.
pub type ByFunction = BTreeMap<String, Instructions>;

/// Whether valgrind is on this machine.
pub fn has_valgrind() -> bool {
    let version = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Counts what the subject needs.
///
/// # Errors
/// When it cannot be started under callgrind, or fails an invocation.
pub async fn count(subject: &Subject) -> Result<Instructions, BenchError> {
    let start = run(subject, 0).await?;
    let all = run(subject, CALLS).await?;
    Ok(Instructions { start, call: all.saturating_sub(start) / CALLS })
}

/// The instructions of a process that answers so many calls.
async fn run(subject: &Subject, calls: u64) -> Result<u64, BenchError> {
    let folder = tempfile::tempdir()?;
    let counts = folder.path().join("counts");
    let mut api = RuntimeApi::start(&subject.name).await?;
    let mut process = Process::counted(subject, api.address(), &counts)?;
    let done = tokio::select! {
        done = answered(&mut api, subject, calls) => done,
        error = process.ended() => Err(error),
    };
    if let Err(error) = done {
        return Err(format!("{}: {error}\n{}", subject.name, process.end_of_log()).into());
    }
    process.end().await?;
    let text = std::fs::read_to_string(&counts)?;
    total(&text).ok_or_else(|| "callgrind's file has no total".into())
}

/// Gives the process its calls, and waits until it asks for one more.
async fn answered(api: &mut RuntimeApi, subject: &Subject, calls: u64) -> Result<(), BenchError> {
    let mut waiting = api.waiting().await?;
    for _ in 0..calls {
        api.invoke(waiting, subject.invocation()).await?;
        waiting = api.waiting().await?;
    }
    Ok(())
}

/// The total in a file of callgrind.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

/// Reads budgets.
///
/// # Errors
/// When the file cannot be read.
pub fn read_budgets(path: &Path) -> Result<ByFunction, BenchError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(serde_json::from_str(&text)?)
}

/// What is wrong with the counts, a line for each; empty if nothing is.
pub fn compare(budgets: &ByFunction, counts: &ByFunction) -> String {
    let mut wrong = String::new();
    for (name, counted) in counts {
        let Some(budget) = budgets.get(name) else {
            let _ = writeln!(wrong, "{name} has no budget");
            continue;
        };
        let pairs = [("start", counted.start, budget.start), ("call", counted.call, budget.call)];
        for (what, counted, budget) in pairs {
            if counted * 100 > budget * (100 + TOLERANCE) {
                let _ = writeln!(wrong, "{name}, {what}: {counted}, and {budget} are allowed");
            } else if counted * 100 < budget * (100 - SLACK) {
                let _ =
                    writeln!(wrong, "{name}, {what}: {counted} only: lower the budget of {budget}");
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(start: u64, call: u64) -> ByFunction {
        [("auth".to_owned(), Instructions { start, call })].into()
    }

    #[test]
    fn more_than_the_tolerance_is_wrong_and_so_is_far_less() {
        let budgets = of(1_000, 100);
        assert_eq!(compare(&budgets, &of(1_100, 110)), "");
        assert_eq!(compare(&budgets, &of(750, 75)), "");
        assert_eq!(
            compare(&budgets, &of(1_101, 111)),
            "auth, start: 1101, and 1000 are allowed\nauth, call: 111, and 100 are allowed\n"
        );
        assert!(compare(&budgets, &of(749, 100)).contains("lower the budget of 1000"));
        assert_eq!(compare(&ByFunction::new(), &of(1, 1)), "auth has no budget\n");
    }

    #[test]
    fn the_total_is_found_in_a_file_of_callgrind() {
        assert_eq!(
            total("version: 1\nevents: Ir\nfn=(1) main\n1 5\ntotals: 2474828\n"),
            Some(2_474_828)
        );
        assert_eq!(total("events: Ir\n"), None);
    }
}
