//! The real program against a sandbox, or against a store that fails.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod books;
mod disclosures;
mod failures;
mod fake_aws;
mod guard;
mod mask;
mod providers;
mod settle;
mod show;
mod stack;
mod support;
mod tenant;
mod webhook;
