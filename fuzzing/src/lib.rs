//! What the fuzz tests share. A fuzz test is an ordinary test inside the crate whose parser it is
//! about, so the parser stays private. `cargo test` runs it over a few hundred inputs, the same ones
//! each time. `fuzzing/run` runs the same test under libFuzzer, guided by coverage, for as long as
//! wanted (CONTRIBUTING.md, *Fuzzing*).
//!
//! An input is a list of bytes. [`Choices`] turns it into something that a parser may meet: most
//! often a valid sample with a few changes, sometimes text that is cut off, sometimes the bytes
//! themselves.

mod choices;
#[cfg(not(fuzzing))]
mod fixed;
#[cfg(fuzzing)]
mod guided;
mod request;

pub use self::choices::Choices;
#[cfg(not(fuzzing))]
pub use self::fixed::fuzz;
#[cfg(fuzzing)]
pub use self::guided::fuzz;
pub use self::request::{Asked, ask};

/// The longest input, in bytes.
const MAX_BYTES: usize = 384;
