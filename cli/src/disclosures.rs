//! The command `telco-gateway disclosures`: whose data was shown, by key, tenant or account.

use std::collections::{BTreeMap, BTreeSet};

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use shared::domain::date::Date;
use shared::domain::disclosure::Disclosure;
use shared::domain::ids::{AccountId, KeyId, PurchaseId, TenantId};
use shared::domain::time::to_iso;
use shared::store::{Disclosures, Listing};
use time::OffsetDateTime;

use crate::argument::{TableName, account, tenant};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{columns, document};
use crate::target::Table;

/// How many digits of a hash the table shows.
const SHORT_HASH: usize = 12;

/// The arguments of `disclosures`.
#[derive(Args)]
#[command(group = ArgGroup::new("whose").args(["account", "key", "tenant"]).required(true).multiple(true))]
#[command(after_long_help = crate::help::DISCLOSURES)]
pub struct DisclosuresArguments {
    #[command(flatten)]
    table: TableName,
    /// The table of tenants, instead of the one of the stack, the environment or the sandbox
    #[arg(long, value_name = "NAME")]
    tenants_table: Option<String>,
    /// Only answers about this account
    #[arg(long, value_parser = account)]
    account: Option<AccountId>,
    /// Only answers to this key, by its id as `tenant list` shows it
    #[arg(long, value_name = "KEY_ID", value_parser = key_id)]
    key: Option<KeyId>,
    /// Only answers to this tenant
    #[arg(long, value_parser = tenant)]
    tenant: Option<TenantId>,
    /// The first day in Lagos, like 2026-11-29; unless given all days on which the key, the tenant or the
    /// account can have been asked about
    #[arg(long, value_name = "DATE", value_parser = |text: &str| Date::parse(text))]
    from: Option<Date>,
    /// The last day in Lagos; today unless given
    #[arg(long, value_name = "DATE", value_parser = |text: &str| Date::parse(text))]
    to: Option<Date>,
    /// List each account and each purchase once, with its first and its last read
    #[arg(long)]
    people: bool,
}

/// Runs the command and gives what to print.
///
/// # Errors
/// [`Failure`]: nothing is printed unless all of it was read.
pub async fn run(arguments: DisclosuresArguments, context: &Context) -> Result<String, Failure> {
    let now = context.environment.clock.now();
    // A function's clock may be ahead.
    let to = arguments.to.unwrap_or_else(|| Date::of(now).next());
    let tables = Tables { arguments: &arguments, context };
    let whose = tables.whose().await?;
    let (tenant, from) = match (&arguments.account, arguments.from) {
        (None, from) => whose.tenant_and_first_day(from)?,
        (Some(_), from) => (None, from.unwrap_or(Date::of(OffsetDateTime::UNIX_EPOCH))),
    };
    if from > to {
        return Err(Failure::Configuration(format!("the first day {from} is after the last {to}")));
    }
    let mut found = Found { from, to, disclosures: Vec::new() };
    let take = |it: Disclosure| {
        let is_wanted = arguments.key.as_ref().is_none_or(|key| *key == it.key_id)
            && arguments.tenant.as_ref().is_none_or(|tenant| *tenant == it.tenant);
        if is_wanted {
            found.disclosures.push(it);
        }
    };
    tables.each((tenant, from, to), now, take).await?;
    if found.disclosures.is_empty() {
        if let Some(unknown) = whose.unknown {
            return Err(Failure::Refused(format!("{unknown}, and no read is recorded of it")));
        }
        if let Some(account) = &arguments.account {
            eprintln!("no such read of account {account} is recorded");
        }
    }
    Ok(match (arguments.people, context.json) {
        (false, false) => found.page(),
        (false, true) => document(&found.list()),
        (true, false) => found.page_of_people(),
        (true, true) => document(&found.list_of_people()),
    })
}

/// Where the command reads.
struct Tables<'a> {
    arguments: &'a DisclosuresArguments,
    context: &'a Context,
}

impl Tables<'_> {
    /// Gives each disclosure in these days to `take`: of the account, or else of the tenant.
    async fn each(
        &self,
        (tenant, from, to): (Option<&TenantId>, Date, Date),
        now: OffsetDateTime,
        mut take: impl FnMut(Disclosure),
    ) -> Result<(), Failure> {
        let (variable, given) = ("DISCLOSURES_TABLE", self.arguments.table.given());
        let table = Table { function: "fetch-data", variable, given, also: &[] };
        let (vars, dynamodb) = self.context.open(&table).await?;
        let disclosures = Disclosures::from_vars(&vars, &dynamodb)?;
        if let Some(account) = &self.arguments.account {
            let range = (from.begins(), to.ends());
            return Ok(disclosures.of_account(account, range, now, take).await?);
        }
        let (Some(tenant), mut day) = (tenant, from) else { return Ok(()) };
        loop {
            disclosures.of_day(tenant, day, now, &mut take).await?;
            if day >= to {
                return Ok(());
            }
            day = day.next();
        }
    }

    /// Whose answers are meant.
    async fn whose(&self) -> Result<Whose, Failure> {
        let DisclosuresArguments { key, tenant, tenants_table, .. } = self.arguments;
        if key.is_none() && tenant.is_none() {
            return Ok(Whose::default());
        }
        let tenants = self.context.tenants(tenants_table.as_deref()).await?;
        Whose::of(key.as_ref(), tenant.as_ref(), &tenants.all().await?)
    }
}

