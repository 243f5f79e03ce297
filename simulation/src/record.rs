//! What is known of a run: the purchases as they stand, what was met, what is violated, and the story.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use shared::domain::purchase::State;
use shared::platform::http::{Answer, NoAnswer};
use time::OffsetDateTime;

use crate::schedule::FaultKind;
use crate::world::Call;

/// How much of a run is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// Nothing: the fastest.
    Nothing,
    /// Who did what, and each call.
    Story,
    /// The same with a hash of each request and answer.
    Trace,
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Its name.
    pub invariant: String,
    /// When, in milliseconds from the start.
    pub at_ms: u64,
    /// What was seen.
    pub detail: String,
}

/// A purchase as it was last written.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its tenant.
    pub tenant: String,
    /// The provider's id of it.
    pub reference: String,
    /// Its state.
    pub state: State,
    /// Whether it is a refill.
    pub is_refill: bool,
    /// Its price in kobo; zero where that is not known, or was paid for before.
    pub amount: u64,
    /// When reconcile comes back to it, epoch milliseconds.
    pub reconcile_ms: Option<i64>,
    /// When reconcile looked back on it, epoch milliseconds.
    pub reconciled_ms: Option<i64>,
    /// Why it is as it is: the note of the last line that concluded something.
    pub reason: Option<String>,
}

/// The reads of accounts, by tenant and account: when they began, epoch milliseconds.
#[derive(Default)]
pub struct Reads {
    /// Those that gave data.
    pub shown: BTreeMap<(String, String), Vec<i64>>,
    /// When the last one began, whether it gave data or not.
    pub last: BTreeMap<(String, String), i64>,
}

impl Reads {
    /// Notes a read.
    pub fn add(&mut self, tenant: &str, account: &str, began_ms: i64, is_shown: bool) {
        let key = (tenant.to_owned(), account.to_owned());
        if is_shown {
            self.shown.entry(key.clone()).or_default().push(began_ms);
        }
        self.last.insert(key, began_ms);
    }
}

/// An order that VTpass reversed by itself.
#[derive(Debug, Clone, Copy)]
pub struct Reversal {
    /// When, epoch milliseconds.
    pub at_ms: i64,
    /// Who tells the gateway of it.
    pub report: Report,
}

/// Who tells the gateway of a reversal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Nobody, so far.
    Nobody,
    /// The simulated VTpass. Its deliveries say what became of it.
    Vtpass,
    /// Somebody in its name, and it was taken.
    Taken,
}

/// A situation that a run can meet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Met {
    /// Who called.
    pub caller: String,
    /// The call.
    pub call: String,
    /// What went wrong with it.
    pub fault: Option<FaultKind>,
    /// The state of the purchase that it was about.
    pub state: Option<String>,
}

/// A change of a purchase: from which state to which.
pub type Change = (Option<String>, String);

/// What is known of a run.
pub struct Record {
    telling: Telling,
    /// The lines of the story.
    pub lines: Vec<String>,
    /// What is violated.
    pub violations: Vec<Violation>,
    /// The purchases, by id.
    pub purchases: BTreeMap<String, Seen>,
    /// What was met, and how often.
    pub met: BTreeMap<Met, u64>,
    /// The changes of purchases.
    pub changes: BTreeMap<Change, u64>,
    /// The states that each purchase came to, by id, oldest first.
    pub states: BTreeMap<String, Vec<&'static str>>,
    /// How often each OTP session was verified at Mono.
    pub otp_tries: BTreeMap<String, u32>,
    /// How many OTPs Mono was asked to send.
    pub otps: u64,
    /// How often each order was asked about at VTpass.
    pub requeries: BTreeMap<String, u32>,
    /// How many chains reconcile restarted.
    pub restarts: u32,
    /// The orders that VTpass reversed by itself.
    pub reversals: BTreeMap<String, Reversal>,
    /// The orders that an operator settled without looking at the provider's records.
    pub guessed: BTreeSet<String>,
    /// The orders whose provider was told what happens with them.
    pub scripted: BTreeSet<usize>,
    /// The accounts whose withdrawal the gateway took note of by a webhook of Mono.
    pub reported: BTreeSet<String>,
    /// The accounts of which a tenant's exchange had no success: Mono may have linked them all the same.
    pub not_exchanged: BTreeSet<String>,
    /// Paths of MTN's callbacks with a wrong token.
    pub forged: BTreeSet<String>,
    /// The deferred requests whose answer was taken.
    pub answered: BTreeSet<String>,
    /// When an event arrived at a receiver that is measured, in milliseconds from the start.
    pub arrived: BTreeMap<String, u64>,
    /// The events that arrived at a receiver.
    pub received: BTreeSet<String>,
    /// The reads of accounts.
    pub reads: Reads,
    /// How often an instance called a provider that was away.
    pub calls_to_away: BTreeMap<String, u64>,
    /// How many calls were made.
    pub calls: u64,
}

