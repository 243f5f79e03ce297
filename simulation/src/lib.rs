//! Runs seeded schedules of faults over the real functions, in one thread, under a turned clock and
//! without sockets, and checks that no money and no consent is lost.
//!
//! - [`schedule`] is what one run is made of: what people do, what providers do, what goes wrong.
//! - [`world`] is where it happens: the functions as the sandbox deploys them, DynamoDB, SQS, Secrets
//!   Manager and the simulated providers, connected without a network.
//! - [`tenants`] are the people.
//! - [`checks`] are the invariants.
//! - [`run`](mod@run) runs one schedule, [`campaign`] many.
//! - [`backlog`] measures how a backlog is drained after an outage.
//! - [`isolation`] measures what dead and slow receivers cost the others.

pub mod backlog;
pub mod campaign;
pub mod checks;
pub mod coverage;
pub mod isolation;
mod panics;
pub mod progress;
pub mod record;
pub mod run;
pub mod schedule;
pub mod tenants;
pub mod world;
