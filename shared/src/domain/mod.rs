//! What the words of the gateway mean: ids, numbers, money, purchases, accounts, requests, jobs,
//! events and webhooks.
//!
//! Domain types do no I/O. They are strict: a value that exists is valid.

pub mod access;
pub mod account;
pub mod api_key;
pub mod catalogue;
pub mod consent;
pub mod date;
pub mod deferred;
pub mod disclosure;
pub mod dormancy;
pub mod event;
pub mod guard;
pub mod ids;
pub mod job;
pub mod limit;
pub mod money;
pub mod msisdn;
pub mod network;
pub mod purchase;
pub mod record_text;
pub mod report;
pub mod retention;
pub mod schedule;
pub mod service;
pub mod spending;
pub mod time;
pub mod webhook;
