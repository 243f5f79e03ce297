//! Arguments that several commands take, and how they are read.

use std::collections::BTreeSet;

use clap::Args;
use shared::domain::event::EventType;
use shared::domain::ids::{AccountId, TenantId};
pub use shared::domain::record_text::record_text;
use shared::domain::service::Service;
use shared::store::MAX_NAME;

/// The longest reason that tenants read, in characters.
const MAX_REASON: usize = 200;

/// Another table than the usual one.
#[derive(Args)]
pub struct TableName {
    /// The table that the command works on, instead of the one of the stack, the environment or the sandbox
    #[arg(long, global = true, value_name = "NAME")]
    table: Option<String>,
}

impl TableName {
    /// The name, if one was given.
    pub fn given(&self) -> Option<&str> {
        self.table.as_deref()
    }
}

/// Who does it.
#[derive(Args)]
pub struct By {
    /// The operator's name, for the record: 1 to 64 characters
    #[arg(
        long = "by",
        value_name = "NAME",
        env = "USER",
        hide_env_values = true,
        value_parser = |text: &str| record_text(text, MAX_NAME)
    )]
    pub name: String,
}

/// Why it is done.
#[derive(Args)]
pub struct Because {
    /// Why, in 1 to 200 characters; tenants read it
    #[arg(long = "because", value_name = "TEXT", value_parser = |text: &str| record_text(text, MAX_REASON))]
    pub text: String,
}

/// Reads a tenant's id.
///
/// # Errors
/// What is wrong with it, for the usage message.
pub fn tenant(text: &str) -> Result<TenantId, &'static str> {
    TenantId::parse(text).ok_or("must be 1 to 64 of letters, digits, _ and -")
}

/// Reads an owner of events and webhook endpoints: a tenant's id, or the operator.
///
/// # Errors
/// What is wrong with it, for the usage message.
pub fn owner(text: &str) -> Result<TenantId, &'static str> {
    let owner = (text == TenantId::OPERATOR).then(TenantId::operator);
    let owner = owner.or_else(|| TenantId::parse(text));
    owner.ok_or("must be 1 to 64 of letters, digits, _ and -, or @operator")
}

/// An owner, for a message.
pub fn owner_text(owner: &TenantId) -> String {
    if owner.is_operator() { "the operator".to_owned() } else { format!("tenant {owner}") }
}

/// Reads an account's id.
///
/// # Errors
/// What is wrong with it, for the usage message.
pub fn account(text: &str) -> Result<AccountId, &'static str> {
    AccountId::parse(text).ok_or("must be 1 to 64 of letters, digits, _ and -")
}

/// Reads a service's id.
///
/// # Errors
/// Which there are, for the usage message.
pub fn service(text: &str) -> Result<Service, String> {
    Service::parse(text).ok_or_else(|| format!("must be one of: {}", Service::supported()))
}

/// Reads a type of events, of tenants or of the operator.
///
/// # Errors
/// Which there are, for the usage message.
pub fn event_type(text: &str) -> Result<EventType, String> {
    let all = || EventType::of_tenants().chain(EventType::of_operator());
    let names: BTreeSet<_> = all().map(|kind| kind.to_string()).collect();
    let names = Vec::from_iter(names).join(", ");
    all().find(|kind| kind.to_string() == text).ok_or(format!("must be one of: {names}"))
}