/// A key in the table of tenants: its id, whose it is, and when it was made, as far as it can be read.
type Known<'a> = (&'a KeyId, Option<&'a TenantId>, Option<OffsetDateTime>);

/// Whose answers are meant, by what the table of tenants holds.
#[derive(Default)]
struct Whose {
    /// The tenant, given or found by its key.
    tenant: Option<TenantId>,
    /// The day before the key or the tenant's oldest key was made, if that can be read.
    first_day: Option<Date>,
    /// What the table does not hold. Only a table that lost a key can lack one whose reads are recorded.
    unknown: Option<String>,
}

impl Whose {
    fn of(
        key: Option<&KeyId>,
        tenant: Option<&TenantId>,
        listing: &Listing,
    ) -> Result<Self, Failure> {
        let readable = listing.keys.iter();
        let readable = readable.map(|it| (&it.key_id, Some(&it.tenant), Some(it.created_at)));
        let unreadable = listing.unreadable.iter();
        let unreadable = unreadable.map(|it| (&it.key_id, it.tenant.as_ref(), None));
        let all: Vec<Known<'_>> = readable.chain(unreadable).collect();
        let found = all.iter().find(|(id, ..)| key == Some(*id));
        let owner = found.and_then(|(_, owner, _)| *owner);
        if let (Some(key), Some(tenant), Some(owner)) = (key, tenant, owner)
            && tenant != owner
        {
            return Err(Failure::Refused(format!(
                "key {key} is of tenant {owner}, not of {tenant}"
            )));
        }
        let has_key = |tenant: &&TenantId| all.iter().any(|(_, owner, _)| *owner == Some(*tenant));
        let unknown = match (key, found) {
            (Some(key), None) => Some(format!("key {key}")),
            _ => tenant.filter(|it| !has_key(it)).map(|tenant| format!("key of tenant {tenant}")),
        };
        // A key whose tenant cannot be read may be this tenant's, and its oldest.
        let is_meant = |(id, owner, _): &&Known<'_>| {
            let of_tenant = tenant.is_none_or(|it| owner.is_none_or(|owner| it == owner));
            of_tenant && key.is_none_or(|key| key == *id)
        };
        let made: Option<Vec<_>> = all.iter().filter(is_meant).map(|(.., made)| *made).collect();
        Ok(Self {
            tenant: owner.or(tenant).cloned(),
            // The clock that dated the key may have been ahead.
            first_day: made.and_then(|it| it.into_iter().min()).map(|it| Date::of(it).previous()),
            unknown: unknown.map(|lacks| format!("the table of tenants holds no {lacks}")),
        })
    }

    /// The tenant and the first day: given, or as the table tells.
    fn tenant_and_first_day(
        &self,
        from: Option<Date>,
    ) -> Result<(Option<&TenantId>, Date), Failure> {
        if let (Some(tenant), Some(from)) = (&self.tenant, from.or(self.first_day)) {
            return Ok((Some(tenant), from));
        }
        let unreadable = "the table of tenants holds keys that cannot be read";
        let cause = self.unknown.as_deref().unwrap_or(unreadable);
        Err(Failure::Refused(format!("{cause}; give --tenant and --from")))
    }
}

/// What was found.
struct Found {
    from: Date,
    to: Date,
    disclosures: Vec<Disclosure>,
}

/// The reads of one account, or of one purchase.
struct Reads<'a> {
    tenants: BTreeSet<&'a str>,
    routes: BTreeSet<&'a str>,
    reads: usize,
    first: OffsetDateTime,
    last: OffsetDateTime,
}

impl<'a> Reads<'a> {
    fn none(first: OffsetDateTime) -> Self {
        let (tenants, routes) = (BTreeSet::new(), BTreeSet::new());
        Self { tenants, routes, reads: 0, first, last: first }
    }

    fn count(&mut self, it: &'a Disclosure) {
        self.tenants.insert(it.tenant.as_str());
        self.routes.insert(it.route.as_str());
        self.reads += 1;
        self.first = self.first.min(it.at);
        self.last = self.last.max(it.at);
    }

