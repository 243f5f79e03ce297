//! Runs the whole telco gateway in one process, for trying it and for testing it.
//!
//! The sandbox reads `template.yaml` for routes, functions, tables, queues and schedules, so that
//! what runs here is what would be deployed. The modules, from the bottom up:
//!
//! - [`activity`] records what happens.
//! - [`template`] reads the template into a [`template::stack::Stack`].
//! - [`aws`] stands in for the AWS services that the template uses.
//! - [`simulators`] stand in for Mono, VTpass and MTN; they keep their data in a
//!   [`ledger::Ledger`].
//! - [`console`] serves `/_sandbox`: a page, the contract, the simulated phones, the simulators'
//!   controls, the clock, the switches of [`aws::switches`].
//! - [`functions`] lists the handlers of the workspace.
//! - [`rehearsal`] tries a tenant's own application against a sandbox.
//! - [`Sandbox::start`] puts everything together.

pub mod activity;
pub mod aws;
mod background;
mod clock;
pub mod console;
pub mod functions;
pub mod ledger;
mod listener;
pub mod rehearsal;
mod services;
pub mod simulators;
mod start;
pub mod template;

pub use self::listener::StartupError;
pub use self::start::{DEFAULT_KEY, Options, Sandbox, TEMPLATE};
