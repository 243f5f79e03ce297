//! The real program against a sandbox, or against a store that fails.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod ask;
mod books;
mod dead_letters;
mod disclosures;
mod doctor;
mod events;
mod failures;
mod fake_aws;
mod guard;
mod list;
mod mask;
mod output;
mod pages;
mod providers;
mod settle;
mod show;
mod stack;
mod support;
mod tenant;
mod webhook;
