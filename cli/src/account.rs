//! The commands `telco-gateway account show`, `export`, `check` and `unlink`: what a person may ask for, without an
//! API key of the tenant.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::domain::account::{Account, AccountState};
use shared::domain::deferred::DeferredRequest;
use shared::domain::ids::{AccountId, TenantId};
use shared::domain::job::{AFTER_THE_WRITE, HeldAccount, Job, ReportedAccount, Step};
use shared::domain::purchase::{Purchase, Recipient};
use shared::domain::time::to_iso;
use shared::platform::config::Vars;
use shared::platform::environment::Environment;
use shared::platform::queue::{Queue, QueueError};
use shared::store::{Accounts, Outbox, Purchases, Requests, StoreError};
use time::OffsetDateTime;

use crate::argument::{TableName, account, tenant};
use crate::context::Context;
use crate::failure::Failure;
use crate::purchase::of_tenant;
use crate::table::{columns, document};
use crate::target::Table;

/// How many requests one page holds.
const PAGE: usize = 100;

/// The arguments of `account`.
#[derive(Args)]
#[command(after_long_help = crate::help::ACCOUNT)]
pub struct AccountArguments {
    #[command(flatten)]
    table: TableName,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List a tenant's accounts, with masked numbers (dynamodb:GetItem; Scan with --all)
    Show(Which),
    /// Print everything held about a tenant's accounts, with their numbers, as JSON lines
    Export {
        #[command(flatten)]
        which: Which,
        /// Also the purchases for their numbers; needs --sandbox, --stack or LIMITS_HMAC_KEY
        #[arg(long)]
        purchases: bool,
    },
    /// Ask Mono whether it still knows an account; if not, it is erased here for every tenant (sqs:SendMessage)
    Check {
        /// The account
        #[arg(value_parser = account)]
        account: AccountId,
    },
    /// Withdraw the consents: erase here, tell Mono and the tenant (dynamodb:UpdateItem, sqs:SendMessage)
    Unlink(Which),
}

/// Accounts of a tenant.
#[derive(Args)]
#[group(skip)]
struct Which {
    /// The tenant; its API keys may be revoked
    #[arg(long, value_parser = tenant)]
    tenant: TenantId,
    /// One account
    #[arg(long, value_parser = account, required_unless_present = "all", conflicts_with = "all")]
    account: Option<AccountId>,
    /// All accounts of the tenant; this reads the whole table
    #[arg(long)]
    all: bool,
}

/// Runs a command and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn run(arguments: AccountArguments, context: &Context) -> Result<String, Failure> {
    let Context { json, environment, .. } = context;
    let (variable, given) = ("ACCOUNTS_TABLE", arguments.table.given());
    let also: &[&str] = match arguments.command {
        Command::Show(_) => &[],
        Command::Export { purchases: false, .. } => &["REQUESTS_TABLE"],
        Command::Export { purchases: true, .. } => &["REQUESTS_TABLE", "PURCHASES_TABLE"],
        Command::Check { .. } => &["FOLLOW_UP_QUEUE_URL"],
        Command::Unlink(_) => &["FOLLOW_UP_QUEUE_URL", "NOTIFY_QUEUE_URL"],
    };
    let table = Table { function: "consent", variable, given, also };
    let (vars, dynamodb) = context.open(&table).await?;
    let commands = AccountCommands::open(&vars, &dynamodb, environment)?;
    match arguments.command {
        Command::Show(which) => {
            let accounts = commands.chosen(&which).await?;
            Ok(if *json { document(&view(&accounts)) } else { list(&accounts) })
        }
        Command::Check { account } => {
            let jobs = Queue::from_vars(&vars, environment, "FOLLOW_UP_QUEUE_URL")?;
            let held =
                ReportedAccount { account_id: account.clone(), once: false, reported: false };
            let sent = jobs.send(&Job::Withdrawal(Step::first(held)), Duration::ZERO).await;
            sent.map_err(|error: QueueError| Failure::from(StoreError::from(error)))?;
            Ok(match json {
                true => document(&json!({ "asked": account })),
                false => {
                    format!("Mono is asked about {account}; see account show in some minutes\n")
                }
            })
        }
        Command::Export { which, purchases } => {
            let requests = Requests::from_vars(&vars, &dynamodb)?;
            let purchases = match purchases {
                true => Some(Purchases::from_vars(&vars, &dynamodb)?),
                false => None,
            };
            commands.export(&which, &requests, purchases.as_ref(), context).await
        }
        Command::Unlink(which) => {
            let accounts = commands.chosen(&which).await?;
            let unlinker = Unlinker::open(&commands.accounts, &vars, environment)?;
            let mut unlinked = 0;
            for account in &accounts {
                unlinked += usize::from(unlinker.unlink(account).await?);
            }
            Ok(match json {
                true => document(&json!({ "accounts": accounts.len(), "unlinked": unlinked })),
                false => format!("unlinked {unlinked} of {}\n", accounts.len()),
            })
        }
    }
}

/// Where the commands work.
pub struct AccountCommands<'a> {
    /// The accounts.
    pub accounts: Accounts,
    environment: &'a Environment,
}

impl<'a> AccountCommands<'a> {
    /// Opens the table of `vars`.
    ///
    /// # Errors
    /// [`Failure`] when a variable cannot be used.
    pub fn open(
        vars: &Vars,
        dynamodb: &Client,
        environment: &'a Environment,
    ) -> Result<Self, Failure> {
        Ok(Self { accounts: Accounts::from_vars(vars, dynamodb)?, environment })
    }

