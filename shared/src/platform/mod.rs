//! What the gateway runs on: configuration, time, randomness, HTTP, AWS, secrets and telemetry.
//!
//! This room imports no other room.

#[cfg(all(target_env = "musl", not(test)))]
mod allocator;
pub mod aws;
pub mod breaker;
pub mod config;
pub mod crypto;
pub mod environment;
pub mod http;
mod names;
pub mod outside;
pub mod pace;
pub mod queue;
pub mod secrets;
pub mod telemetry;
pub mod upstream;
