//! A long run: what it has done so far, kept in a file, so that it can be stopped and resumed.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::campaign::Failure;
use crate::coverage::Coverage;
use crate::record::{Change, Met};
use crate::schedule::Density;

/// What a run has done so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// How much is in its schedules.
    #[serde(default)]
    density: Density,
    /// The first seed.
    pub from: u64,
    /// The next seed.
    pub next: u64,
    /// How long it took so far, in seconds.
    pub seconds: f64,
    /// The memory of the process after the first batch, in kilobytes; 0 where it cannot be told.
    pub first_kb: u64,
    /// The memory of the process after the last batch, in kilobytes.
    pub last_kb: u64,
    /// The seeds that broke an invariant.
    pub failures: Vec<Failure>,
    /// How many calls were made.
    calls: u64,
    met: Vec<(Met, u64)>,
    changes: Vec<(Change, u64)>,
}

impl Progress {
    /// The progress in a file; a new one from `from` if there is no such file.
    ///
    /// # Errors
    /// When the file is not readable, or holds something else: also the progress of schedules of another density.
    pub fn load(path: Option<&Path>, from: u64, density: Density) -> io::Result<Self> {
        let kept: Self = match path.map(fs::read_to_string) {
            Some(Ok(text)) => serde_json::from_str(&text)?,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(Self { density, from, next: from, ..Self::default() }),
        };
        match kept.density == density {
            true => Ok(kept),
            false => Err(io::Error::other("its schedules have another density")),
        }
    }

    /// Writes it. A stop in the middle leaves the file as it was.
    ///
    /// # Errors
    /// When the file is not writable.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let draft = path.with_extension("draft");
        fs::write(&draft, serde_json::to_vec(self)?)?;
        fs::rename(draft, path)
    }

    /// Adds a batch that ends before `next`.
    pub fn add(&mut self, next: u64, seconds: f64, coverage: &Coverage, failures: Vec<Failure>) {
        let memory = memory_kb();
        if self.next == self.from {
            self.first_kb = memory;
        }
        (self.next, self.last_kb) = (next, memory);
        self.seconds += seconds;
        self.failures.extend(failures);
        self.calls = coverage.calls;
        self.met = coverage.met.clone().into_iter().collect();
        self.changes = coverage.changes.clone().into_iter().collect();
    }

    /// What was met so far.
    pub fn coverage(&self) -> Coverage {
        Coverage {
            met: self.met.iter().cloned().collect::<BTreeMap<_, _>>(),
            changes: self.changes.iter().cloned().collect::<BTreeMap<_, _>>(),
            calls: self.calls,
        }
    }
}

/// The memory of this process, in kilobytes, where the system tells it.
pub(crate) fn memory_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Violation;

    #[test]
    fn progress_reads_as_it_was_written_and_begins_anew_without_a_file() {
        let path = std::env::temp_dir().join(format!("simulation-{}.json", std::process::id()));
        let mut progress = Progress::load(Some(&path), 7, Density::Usual).unwrap();
        assert_eq!((progress.from, progress.next), (7, 7));
        let met = Met {
            caller: "requery".to_owned(),
            call: "vtpass POST /api/requery".to_owned(),
            fault: Some(crate::schedule::FaultKind::LostAfter),
            state: Some("pending".to_owned()),
        };
        let change = (None, "submitted".to_owned());
        let coverage = Coverage { met: [(met, 3)].into(), changes: [(change, 2)].into(), calls: 5 };
        let violation = Violation { invariant: "i".to_owned(), at_ms: 1, detail: "d".to_owned() };
        progress.add(17, 2.5, &coverage, vec![Failure { seed: 9, violation }]);
        progress.save(&path).unwrap();
        let read = Progress::load(Some(&path), 1, Density::Usual).unwrap();
        assert!(Progress::load(Some(&path), 1, Density::Dense).is_err());
        fs::remove_file(&path).unwrap();
        assert_eq!((read.from, read.next, read.failures.len()), (7, 17, 1));
        assert_eq!(read.coverage().met, coverage.met);
        assert_eq!(read.coverage().changes, coverage.changes);
    }
}