impl Record {
    /// Nothing is known yet.
    pub fn new(telling: Telling) -> Self {
        Self {
            telling,
            lines: Vec::new(),
            violations: Vec::new(),
            purchases: BTreeMap::new(),
            met: BTreeMap::new(),
            changes: BTreeMap::new(),
            states: BTreeMap::new(),
            otp_tries: BTreeMap::new(),
            otps: 0,
            requeries: BTreeMap::new(),
            restarts: 0,
            reversals: BTreeMap::new(),
            guessed: BTreeSet::new(),
            scripted: BTreeSet::new(),
            reported: BTreeSet::new(),
            not_exchanged: BTreeSet::new(),
            forged: BTreeSet::new(),
            answered: BTreeSet::new(),
            arrived: BTreeMap::new(),
            received: BTreeSet::new(),
            reads: Reads::default(),
            calls_to_away: BTreeMap::new(),
            calls: 0,
        }
    }

    /// Whether anything is written down.
    pub fn tells(&self) -> bool {
        self.telling != Telling::Nothing
    }

    /// Adds a line.
    pub fn line(&mut self, at_ms: u64, line: String) {
        self.lines.push(format!("{:>12.3}  {line}", seconds(at_ms)));
    }

    /// Adds a line about a call.
    pub fn call(
        &mut self,
        at_ms: u64,
        line: String,
        call: &Call,
        outcome: &Result<Answer, NoAnswer>,
    ) {
        let line = match self.telling {
            Telling::Trace => {
                let answer = outcome.as_ref().map(|it| digest(&it.body)).unwrap_or_default();
                format!("{line} {} {answer}", digest(canonical(&call.body).as_bytes()))
            }
            Telling::Nothing | Telling::Story => line,
        };
        self.line(at_ms, line);
    }

    /// Notes that an invariant does not hold, once for each.
    pub fn violated(&mut self, invariant: &'static str, at_ms: u64, detail: String) {
        if self.tells() {
            self.line(at_ms, format!("VIOLATED: {invariant}: {detail}"));
        }
        if self.violations.iter().all(|it| it.invariant != invariant) {
            let invariant = invariant.to_owned();
            self.violations.push(Violation { invariant, at_ms, detail });
        }
    }

    /// Notes a situation.
    pub fn met(&mut self, met: Met) {
        self.calls += 1;
        *self.met.entry(met).or_default() += 1;
    }

    /// Whether reconcile would find something.
    pub fn is_due(&self, now: OffsetDateTime) -> bool {
        let now = shared::domain::time::to_ms(now);
        self.purchases.values().any(|it| it.reconcile_ms.is_some_and(|due| due <= now))
    }
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

/// A hash of an answer, whatever the order of its fields.
fn digest(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(json) => canonical(&json).into_bytes(),
        Err(_) => body.to_vec(),
    };
    let hash = Sha256::digest(text);
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// JSON with sorted fields. DynamoDB's attributes and our requests' come from hash maps.
fn canonical(json: &Value) -> String {
    match json {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let fields = fields.into_iter().map(|(name, it)| format!("{name}:{}", canonical(it)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}
