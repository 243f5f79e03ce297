//! SQS: standard queues in SQLite behind the AWS JSON protocol.
//!
//! It has the operations that the functions, the triggers and the runbook's redrive use. There are
//! no FIFO queues, permissions, tags or message attributes, and a move of messages takes no time.

mod activity;
pub mod engine;
mod http;
mod metrics;
mod operator;
mod rest;

pub use self::http::Service;
pub(crate) use self::http::router;
pub use self::metrics::QueueMetrics;
