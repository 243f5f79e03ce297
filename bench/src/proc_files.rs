//! Reads what Linux says of a process in `/proc`: its processor time, its memory, and whether it waits.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::BenchError;

/// How long a process that waits for an invocation may take until all of its threads sleep.
const MOST_UNTIL_ASLEEP: Duration = Duration::from_millis(20);
/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_micros(50);

/// The files of one process below `/proc`.
pub struct ProcFiles(PathBuf);

impl ProcFiles {
    /// The files of the process with this id.
    pub fn of(pid: u32) -> Self {
        Self(PathBuf::from(format!("/proc/{pid}")))
    }

    /// Fails with a clear message where the processor time of a process cannot be read.
    ///
    /// # Errors
    /// When the system is not Linux, or its kernel counts no processor time of threads.
    pub fn require() -> Result<(), BenchError> {
        if !cfg!(target_os = "linux") {
            return Err(
                "the benchmark runs on Linux only: it reads processor time from /proc".into()
            );
        }
        Self::of(std::process::id()).cpu_ns().map(|_| ()).map_err(|error| {
            format!("the benchmark needs /proc/PID/task/*/schedstat of Linux: {error}").into()
        })
    }

    /// The processor time of all running threads of the process since their start, in nanoseconds. Linux
    /// brings the count of a thread up to date when the thread stops running, so it is exact only for
    /// threads that sleep. Threads that have ended are not counted.
    ///
    /// # Errors
    /// When the process has ended or a file cannot be read.
    pub fn cpu_ns(&self) -> Result<u64, BenchError> {
        let times = self.of_each_thread("schedstat", cpu_ns)?;
        Ok(times.into_iter().sum())
    }

    /// The memory of the process that is in RAM (`VmRSS`), in bytes.
    ///
    /// # Errors
    /// When the process has ended or the file cannot be read.
    pub fn resident_bytes(&self) -> Result<u64, BenchError> {
        read(&self.0.join("status"), resident_bytes)
    }

    /// Blocks until every thread of the process sleeps, at most 20 ms.
    ///
    /// # Errors
    /// When the process has ended or a file cannot be read.
    pub fn until_asleep(&self) -> Result<(), BenchError> {
        let begun = Instant::now();
        while begun.elapsed() < MOST_UNTIL_ASLEEP {
            if self.of_each_thread("stat", sleeps)?.into_iter().all(|sleeps| sleeps) {
                break;
            }
            sleep(PAUSE);
        }
        Ok(())
    }

    fn of_each_thread<T>(
        &self,
        file: &str,
        find: fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, BenchError> {
        let threads = self.0.join("task");
        let describe =
            |error: std::io::Error| format!("cannot read {}: {error}", threads.display());
        let entries = fs::read_dir(&threads).map_err(describe)?;
        entries.map(|thread| read(&thread.map_err(describe)?.path().join(file), find)).collect()
    }
}

fn read<T>(path: &Path, find: fn(&str) -> Option<T>) -> Result<T, BenchError> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    find(&text).ok_or_else(|| format!("{} has an unknown form", path.display()).into())
}

/// The first number of a `schedstat`: the nanoseconds that the thread ran.
fn cpu_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

/// `VmRSS` of a `status`, in bytes. The file states it in units of 1024 bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let (number, unit) = line.trim().split_once(' ')?;
    if unit != "kB" {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(1024)
}

/// Whether a `stat` is that of a thread that sleeps. The state follows the name of the program, which is in
/// parentheses and may contain some.
fn sleeps(stat: &str) -> Option<bool> {
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(matches!(rest.chars().next()?, 'S' | 'D'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_of_schedstat_is_the_processor_time() {
        assert_eq!(cpu_ns("7569804 1200 31\n"), Some(7_569_804));
        assert_eq!(cpu_ns(""), None);
        assert_eq!(cpu_ns("x 1 2"), None);
    }

    #[test]
    fn the_resident_memory_is_given_in_bytes() {
        let status = "Name:\tauth\nVmHWM:\t    7100 kB\nVmRSS:\t    6912 kB\nThreads:\t1\n";
        assert_eq!(resident_bytes(status), Some(6_912 * 1024));
        assert_eq!(resident_bytes("Name:\tauth\n"), None);
        assert_eq!(resident_bytes("VmRSS:\t6 MB\n"), None);
    }

    #[test]
    fn the_state_is_found_after_a_name_with_parentheses() {
        assert_eq!(sleeps("12 (auth) S 1 12"), Some(true));
        assert_eq!(sleeps("12 (a) R (b) D 1 12"), Some(true));
        assert_eq!(sleeps("12 (auth) R 1 12"), Some(false));
        assert_eq!(sleeps("12 auth"), None);
    }
}
