//! The tool as its operator meets it: the real program against a sandbox, or against a store that
//! misbehaves.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod failures;
mod mask;
mod settle;
mod show;
mod support;
mod tenant;
