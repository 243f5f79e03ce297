//! The reasons why a command fails, by exit code: what the operator does next.

use std::process::ExitCode;

use shared::platform::config::ConfigError;
use shared::store::StoreError;

/// Why a command failed, as a message for the operator. Nothing was written unless it says so.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub enum Failure {
    /// The command cannot be done: there is no such thing, or its state does not allow it.
    Refused(String),
    /// The environment lacks a variable, or holds one that cannot be used.
    Configuration(String),
    /// The command is done, and what it found needs somebody. The text is printed as it is.
    Findings(String),
    /// The store or the sandbox cannot be reached, a write is not confirmed, or the output is not written.
    Unreachable(String),
}

impl Failure {
    /// The message as one line.
    pub fn line(&self) -> String {
        self.to_string().chars().filter(|character| !character.is_control()).collect()
    }

    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Refused(_) | Self::Findings(_) => 1,
            Self::Configuration(_) => 2,
            Self::Unreachable(_) => 3,
        })
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Configuration(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let failure = Failure::Unreachable("problem: one\u{1b}[2J\ntwo".to_owned());
        assert_eq!(failure.line(), "problem: one[2Jtwo");
    }
}
