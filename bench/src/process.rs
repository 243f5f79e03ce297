//! The process of a function, started as Lambda starts it.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::Stdio;

use sandbox::aws::processes::lambda_vars;
use tokio::process::{Child, Command};

use crate::BenchError;
use crate::proc_files::ProcFiles;
use crate::subject::Subject;

/// A running process. It is killed when it is dropped.
pub struct Process {
    child: Child,
    log: File,
    pid: u32,
}

impl Process {
    /// Starts the subject's binary with its variables and no others. Its log goes to a file.
    ///
    /// # Errors
    /// When the binary cannot be started.
    pub fn start(subject: &Subject, runtime_api: &str) -> Result<Self, BenchError> {
        Self::start_by(Command::new(&subject.program), subject, runtime_api)
    }

    /// Starts it under valgrind's callgrind, which counts its instructions and writes the count to `counts`
    /// when the process ends.
    ///
    /// # Errors
    /// When valgrind cannot be started.
    pub fn counted(
        subject: &Subject,
        runtime_api: &str,
        counts: &Path,
    ) -> Result<Self, BenchError> {
        let mut command = Command::new("valgrind");
        let file = format!("--callgrind-out-file={}", counts.display());
        command.args(["--tool=callgrind", &file]).arg(&subject.program);
        Self::start_by(command, subject, runtime_api)
    }

    fn start_by(
        mut command: Command,
        subject: &Subject,
        runtime_api: &str,
    ) -> Result<Self, BenchError> {
        let log = tempfile::tempfile()?;
        let child = command
            .args(&subject.arguments)
            .env_clear()
            .envs(lambda_vars(&subject.name))
            .envs(&subject.variables)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.try_clone()?)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", subject.program.display()))?;
        let pid = child.id().ok_or("the process has ended")?;
        Ok(Self { child, log, pid })
    }

    /// What Linux says of it.
    pub fn files(&self) -> ProcFiles {
        ProcFiles::of(self.pid)
    }

    /// Waits until the process ends by itself.
    pub async fn ended(&mut self) -> BenchError {
        match self.child.wait().await {
            Ok(status) => format!("it ended by itself with {status}").into(),
            Err(error) => error.into(),
        }
    }

    /// The end of its log, for a message about a failure.
    pub fn end_of_log(&mut self) -> String {
        const LINES: usize = 5;
        let mut text = String::new();
        let _ = self.log.rewind().and_then(|()| self.log.read_to_string(&mut text));
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// Asks the process to end, and waits until it has.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn end(mut self) -> Result<(), BenchError> {
        let asked = Command::new("kill").arg(self.pid.to_string()).status().await?;
        if !asked.success() {
            return Err("the process cannot be asked to end".into());
        }
        self.child.wait().await?;
        Ok(())
    }

    /// Kills the process.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(mut self) -> Result<(), BenchError> {
        Ok(self.child.kill().await?)
    }
}
