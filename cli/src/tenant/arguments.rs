//! The arguments of `telco-gateway tenant`.

use std::str::FromStr;

use clap::{Args, Subcommand};
use shared::domain::api_key::KeyKind;
use shared::domain::ids::TenantId;
use shared::domain::money::Kobo;
use shared::domain::spending::SpendLimit;

use crate::record_text::record_text;

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
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Create a tenant's key and print it once (dynamodb:Scan, dynamodb:PutItem)
    Create(Create),
    /// List the keys, without their secrets (dynamodb:Scan)
    List {
        /// Only the keys of this tenant
        #[arg(value_parser = tenant)]
        tenant: Option<TenantId>,
    },
    /// Create a new key and let the older ones expire (dynamodb:Scan, PutItem, UpdateItem)
    Rotate(Rotate),
    /// Revoke a key for good (dynamodb:Scan, dynamodb:UpdateItem)
    Revoke(Revoke),
    /// Show or set how much a tenant may buy (dynamodb:Scan, dynamodb:UpdateItem)
    Limit(LimitArguments),
}

/// The money limits of one tenant.
#[derive(Args)]
pub struct LimitArguments {
    /// The tenant
    #[arg(value_parser = tenant)]
    pub tenant: TenantId,
    /// How much it may buy: kobo/seconds,kobo/seconds in a short and a long window, or default
    #[arg(long, value_name = "LIMIT", value_parser = own::<SpendLimit>)]
    pub spend: Option<Own<SpendLimit>>,
    /// Its largest order, in kobo, or default
    #[arg(long, value_name = "KOBO", value_parser = own::<WholeKobo>)]
    pub largest_order: Option<Own<WholeKobo>>,
}

/// A limit of the tenant's own, or none, so that the deployment's holds.
#[derive(Debug, Clone, Copy)]
pub struct Own<T>(pub Option<T>);

/// An amount in kobo.
#[derive(Debug, Clone, Copy)]
pub struct WholeKobo(pub Kobo);

impl FromStr for WholeKobo {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kobo = text.parse().ok().and_then(|kobo| Kobo::new(kobo).ok());
        kobo.map(Self).ok_or("must be a whole number of kobo")
    }
}

fn own<T: FromStr>(text: &str) -> Result<Own<T>, T::Err> {
    if text == "default" { Ok(Own(None)) } else { text.parse().map(|own| Own(Some(own))) }
}

/// A new key.
#[derive(Args)]
pub struct Create {
    /// The tenant: 1 to 64 of letters, digits, _ and -
    #[arg(value_parser = tenant)]
    pub tenant: TenantId,
    /// The kind of deployment that it opens: live or test
    #[arg(long)]
    pub kind: KeyKind,
    /// Its label: 1 to 64 characters
    #[arg(long, value_parser = |text: &str| record_text(text, MAX_LABEL))]
    pub label: Option<String>,
    /// Create one although the tenant has a usable key
    #[arg(long)]
    pub another: bool,
}

/// A new key that replaces older ones.
#[derive(Args)]
pub struct Rotate {
    /// The tenant
    #[arg(value_parser = tenant)]
    pub tenant: TenantId,
    /// How many hours the older keys keep working, 0 to 720
    #[arg(
        long,
        value_name = "HOURS",
        default_value_t = 24,
        value_parser = clap::value_parser!(u16).range(0..=MAX_OVERLAP_HOURS)
    )]
    pub overlap: u16,
    /// Which keys, if the tenant has keys of both kinds: live or test
    #[arg(long)]
    pub kind: Option<KeyKind>,
}

/// Keys to revoke.
#[derive(Args)]
pub struct Revoke {
    /// The key's id, as `tenant list` shows it
    #[arg(required_unless_present = "tenant", conflicts_with_all = ["tenant", "all"])]
    pub key_id: Option<String>,
    /// The tenant whose keys are revoked, with --all
    #[arg(long, requires = "all", value_parser = tenant)]
    pub tenant: Option<TenantId>,
    /// Every key of the tenant
    #[arg(long, requires = "tenant")]
    pub all: bool,
    /// Why, for the record: 1 to 500 characters
    #[arg(long, value_parser = |text: &str| record_text(text, MAX_REASON))]
    pub reason: Option<String>,
}

fn tenant(text: &str) -> Result<TenantId, &'static str> {
    TenantId::parse(text).ok_or("must be 1 to 64 of letters, digits, _ and -")
}
