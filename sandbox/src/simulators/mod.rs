//! The providers, simulated with their documented behaviour.

pub mod mono;
pub mod mtn;
pub mod vtpass;
mod wire;