    async fn chosen(&self, which: &Which) -> Result<Vec<Account>, Failure> {
        let Which { tenant, account, .. } = which;
        let Some(id) = account else { return self.all_of(tenant).await };
        let found = self.accounts.get(tenant, id).await?;
        let none = || Failure::Refused(format!("tenant {tenant} has no account {id}"));
        Ok(vec![found.ok_or_else(none)?])
    }

    /// All accounts of a tenant.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn all_of(&self, tenant: &TenantId) -> Result<Vec<Account>, Failure> {
        let mut accounts = Vec::new();
        for id in self.accounts.ids_of_tenant(tenant).await? {
            accounts.extend(self.accounts.get(tenant, &id).await?);
        }
        Ok(accounts)
    }

    /// One line for each account: all that is held, also answers that a narrower consent closed to the
    /// tenant.
    async fn export(
        &self,
        which: &Which,
        requests: &Requests,
        purchases: Option<&Purchases>,
        context: &Context,
    ) -> Result<String, Failure> {
        let now = self.environment.clock.now();
        let mut lines = String::new();
        for account in self.chosen(which).await? {
            let account = account.shown(now);
            // What is not linked is erased, or will be in a moment.
            let asked = match account.state {
                AccountState::Linked => asked(requests, &account, now).await?,
                AccountState::Unlinking | AccountState::Unlinked => Vec::new(),
            };
            let mut line = json!(account);
            line["requests"] =
                asked.iter().map(DeferredRequest::view).map(|it| json!(it)).collect();
            if let Some(purchases) = purchases {
                line["purchases"] = match account.msisdn.clone().map(Recipient::Number) {
                    Some(number) => {
                        let all = of_tenant(purchases, &account.tenant, &number, context).await?;
                        all.iter().map(Purchase::view).collect()
                    }
                    None => json!([]),
                };
            }
            lines += &format!("{line}\n");
        }
        Ok(lines)
    }
}

/// What MTN was asked about an account.
async fn asked(
    requests: &Requests,
    account: &Account,
    now: OffsetDateTime,
) -> Result<Vec<DeferredRequest>, Failure> {
    let Account { tenant, account_id, .. } = account;
    let (mut asked, mut after) = (Vec::new(), None);
    loop {
        let page = requests.of_account(tenant, account_id, PAGE, after.as_ref(), now).await?;
        asked.extend(page.requests);
        after = page.next;
        if after.is_none() {
            return Ok(asked);
        }
    }
}

/// Withdraws consents, as the route does.
pub struct Unlinker<'a> {
    accounts: &'a Accounts,
    outbox: Outbox,
    jobs: Queue,
    environment: &'a Environment,
}

impl<'a> Unlinker<'a> {
    /// With the queues of `vars`.
    ///
    /// # Errors
    /// [`Failure`] when a variable cannot be used.
    pub fn open(
        accounts: &'a Accounts,
        vars: &Vars,
        environment: &'a Environment,
    ) -> Result<Self, Failure> {
        let outbox = Outbox::from_vars(vars, environment)?;
        let jobs = Queue::from_vars(vars, environment, "FOLLOW_UP_QUEUE_URL")?;
        Ok(Self { accounts, outbox, jobs, environment })
    }

    /// Gives whether the account was linked until now. The job is sent before the withdrawal is written,
    /// so that a written withdrawal always reaches Mono.
    ///
    /// # Errors
    /// [`Failure`] when it is not known to be withdrawn: a repeat goes on.
    pub async fn unlink(&self, account: &Account) -> Result<bool, Failure> {
        let Account { tenant, account_id, state, .. } = account;
        if *state == AccountState::Unlinked && !account.keeps_text() {
            return Ok(false);
        }
        let held = HeldAccount { tenant: tenant.clone(), account_id: account_id.clone() };
        let sent = self.jobs.send(&Job::Unlink(Step::first(held)), AFTER_THE_WRITE).await;
        sent.map_err(|error: QueueError| Failure::from(StoreError::from(error)))?;
        let now = self.environment.clock.now();
        Ok(self.accounts.begin_unlink(&self.outbox, tenant, account_id, now).await?)
    }
}

fn masked(account: &Account) -> String {
    account.msisdn.as_ref().map(|number| number.masked()).unwrap_or_default()
}

fn given_at(account: &Account) -> String {
    account.consent.as_ref().map(|consent| to_iso(consent.given_at)).unwrap_or_default()
}

fn ends_at(account: &Account) -> String {
    let end = account.consent.as_ref().and_then(|consent| consent.terms.expires_at);
    end.map(to_iso).unwrap_or_default()
}

fn list(accounts: &[Account]) -> String {
    let head =
        ["ACCOUNT", "STATE", "NETWORK", "NUMBER", "CONSENT GIVEN", "ENDS"].map(str::to_owned);
    let row = |it: &Account| {
        let (id, state) = (it.account_id.to_string(), it.state.name().to_owned());
        [id, state, it.network.name().to_owned(), masked(it), given_at(it), ends_at(it)]
    };
    let rows: Vec<_> = std::iter::once(head).chain(accounts.iter().map(row)).collect();
    columns(&rows)
}

fn view(accounts: &[Account]) -> Value {
    let view = |it: &Account| {
        json!({
            "account_id": it.account_id, "tenant": it.tenant, "state": it.state,
            "provider": it.network, "phone": masked(it), "given_at": given_at(it),
            "expires_at": ends_at(it),
        })
    };
    accounts.iter().map(view).collect()
}
