//! The gateway as its callers meet it: the real handlers behind the sandbox's API, over its real
//! DynamoDB and SQS, with simulated providers and a clock that the tests turn.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alarms;
mod bad_input;
mod conformance;
mod contract;
mod events;
mod flow;
mod isolation;
mod leaks;
mod limits;
mod mono_failures;
mod mono_webhook;
mod mono_wire;
mod mtn;
mod mtn_simulator;
mod odd_input;
mod permissions;
mod process;
mod purchase;
mod queue;
mod refusals;
mod routes;
mod secrets;
mod strangers;
mod support;
mod telemetry;
mod tenants;
mod vtpass;
mod watchdog;
mod withdrawal;
