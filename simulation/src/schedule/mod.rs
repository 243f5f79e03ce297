//! A schedule: everything that makes one run. It is derived from a seed, or read from a file.

mod aged;
mod customers;
mod fate;
mod fault;
mod generate;
mod generator;
mod odd;
mod rare;
mod shrink;

use serde::{Deserialize, Serialize};

pub use self::fate::{End, Fate, PayAnswer, RefillAnswer, RequeryAnswer};
pub use self::fault::{Away, Fault, FaultKind, Outage};
pub use self::generate::generate;
pub use self::odd::{Odd, OddStatus, Shape};
pub use self::shrink::shrink;

/// Everything that makes one run. Times count in milliseconds from the start of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The seed of the run's own randomness: ids, jitter and latency.
    pub seed: u64,
    /// When the run begins, Unix seconds.
    pub starts_at: i64,
    /// How AWS behaves.
    pub settings: Settings,
    /// What people do.
    pub actions: Vec<Action>,
    /// What goes wrong with single calls.
    pub faults: Vec<Fault>,
    /// What is away for a time.
    pub outages: Vec<Outage>,
    /// When the safety phase ends.
    pub calm_after_ms: u64,
}

/// How much is in a schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Density {
    /// Little, because a small schedule is run often and read easily.
    #[default]
    Usual,
    /// More happens and more goes wrong, mostly around one customer: what only several rare things together
    /// break is met more often.
    Dense,
}

impl Schedule {
    /// Whether SQS takes messages for a time and does not say so. Jobs multiply then; docs/proof.md says how.
    pub fn multiplies_jobs(&self) -> bool {
        self.outages.iter().any(
            |it| matches!(&it.of, Away::Aws(service, FaultKind::LostAfter) if service == "sqs"),
        )
    }

    /// Whether a job may be sent more than once, because an answer of SQS is lost.
    pub fn copies_jobs(&self) -> bool {
        let is_send = |it: &Fault| it.call.starts_with("sqs SendMessage");
        let mut faults = self.faults.iter();
        self.multiplies_jobs() || faults.any(|it| is_send(it) && it.kind == FaultKind::LostAfter)
    }

    /// A schedule in which nobody does anything and nothing goes wrong.
    pub fn without_events() -> Self {
        Self {
            seed: 1,
            starts_at: 1_795_600_800,
            settings: Settings::default(),
            actions: vec![],
            faults: vec![],
            outages: vec![],
            calm_after_ms: 0,
        }
    }
}

/// How many kobo a tenant may buy for in ten minutes and in a day, where the schedule limits purchases.
pub const SPEND_LIMIT: (u64, u64) = (60_000, 100_000_000);

/// After how many days a number is masked, and an account unlinked that nobody reads.
pub const KEPT_DAYS: u64 = 30;
/// When reconcile first passes over what is so old, in milliseconds from the start.
pub const FIRST_PASS_MS: u64 = (KEPT_DAYS * 24 + 1) * 3_600_000;

/// How AWS behaves during the safety phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How likely an invocation gets another instance than the last one, in percent.
    pub spread_percent: u8,
    /// How much the clocks of two instances differ at most, in milliseconds.
    pub skew_ms: u32,
    /// Whether some messages are delivered twice.
    pub duplicates: bool,
    /// Whether messages that are due are delivered in random order.
    pub reorder: bool,
    /// How late a message is delivered at most, in milliseconds.
    pub late_delivery_ms: u32,
    /// For how long an index does not show what was written, in milliseconds.
    pub index_lag_ms: u32,
    /// How many purchases a tenant may make in a minute; the template's default if absent. If it is
    /// there, [`SPEND_LIMIT`] holds, too.
    pub purchase_limit: Option<u32>,
    /// Whether each tenant has a webhook endpoint.
    #[serde(default)]
    pub webhooks: bool,
    /// Whether the books are kept.
    #[serde(default)]
    pub books: bool,
    /// Whether numbers are masked, and accounts unlinked that nobody reads, after [`KEPT_DAYS`].
    #[serde(default)]
    pub ages: bool,
}

/// What somebody does, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// When.
    pub at_ms: u64,
    /// What.
    pub deed: Deed,
}

/// A tenant, by its number.
pub type Tenant = usize;
/// An order of the schedule, by its number. It is also its idempotency key.
pub type OrderNumber = usize;
/// A customer of the simulated networks, by its number.
pub type CustomerNumber = usize;

