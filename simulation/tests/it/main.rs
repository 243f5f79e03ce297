//! Tests of the simulation: it repeats itself, it finds what is wrong, and today it finds nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backlog;
mod faults;
mod invariants;
mod isolation;
mod runs;
mod schedules;
