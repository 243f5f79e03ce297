//! The gateway as its tenants meet it: the real handlers behind the sandbox's API, over its real
//! DynamoDB and SQS, with simulated providers and a clock that the tests turn.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod console;
mod every_route;
mod every_write;
mod functions;
mod platform;
mod rehearsal;
mod simulators;
mod support;