/// What somebody does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A tenant buys, and repeats the request under the same key until it is answered.
    Buy {
        /// Who.
        tenant: Tenant,
        /// Which order.
        order: OrderNumber,
        /// Whether it is a data bundle, else airtime.
        bundle: bool,
        /// What VTpass does with it.
        fate: Fate,
        /// How often it is tried at most.
        tries: u8,
    },
    /// A tenant refills a line at MTN.
    Refill {
        /// Who.
        tenant: Tenant,
        /// Which order.
        order: OrderNumber,
        /// Whether it is by voucher.
        voucher: bool,
        /// What MTN does with it.
        answer: RefillAnswer,
        /// How often it is tried at most.
        tries: u8,
    },
    /// The same request once more.
    Repeat {
        /// Which order.
        order: OrderNumber,
    },
    /// Another order under the same idempotency key.
    Reuse {
        /// Which order's key.
        order: OrderNumber,
    },
    /// A tenant reads a purchase, its own or another's.
    Look {
        /// Who.
        tenant: Tenant,
        /// Which order.
        order: OrderNumber,
    },
    /// A tenant lists its purchases.
    List {
        /// Who.
        tenant: Tenant,
    },
    /// VTpass's staff gives an order another state.
    Resolve {
        /// Which order.
        order: OrderNumber,
        /// The state.
        end: End,
        /// Whether VTpass reports it by webhook.
        webhook: bool,
        /// Whether the webhook has the id in both spellings.
        twice_spelled: bool,
    },
    /// Somebody posts a webhook in VTpass's name.
    Webhook {
        /// About which order; about none of ours if absent.
        order: Option<OrderNumber>,
    },
    /// A customer gives a tenant access: OTP, verify, exchange.
    Link {
        /// Who.
        tenant: Tenant,
        /// The customer.
        customer: CustomerNumber,
        /// How many wrong OTPs are tried before.
        wrong_otps: u8,
        /// How long after that the consent ends by itself; never if absent.
        #[serde(default)]
        ends_after_ms: Option<u64>,
    },
    /// A tenant reads an account.
    Read {
        /// Who.
        tenant: Tenant,
        /// The customer.
        customer: CustomerNumber,
    },
    /// A tenant withdraws its access.
    Unlink {
        /// Who.
        tenant: Tenant,
        /// The customer.
        customer: CustomerNumber,
    },
    /// A customer withdraws at Mono.
    Withdraw {
        /// The customer.
        customer: CustomerNumber,
        /// What Mono reports.
        report: Report,
    },
    /// A tenant asks MTN what is answered by callback.
    Ask {
        /// Who.
        tenant: Tenant,
        /// The customer.
        customer: CustomerNumber,
        /// How often MTN's callback is lost before one comes.
        lost: u8,
        /// When the callback comes.
        callback: Callback,
    },
    /// A tenant reads the last deferred request of an account, its own or another's.
    Poll {
        /// Who.
        tenant: Tenant,
        /// Whose request.
        asker: Tenant,
        /// The customer.
        customer: CustomerNumber,
    },
    /// MTN sends the callbacks that it held back.
    DeliverHeld,
    /// Somebody posts what is no answer of MTN to the URL of its last question.
    Notice {
        /// Whether the token in the URL is right.
        right_token: bool,
    },
    /// The stored purchase of an order gets a state that this version does not know, until the safety
    /// phase ends: a later version wrote it, and was rolled back.
    Spoil {
        /// Which order.
        order: OrderNumber,
    },
    /// All messages of the requery queue are lost.
    LoseMessages,
    /// VTpass's keys are changed, there and in Secrets Manager.
    RotateKeys,
    /// An operator gives a tenant another API key, and revokes the one before.
    ReplaceKey {
        /// Whose.
        tenant: Tenant,
    },
    /// Somebody uses the API key of a tenant that was revoked last.
    TryRevoked {
        /// Whose.
        tenant: Tenant,
    },
    /// An operator settles the purchase of an order, if it waits for a person and the provider's records
    /// say how it ended.
    Settle {
        /// Which order.
        order: OrderNumber,
    },
    /// An operator settles the purchase of an order, if it waits for a person, without looking at the
    /// provider's records.
    Guess {
        /// Which order.
        order: OrderNumber,
        /// As what.
        to: End,
    },
    /// An operator deploys with another time of the look back, and every instance is a new one.
    Deploy {
        /// The age in seconds at which a settled purchase is looked back on from now on.
        look_back_s: u32,
    },
    /// VTpass changes the price of the bundle.
    Reprice {
        /// The new price.
        kobo: u64,
    },
}

/// What Mono reports of a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It, when it has happened.
    Plain,
    /// The same, with the id in both spellings.
    TwiceSpelled,
    /// It, a minute before it has happened.
    Early,
    /// Nothing.
    Lost,
    /// It, although the customer did not withdraw.
    Untrue,
}

/// When MTN calls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "snake_case")]
pub enum Callback {
    /// After its own answer, twice.
    Twice,
    /// Before its own answer.
    Early,
    /// When the schedule says so.
    Held,
}
