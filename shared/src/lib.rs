//! What every function of the telco gateway shares: the clients of the providers, the store, the
//! queue, configuration, errors and the domain types.
//!
//! Arrows point one way: the sandbox uses the functions, the functions use this crate. A function
//! is a type that implements [`http_function::HttpFunction`] (or, for the authorizer, its own
//! entry) and is wired by a `main.rs` of a few lines.

pub mod aws;
pub mod config;
pub mod error;
pub mod http_function;
pub mod instance;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod money;
pub mod mono;
pub mod mtn;
pub mod mtn_request;
pub mod phone;
pub mod purchase;
pub mod queue;
pub mod queue_function;
pub mod requery;
pub mod secret;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod tenant_key;
pub mod upstream;
pub mod vtpass;
pub mod world;
