//! What every function of the telco gateway shares, in five rooms. Imports point one way: `lambda`
//! uses `store` and `provider`, these use `domain`, and `domain` uses `platform`.
//!
//! - [`platform`]: configuration, time, randomness, HTTP, AWS, secrets, telemetry.
//! - [`domain`]: what the words mean, without I/O.
//! - [`provider`]: the clients of Mono, VTpass and MTN.
//! - [`store`]: the DynamoDB tables.
//! - [`lambda`]: what a function is made of.
//!
//! A function is a type that implements [`lambda::http_function::HttpFunction`] or
//! [`lambda::queue_function::QueueFunction`]; its `main.rs` has a few lines.

pub mod domain;
pub mod lambda;
pub mod platform;
pub mod provider;
pub mod store;
