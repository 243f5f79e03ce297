//! API Gateway's HTTP API: it finds the route, asks the authorizer, invokes the function, and gives
//! errors of its own.

mod event;
mod gateway;
pub mod routes;

pub use self::gateway::{ApiCounts, ApiMetrics, AuthorizerCache, Gateway, handle};
