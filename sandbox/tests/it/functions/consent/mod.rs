//! The consent record, and consents that are withdrawn by the tenant or at Mono.

pub mod history;
mod record;
mod unlink;
mod webhook;