    fn document(&self, name: &str, id: &str) -> Value {
        json!({ name: id, "tenants": self.tenants, "reads": self.reads,
                "first_read": to_iso(self.first), "last_read": to_iso(self.last),
                "routes": self.routes })
    }

    fn row(&self, id: &str) -> [String; 5] {
        let tenants: Vec<_> = self.tenants.iter().copied().collect();
        let (reads, first, last) = (self.reads.to_string(), to_iso(self.first), to_iso(self.last));
        [id.to_owned(), tenants.join(" "), reads, first, last]
    }
}

/// What was read, each once.
type Once<'a> = BTreeMap<&'a str, Reads<'a>>;

impl Found {
    /// Each account once.
    fn accounts(&self) -> Once<'_> {
        self.once(|it| it.account_id.iter().map(AccountId::as_str).collect())
    }

    /// Each purchase once.
    fn purchases(&self) -> Once<'_> {
        self.once(|it| it.purchases.iter().map(PurchaseId::as_str).collect())
    }

    fn once(&self, ids: fn(&Disclosure) -> Vec<&str>) -> Once<'_> {
        let mut once = BTreeMap::new();
        for it in &self.disclosures {
            for id in ids(it) {
                once.entry(id).or_insert_with(|| Reads::none(it.at)).count(it);
            }
        }
        once
    }

    fn document(&self) -> Value {
        json!({ "from": self.from, "to": self.to, "reads": self.disclosures.len(),
                "accounts": self.accounts().len(), "purchases": self.purchases().len() })
    }

    fn list(&self) -> Value {
        let one = |it: &Disclosure| {
            let consent = it.consent.as_ref();
            json!({ "at": to_iso(it.at), "tenant": it.tenant, "key_id": it.key_id,
                    "account_id": it.account_id, "purchase_ids": it.purchases, "route": it.route,
                    "consented_at": consent.map(|it| to_iso(it.given_at)),
                    "purpose_hash": consent.and_then(|it| it.purpose_hash.as_deref()),
                    "address_hash": it.address_hash, "request_id": it.request_id })
        };
        let mut document = self.document();
        document["disclosures"] = self.disclosures.iter().map(one).collect();
        document
    }

    fn list_of_people(&self) -> Value {
        let list = |once: Once<'_>, name: &str| -> Value {
            once.iter().map(|(id, reads)| reads.document(name, id)).collect()
        };
        let mut document = self.document();
        document["people"] = list(self.accounts(), "account_id");
        document["people_of_purchases"] = list(self.purchases(), "purchase_id");
        document
    }

    fn page(&self) -> String {
        let head = [
            "TIME",
            "TENANT",
            "KEY ID",
            "ACCOUNT",
            "PURCHASES",
            "ROUTE",
            "CONSENTED AT",
            "ADDRESS HASH",
        ];
        let row = |it: &Disclosure| {
            let (tenant, key, route) =
                (it.tenant.to_string(), it.key_id.to_string(), it.route.clone());
            let account = it.account_id.as_ref().map(ToString::to_string).unwrap_or_default();
            let purchases = if it.purchases.is_empty() {
                String::new()
            } else {
                it.purchases.len().to_string()
            };
            let consented = it.consent.as_ref().map(|it| to_iso(it.given_at)).unwrap_or_default();
            let hash = it.address_hash.chars().take(SHORT_HASH).collect();
            [to_iso(it.at), tenant, key, account, purchases, route, consented, hash]
        };
        let rows: Vec<[String; 8]> = std::iter::once(head.map(str::to_owned))
            .chain(self.disclosures.iter().map(row))
            .collect();
        format!("{}{}", columns(&rows), self.sum())
    }

    fn page_of_people(&self) -> String {
        let table = |once: Once<'_>, name: &str| {
            let head = [name, "TENANTS", "READS", "FIRST READ", "LAST READ"].map(str::to_owned);
            let rows = once.iter().map(|(id, reads)| reads.row(id));
            let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
            columns(&rows)
        };
        let purchases = match self.purchases() {
            none if none.is_empty() => String::new(),
            some => format!("\n{}", table(some, "PURCHASE")),
        };
        format!("{}{purchases}{}", table(self.accounts(), "ACCOUNT"), self.sum())
    }

    fn sum(&self) -> String {
        let (accounts, purchases) = (self.accounts().len(), self.purchases().len());
        let Self { from, to, disclosures } = self;
        let reads = disclosures.len();
        format!(
            "\nreads: {reads}, accounts: {accounts}, purchases: {purchases}, from {from} to {to} in Lagos\n"
        )
    }
}

fn key_id(text: &str) -> Result<KeyId, &'static str> {
    let text = text.to_ascii_lowercase();
    let is_id = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| KeyId::new(&text)).ok_or("must be the 12 digits that `tenant list` shows")
}
