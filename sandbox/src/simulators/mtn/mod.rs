//! A simulated MTN: its token endpoint and two of its APIs, Customer Plans v2.1 and Consumption v2.
//!
//! A request that violates its contract is refused and counted before anything else happens. Where
//! MTN's documents are silent, the simulator takes the harder case for the client: a repeated
//! refill is done again, and a callback is sent once. `/_sandbox/mtn/...` scripts failures and
//! shows what was received.

mod access;
mod callbacks;
mod contract;
mod control;
mod envelope;
mod history;
mod lines;
mod operations;
mod refills;
mod routes;
mod rules;
mod script;
mod simulator;
#[cfg(test)]
mod tests;

pub use self::callbacks::Delivery;
pub use self::control::control_router;
pub use self::operations::Operation;
pub use self::refills::Refill;
pub use self::routes::router;
pub use self::script::{Script, ScriptedAnswer};
pub use self::simulator::{Credentials, MtnSimulator, RecordedQuestion, Violation};
