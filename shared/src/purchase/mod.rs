//! A purchase: what is bought, where it stands, and what may be told of it.

mod conclude;
mod services;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

pub use self::conclude::{Call, Conclusion, conclude};
pub use self::services::{MTN_REFILL, Service, ServiceKind};
use crate::money::Kobo;
use crate::store::Tenant;
use crate::telemetry;
use crate::vtpass::{Order, Outcome};
use crate::world::iso;

/// How long a purchase may stay open before a person must look.
pub const DEADLINE: Duration = Duration::hours(24);

/// Where a purchase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Recorded; the answer is not known yet.
    Submitted,
    /// The provider is working on it, or its answer was unclear.
    Pending,
    /// The customer has the value.
    Delivered,
    /// Proven not delivered and not charged.
    Failed,
    /// Was charged, and the provider gave the money back.
    Reversed,
    /// A person must find out and settle it.
    NeedsReview,
}

impl State {
    /// All states, in the order of a purchase's life.
    pub const ALL: [Self; 6] = [
        Self::Submitted,
        Self::Pending,
        Self::Delivered,
        Self::Failed,
        Self::Reversed,
        Self::NeedsReview,
    ];
    /// The states that still change.
    pub const OPEN: [Self; 3] = [Self::Submitted, Self::Pending, Self::NeedsReview];

    /// Whether the state stands.
    pub fn is_final(self) -> bool {
        match self {
            Self::Delivered | Self::Failed | Self::Reversed => true,
            Self::Submitted | Self::Pending | Self::NeedsReview => false,
        }
    }

    /// The caller's one question: whether its customer's money may be given back.
    pub fn safe_to_refund(self) -> bool {
        match self {
            Self::Failed | Self::Reversed => true,
            Self::Submitted | Self::Pending | Self::Delivered | Self::NeedsReview => false,
        }
    }

    /// The name in answers and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Reversed => "reversed",
            Self::NeedsReview => "needs_review",
        }
    }

    /// The metric that counts purchases that come to it.
    pub fn metric(self) -> &'static str {
        match self {
            Self::Submitted => "purchase_submitted",
            Self::Pending => "purchase_pending",
            Self::Delivered => "purchase_delivered",
            Self::Failed => "purchase_failed",
            Self::Reversed => "purchase_reversed",
            Self::NeedsReview => "purchase_needs_review",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// One line of a purchase's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When, ISO 8601.
    pub at: String,
    /// `pay`, `refill`, `requery`, `hint`, `deadline` or `operator`.
    pub call: String,
    /// The provider's code, or a word of ours where there is none.
    pub code: String,
    /// What was concluded: a state, or `nothing`.
    pub concluded: String,
    /// Why, in words; an operator's reason.
    pub note: String,
}

impl Attempt {
    /// Whether it says nothing that the line before it did not.
    pub fn repeats(&self, before: Option<&Self>) -> bool {
        before.is_some_and(|before| {
            (&before.call, &before.code, &before.concluded, &before.note)
                == (&self.call, &self.code, &self.concluded, &self.note)
        })
    }
}

/// A purchase as it is stored. The index of a caller's list holds what callers see and nothing
/// else: the other fields default there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Purchase {
    /// Derived from caller and idempotency key: 32 hexadecimal digits.
    pub purchase_id: String,
    /// Whose purchase it is.
    pub tenant: Tenant,
    /// The id VTpass knows it by; of a refill, the transaction id at MTN.
    pub request_id: String,
    /// Where it stands.
    pub state: State,
    /// What is bought: the service.
    pub service_id: String,
    /// What is bought: the bundle; none for airtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variation_code: Option<String>,
    /// The number bought for, `0803…`.
    pub phone: String,
    /// The price, in kobo; zero while nobody knows what a voucher is worth.
    pub amount_kobo: Kobo,
    /// How MTN refills; none for what VTpass sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refill: Option<RefillTerms>,
    /// Hash of the normalised request but for the number, to tell a repeat from another order under
    /// the same key.
    #[serde(default)]
    pub fingerprint: String,
    /// The requery chain that belongs to it.
    #[serde(default)]
    pub chain: String,
    /// How far the chain is.
    #[serde(default)]
    pub step: u32,
    /// When it was recorded, epoch milliseconds.
    pub created_ms: i64,
    /// When it last changed, epoch milliseconds.
    pub updated_ms: i64,
    /// Whether the provider ever proved that it knows the request id.
    #[serde(default)]
    pub acknowledged: bool,
    /// How often in a row the provider said that it does not.
    #[serde(default)]
    pub unknown_ids: u32,
    /// When a hint was last passed on, epoch milliseconds.
    #[serde(default)]
    pub hinted_ms: i64,
    /// All attempts, oldest first.
    #[serde(default)]
    pub history: Vec<Attempt>,
    /// Sort key of the caller's list: time, then id.
    pub listed: String,
}

