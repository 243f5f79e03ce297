//! Why a command did not do what was asked, by what its user does next.

use std::process::ExitCode;

use shared::config::ConfigError;
use shared::purchase::State;
use shared::store::{StoreError, Tenant};
use shared::upstream::NoAnswer;

/// Why a command ended without success. Nothing was written unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such purchase.
    #[error("no purchase has the id {0:?}")]
    NotFound(String),
    /// The purchase does not wait for a person.
    #[error(
        "purchase {id} is {}, and only a needs_review purchase can be settled; nothing was written",
        state.as_str()
    )]
    NotForReview {
        /// The purchase.
        id: String,
        /// The state it is in.
        state: State,
    },
    /// There is no such key.
    #[error("no key has the id {0:?}")]
    NoKey(String),
    /// The tenant never had a key.
    #[error("tenant {0} has no key")]
    NoKeyOf(Tenant),
    /// The tenant has no key that a new one could replace.
    #[error("tenant {0} has no usable key to rotate; nothing was written")]
    NoUsableKey(Tenant),
    /// The tenant has a key that works.
    #[error(
        "tenant {tenant} has a usable key, {key_id}: rotate it, or give --another; nothing was \
         written"
    )]
    HasKey {
        /// The tenant.
        tenant: Tenant,
        /// The newest of its keys.
        key_id: String,
    },
    /// It is not said which of the tenant's keys to rotate.
    #[error("tenant {0} has usable keys of both kinds: give --kind; nothing was written")]
    BothKinds(Tenant),
    /// A key was stored that nobody knows.
    #[error("the new key {0} could not be printed: revoke it; nothing else was written")]
    NotShown(String),
    /// The store did not confirm a write to a key.
    #[error("{cause}; whether key {key_id} was written is not known: list the keys")]
    KeyUnconfirmed {
        /// The key.
        key_id: String,
        /// What the store said.
        cause: StoreError,
    },
    /// The environment lacks variables.
    #[error("missing {}; --help tells where to get them, --sandbox URL does without", .0.join(", "))]
    Missing(Vec<String>),
    /// A variable cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Nothing answers at the sandbox's address.
    #[error("no sandbox answers at {url}: {reason}")]
    NoAnswer {
        /// The address.
        url: String,
        /// How the request ended.
        reason: NoAnswer,
    },
    /// Something else than this gateway's sandbox answers there.
    #[error("what answers at {url} is no sandbox of this gateway: {problem}")]
    NoSandbox {
        /// The address.
        url: String,
        /// What tells.
        problem: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not confirm a write.
    #[error("{cause}; whether purchase {id} was settled is not known: show it")]
    Unconfirmed {
        /// The purchase.
        id: String,
        /// What the store said.
        cause: StoreError,
    },
}

impl Failure {
    /// The message as one line.
    pub fn line(&self) -> String {
        self.to_string().chars().filter(|character| !character.is_control()).collect()
    }

    /// What a script sees.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotFound(_)
            | Self::NotForReview { .. }
            | Self::NoKey(_)
            | Self::NoKeyOf(_)
            | Self::NoUsableKey(_)
            | Self::HasKey { .. }
            | Self::BothKinds(_) => ExitCode::from(1),
            Self::Missing(_) | Self::Config(_) => ExitCode::from(2),
            Self::NoAnswer { .. }
            | Self::NoSandbox { .. }
            | Self::Store(_)
            | Self::Unconfirmed { .. }
            | Self::NotShown(_)
            | Self::KeyUnconfirmed { .. } => ExitCode::from(3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let problem = "one\u{1b}[2J\ntwo".to_owned();
        let failure = Failure::NoSandbox { url: "u".to_owned(), problem };
        assert!(failure.line().ends_with(": one[2Jtwo"), "{}", failure.line());
        let failure = Failure::NotFound("one\ntwo".to_owned());
        assert_eq!(failure.line(), r#"no purchase has the id "one\ntwo""#);
    }
}
