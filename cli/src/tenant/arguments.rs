//! What an operator says to `telco-gateway tenant`.

use clap::{Args, Subcommand};
use shared::store::Tenant;
use shared::tenant_key::KeyKind;

use crate::words::words;

/// The longest label, in characters.
const MAX_LABEL: usize = 64;
/// The longest reason, in characters.
const MAX_REASON: usize = 500;
/// The longest overlap: 30 days.
const MAX_OVERLAP_HOURS: i64 = 720;

/// The arguments of `tenant`.
#[derive(Args)]
pub struct TenantArguments {
    /// The tenants table, instead of the one that TENANTS_TABLE or the sandbox names
    #[arg(long, global = true, value_name = "NAME")]
    pub table: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Make a tenant's key and print it, once (dynamodb:Scan, dynamodb:PutItem)
    Create(Create),
    /// List the keys, never the secrets (dynamodb:Scan)
    List {
        /// Only the keys of this tenant
        #[arg(value_parser = tenant)]
        tenant: Option<Tenant>,
    },
    /// Make a new key and let the older ones end (dynamodb:Scan, PutItem, UpdateItem)
    Rotate(Rotate),
    /// Make a key useless, for good (dynamodb:Scan, dynamodb:UpdateItem)
    Revoke(Revoke),
}

/// A new key.
#[derive(Args)]
pub struct Create {
    /// The tenant: 1 to 64 of letters, digits, _ and -
    #[arg(value_parser = tenant)]
    pub tenant: Tenant,
    /// The deployments that it opens: live or test
    #[arg(long)]
    pub kind: KeyKind,
    /// What to call it: 1 to 64 characters
    #[arg(long, value_parser = |text: &str| words(text, MAX_LABEL))]
    pub label: Option<String>,
    /// Make one though the tenant has a key that works
    #[arg(long)]
    pub another: bool,
}

/// A new key for older ones.
#[derive(Args)]
pub struct Rotate {
    /// The tenant
    #[arg(value_parser = tenant)]
    pub tenant: Tenant,
    /// For how many hours the older keys go on working, 0 to 720
    #[arg(
        long,
        value_name = "HOURS",
        default_value_t = 24,
        value_parser = clap::value_parser!(u16).range(0..=MAX_OVERLAP_HOURS)
    )]
    pub overlap: u16,
    /// Which keys, where the tenant has some of both kinds: live or test
    #[arg(long)]
    pub kind: Option<KeyKind>,
}

/// Keys to end.
#[derive(Args)]
pub struct Revoke {
    /// The key's id, as `tenant list` shows it
    #[arg(required_unless_present = "tenant", conflicts_with_all = ["tenant", "all"])]
    pub key_id: Option<String>,
    /// The tenant whose keys to revoke, with --all
    #[arg(long, requires = "all", value_parser = tenant)]
    pub tenant: Option<Tenant>,
    /// Every key of the tenant
    #[arg(long, requires = "tenant")]
    pub all: bool,
    /// Why, for the record: 1 to 500 characters
    #[arg(long, value_parser = |text: &str| words(text, MAX_REASON))]
    pub reason: Option<String>,
}

fn tenant(text: &str) -> Result<Tenant, &'static str> {
    Tenant::new(text).ok_or("must be 1 to 64 of letters, digits, _ and -")
}