/// How MTN is told to refill. A voucher code is cash: only its keyed hash is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refill_type", rename_all = "snake_case")]
pub enum RefillTerms {
    /// For an amount.
    Voucherless {
        /// MTN's profile of refills.
        refill_profile_id: String,
    },
    /// By a voucher.
    Voucher {
        /// HMAC-SHA256 of its code.
        voucher_hash: String,
    },
}

/// A purchase as its caller sees it.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    purchase_id: &'a str,
    request_id: &'a str,
    state: State,
    safe_to_refund: bool,
    service_id: &'a str,
    variation_code: Option<&'a str>,
    phone: &'a str,
    amount_kobo: Option<Kobo>,
    created_at: String,
    updated_at: String,
    deadline_at: String,
}

impl Purchase {
    /// The id of the purchase that a caller makes under a key. The separator is in no tenant's id,
    /// so no two pairs meet.
    pub fn id(tenant: &Tenant, idempotency_key: &str) -> String {
        let pair = format!("{tenant}\n{idempotency_key}");
        hex::encode(&Sha256::digest(pair.as_bytes())[..16])
    }

    /// What the caller sees.
    pub fn view(&self) -> View<'_> {
        View {
            purchase_id: &self.purchase_id,
            request_id: &self.request_id,
            state: self.state,
            safe_to_refund: self.state.safe_to_refund(),
            service_id: &self.service_id,
            variation_code: self.variation_code.as_deref(),
            phone: &self.phone,
            amount_kobo: Some(self.amount_kobo).filter(|amount| amount.kobo() > 0),
            created_at: iso(self.created()),
            updated_at: iso(from_ms(self.updated_ms)),
            deadline_at: iso(self.deadline()),
        }
    }

    /// Whether MTN was to refill: it gives no account of that, and cannot be asked again.
    pub fn is_refill(&self) -> bool {
        self.service_id == MTN_REFILL
    }

    /// The order as VTpass is asked about it.
    pub fn order(&self) -> Order<'_> {
        Order {
            request_id: &self.request_id,
            service_id: &self.service_id,
            phone: &self.phone,
            variation_code: self.variation_code.as_deref(),
            amount: self.amount_kobo,
        }
    }

    /// When it was recorded.
    pub fn created(&self) -> OffsetDateTime {
        from_ms(self.created_ms)
    }

    /// When a person must look.
    pub fn deadline(&self) -> OffsetDateTime {
        self.created() + DEADLINE
    }
}

/// Writes what an answer meant to the log, and its alarms for whoever must act.
pub fn report(purchase: &Purchase, outcome: &Outcome, conclusion: &Conclusion) {
    let (purchase_id, code) = (purchase.purchase_id.as_str(), outcome.code.as_str());
    let (call, concluded) = (&conclusion.attempt.call, &conclusion.attempt.concluded);
    let metric = conclusion.to.map(State::metric);
    let trace = telemetry::trace();
    let trace_id = trace.as_ref().map(telemetry::Trace::id);
    tracing::info!(purchase_id, call, code, concluded, metric, trace_id, "purchase {purchase_id}");
    if let Some(alarm) = outcome.alarm {
        let alarm = alarm.as_str();
        tracing::error!(alarm, purchase_id, code, "VTpass needs attention");
    }
    if conclusion.to == Some(State::NeedsReview) {
        tracing::error!(alarm = "needs_review", purchase_id, code, "a person must look");
    }
    if conclusion.contradiction {
        let state = purchase.state.as_str();
        let alarm = "contradicted_final_state";
        tracing::error!(alarm, purchase_id, code, state, "an answer contradicts what is final");
    }
}

/// Epoch milliseconds of a time.
pub fn to_ms(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

fn from_ms(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failed_and_reversed_are_safe_to_refund() {
        let safe: Vec<State> =
            State::ALL.into_iter().filter(|state| state.safe_to_refund()).collect();
        assert_eq!(safe, [State::Failed, State::Reversed]);
        assert!(safe.iter().all(|state| state.is_final()));
        assert_eq!(State::ALL.len() - State::OPEN.len(), 3);
        assert!(State::OPEN.iter().all(|state| !state.is_final()));
    }

    #[test]
    fn a_state_reads_as_it_is_written() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }

    #[test]
    fn an_id_belongs_to_one_caller_and_one_key() {
        let tenant = |id| Tenant::new(id).unwrap();
        let id = Purchase::id(&tenant("a"), "k");
        assert_eq!(id.len(), 32);
        assert_eq!(id, Purchase::id(&tenant("a"), "k"));
        assert_ne!(id, Purchase::id(&tenant("b"), "k"));
        assert_ne!(id, Purchase::id(&tenant("a"), "K"));
        assert_ne!(Purchase::id(&tenant("ab"), "c"), Purchase::id(&tenant("a"), "bc"));
    }
}
