//! What goes wrong in a schedule: single calls, and what is away for a time.

use serde::{Deserialize, Serialize};

/// What goes wrong with one call, or with some in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Who calls.
    pub caller: String,
    /// The call, as the simulation names it.
    pub call: String,
    /// Which of these calls is the first that fails, from 0.
    pub nth: u32,
    /// How many of them fail.
    pub times: u32,
    /// How.
    pub kind: FaultKind,
}

/// How a call goes wrong.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FaultKind {
    /// No connection is made.
    NotSent,
    /// It is refused because there are too many.
    Throttled,
    /// It fails with a 500 and has no effect.
    FailedBefore,
    /// It has its effect and is answered with a 500.
    FailedAfter,
    /// The connection breaks before it has an effect.
    LostBefore,
    /// It has its effect, and the answer is lost.
    LostAfter,
    /// It has no effect and is never answered.
    SilentBefore,
    /// It has its effect and is never answered.
    SilentAfter,
    /// It has its effect half a minute to five and a half minutes later, and is not answered.
    Late,
    /// It takes four seconds.
    Slow,
    /// It has its effect, and the answer is not readable.
    Garbled,
    /// The calling instance dies before the call is sent.
    KillBefore,
    /// The calling instance dies after the call had its effect.
    KillAfter,
    /// It arrives twice.
    Twice,
}

/// What is away for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// What.
    pub of: Away,
    /// From when.
    pub from_ms: u64,
    /// For how long.
    pub for_ms: u64,
}

/// What can be away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Away {
    /// A function: every invocation fails.
    Function(String),
    /// A provider: every call to it goes wrong like this.
    Provider(String, FaultKind),
    /// A service of AWS.
    Aws(String, FaultKind),
}

/// The callers that are no instance.
const OUTSIDE: [&str; 5] = ["people", "operator", "mono", "vtpass", "mtn"];
/// The services of AWS.
const AWS: [&str; 3] = ["dynamodb", "sqs", "secrets"];

impl FaultKind {
    /// Whether a call can go wrong in this way. An instance can die, a provider cannot. A webhook can
    /// come twice, a request of an instance or to AWS cannot.
    pub fn is_possible(self, caller: &str, call: &str) -> bool {
        let is_instance = !OUTSIDE.contains(&caller);
        let is_aws = AWS.iter().any(|service| call.starts_with(service));
        match self {
            Self::KillBefore | Self::KillAfter => is_instance,
            Self::Twice => !is_instance && !is_aws,
            Self::Late => !is_aws,
            Self::Garbled => !is_aws && is_instance,
            Self::NotSent
            | Self::Throttled
            | Self::FailedBefore
            | Self::FailedAfter
            | Self::LostBefore
            | Self::LostAfter
            | Self::SilentBefore
            | Self::SilentAfter
            | Self::Slow => true,
        }
    }
}
