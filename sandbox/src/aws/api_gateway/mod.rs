//! API Gateway's HTTP API: it finds the route, asks the authorizer, invokes the function, and gives
//! errors of its own.

mod event;
mod gateway;
pub mod routes;

pub use self::gateway::ApiMetrics;
pub(crate) use self::gateway::{ApiCounts, AuthorizerCache, Gateway, handle};
