//! The sandbox in a process of its own, so that its memory can be read.

use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;

use crate::BenchError;
use crate::proc_files::ProcFiles;

/// Limits that no run reaches.
const LIMITS: [&str; 7] = [
    "LIMIT_CALLS",
    "LIMIT_READS",
    "LIMIT_PURCHASES",
    "OTP_LIMIT_NUMBER",
    "OTP_LIMIT_CALLER",
    "OTP_LIMIT_ADDRESS",
    "SPEND_LIMIT",
];

/// A running sandbox. It ends when this is dropped.
pub struct Gateway {
    /// The URL of its API.
    pub url: String,
    /// An API key.
    pub key: String,
    process: Child,
    pid: u32,
}

/// The first line that the sandbox prints.
#[derive(Deserialize)]
struct Ready {
    url: String,
    keys: Vec<String>,
}

impl Gateway {
    /// Starts the sandbox. Its tables are in `data_dir`, or in memory. Gives also the OTPs that the
    /// simulated phones receive.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(
        binary: &Path,
        data_dir: Option<&Path>,
    ) -> Result<(Self, mpsc::UnboundedReceiver<String>), BenchError> {
        let mut command = Command::new(binary);
        command.args(["--port", "0", "--json", "--exit-with-parent"]);
        if let Some(folder) = data_dir {
            command.arg("--data-dir").arg(folder);
        }
        command.envs(LIMITS.map(|name| (name, "1000000000000/600,1000000000000/86400")));
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", binary.display()))?;
        let pid = process.id().ok_or("the sandbox has ended")?;
        let output = process.stdout.take().ok_or("the sandbox has no output")?;
        let mut lines = BufReader::new(output).lines();
        let first = lines.next_line().await?.ok_or("the sandbox ended before it was ready")?;
        let Ready { url, keys } = serde_json::from_str(&first)?;
        let key = keys.into_iter().next().ok_or("the sandbox has no key")?;
        let (sender, otps) = mpsc::unbounded_channel();
        tokio::spawn(read_otps(lines, sender));
        Ok((Self { url, key, process, pid }, otps))
    }

    /// Its memory in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn memory(&self) -> Result<u64, BenchError> {
        ProcFiles::of(self.pid).resident_bytes()
    }

    /// Stops it.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub async fn stop(mut self) -> Result<(), BenchError> {
        drop(self.process.stdin.take());
        self.process.wait().await?;
        Ok(())
    }
}

/// Reads what the sandbox prints, and hands on the OTPs in it.
async fn read_otps(mut lines: Lines<BufReader<ChildStdout>>, otps: mpsc::UnboundedSender<String>) {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(otp) = otp_of(&line) {
            let _ = otps.send(otp.to_owned());
        }
    }
}

fn otp_of(line: &str) -> Option<&str> {
    let (_, otp) = line.strip_prefix("SMS to ")?.split_once("your OTP is ")?;
    Some(otp.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_otp_is_found_in_a_message_of_a_simulated_phone() {
        assert_eq!(otp_of("SMS to 07082109281: your OTP is 123456"), Some("123456"));
        assert_eq!(otp_of("stopping"), None);
    }
}
