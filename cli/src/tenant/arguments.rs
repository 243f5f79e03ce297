//! The arguments of `telco-gateway tenant`.

use std::str::FromStr;

use clap::{Args, Subcommand};
use shared::domain::access::{Networks, Scopes};
use shared::domain::api_key::KeyKind;
use shared::domain::date::Date;
use shared::domain::ids::TenantId;
use shared::domain::money::Kobo;
use shared::domain::spending::SpendLimit;
use time::{Duration, OffsetDateTime};

use crate::argument::{TableName, record_text, tenant};

/// The longest label, in characters.
const MAX_LABEL: usize = 64;
/// The longest reason, in characters.
const MAX_REASON: usize = 500;
/// The longest life of a key that ends: ten years.
const MAX_KEY_DAYS: u16 = 3650;
/// The longest overlap: 30 days.
const MAX_OVERLAP_HOURS: i64 = 720;

/// The arguments of `tenant`.
#[derive(Args)]
#[command(after_long_help = crate::help::TENANT)]
pub struct TenantArguments {
    /// Another table.
    #[command(flatten)]
    pub table: TableName,
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
    /// Change what a key may do, from where, and until when (dynamodb:Scan, dynamodb:UpdateItem)
    Change(Change),
    /// Revoke a key for good (dynamodb:Scan, dynamodb:UpdateItem)
    Revoke(Revoke),
    /// Revoke all keys, unlink all accounts, remove the webhook endpoints and mask the numbers of a tenant
    /// that leaves. Running it again goes on where it stopped
    Offboard {
        /// The tenant
        #[arg(value_parser = tenant)]
        tenant: TenantId,
        /// The same tenant again, because nothing of this can be undone
        #[arg(long, value_name = "TENANT", value_parser = tenant)]
        confirm: TenantId,
    },
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
    #[arg(long, value_name = "LIMIT", value_parser = or_none::<SpendLimit>("default"))]
    pub spend: Option<Own<SpendLimit>>,
    /// Its largest order, in kobo, or default
    #[arg(long, value_name = "KOBO", value_parser = or_none::<WholeKobo>("default"))]
    pub largest_order: Option<Own<WholeKobo>>,
}

/// What a tenant or a key has of its own, or nothing, so that the default holds.
#[derive(Debug, Clone)]
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

/// Reads a value, or nothing where the text is `none`.
fn or_none<T: FromStr>(none: &'static str) -> impl Fn(&str) -> Result<Own<T>, T::Err> + Clone {
    move |text| if text == none { Ok(Own(None)) } else { text.parse().map(|own| Own(Some(own))) }
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
    /// What it may do, among data,purchase,read,webhooks; everything if left out
    #[arg(long = "scope", value_name = "SCOPES")]
    pub scopes: Option<Scopes>,
    /// From where it may be used, such as 192.0.2.0/24,2001:db8::/32; from everywhere if left out
    #[arg(long = "from", value_name = "NETWORKS")]
    pub networks: Option<Networks>,
    /// When it ends: a number of days, a date (its first moment in Lagos), or never [default: 365 for a
    /// live key, never for a test key]
    #[arg(long, value_name = "DAYS|DATE|never")]
    pub expires: Option<KeyEnd>,
}

/// A change of a key.
#[derive(Args)]
#[group(required = true, multiple = true, args = ["scopes", "networks", "expires"])]
pub struct Change {
    /// The key's id, as `tenant list` shows it
    pub key_id: String,
    /// What it may do, among data,purchase,read,webhooks, or all
    #[arg(long = "scope", value_name = "SCOPES", value_parser = or_none::<Scopes>("all"))]
    pub scopes: Option<Own<Scopes>>,
    /// From where it may be used, such as 192.0.2.0/24,2001:db8::/32, or anywhere
    #[arg(long = "from", value_name = "NETWORKS", value_parser = or_none::<Networks>("anywhere"))]
    pub networks: Option<Own<Networks>>,
    /// When it ends: a number of days from now, a date (its first moment in Lagos), or never
    #[arg(long, value_name = "DAYS|DATE|never")]
    pub expires: Option<KeyEnd>,
}

/// When a key ends.
#[derive(Debug, Clone, Copy)]
pub enum KeyEnd {
    /// It does not end.
    Never,
    /// So many days from now.
    Days(u16),
    /// With the first moment of a day.
    On(Date),
}

impl KeyEnd {
    /// The end, as a point in time.
    pub fn from(self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        match self {
            Self::Never => None,
            Self::Days(days) => Some((now + Duration::days(days.into())).truncate_to_second()),
            Self::On(date) => Some(date.begins()),
        }
    }
}

impl FromStr for KeyEnd {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let days = || text.parse().ok().filter(|days| (1..=MAX_KEY_DAYS).contains(days));
        match text {
            "never" => Some(Self::Never),
            _ => days().map(Self::Days).or_else(|| Date::parse(text).ok().map(Self::On)),
        }
        .ok_or("must be 1 to 3650 days, a date like 2027-01-31, or never")
    }
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
    /// Only this key, by its id: the others stay as they are
    #[arg(long, value_name = "KEY_ID")]
    pub key: Option<String>,
    /// When the new key ends, as at its creation
    #[arg(long, value_name = "DAYS|DATE|never")]
    pub expires: Option<KeyEnd>,
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
