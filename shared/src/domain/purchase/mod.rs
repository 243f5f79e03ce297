//! A purchase: what is bought, its state, its history, and what its tenant sees of it.
//!
//! [`transition()`] decides every change of state, from an [`Outcome`] that a provider's answer, the
//! deadline or an operator gave.

mod attempt;
mod charge;
mod order;
mod outcome;
mod phone_key;
mod recipient;
mod reconcile;
mod reference;
#[cfg(test)]
pub(crate) mod samples;
mod settlement;
mod state;
mod story;
mod transition;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

pub use self::attempt::{Answer, Attempt, Source};
pub use self::charge::Charge;
pub use self::order::Order;
pub use self::outcome::{Outcome, Settled, Verdict};
pub use self::phone_key::PhoneKey;
pub use self::recipient::{
    Recipient, TEST_NO_RESPONSE, TEST_PENDING, TEST_SUCCESS, TEST_TIMEOUT, TEST_UNEXPECTED,
};
pub use self::reconcile::{Plan, ReconcileAfter, STEP_GRACE, Task};
pub use self::state::State;
pub use self::story::{Action, Meaning};
pub use self::transition::{Evidence, Transition, transition};
use super::ids::{ChainId, ProviderReference, PurchaseId, TenantId};
use super::money::Kobo;
use super::service::MTN_REFILL;
use super::time::{CLOCK_DIFFERENCE, epoch_ms, to_iso};

/// How long a purchase may stay open before a person must look.
pub const DEADLINE: Duration = Duration::hours(24);

/// A purchase as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Purchase {
    /// Derived from tenant and idempotency key.
    pub purchase_id: PurchaseId,
    /// Whose purchase it is.
    pub tenant: TenantId,
    /// The id by which VTpass or MTN knows it.
    #[serde(rename = "request_id")]
    pub reference: ProviderReference,
    /// Its state.
    pub state: State,
    /// What is bought: the service.
    pub service_id: String,
    /// What is bought: the variation code of a bundle; none for airtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variation_code: Option<String>,
    /// The number bought for.
    #[serde(rename = "phone")]
    pub recipient: Recipient,
    /// By which the tenant finds it by its number; none once that is masked, and on what an older
    /// version recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_key: Option<PhoneKey>,
    /// The price, in kobo; none while it is not known what a voucher is worth.
    #[serde(rename = "amount_kobo", with = "zero_is_none")]
    pub amount: Option<Kobo>,
    /// The provider's own id of the transaction, once an answer stated it.
    #[serde(rename = "provider_transaction_id", default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// What the provider took from our wallet, in kobo, once an answer stated it.
    #[serde(rename = "cost_kobo", default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Kobo>,
    /// Our commission, in kobo, once an answer stated it.
    #[serde(rename = "commission_kobo", default, skip_serializing_if = "Option::is_none")]
    pub commission: Option<Kobo>,
    /// How MTN refills; none for what VTpass sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refill: Option<RefillTerms>,
    /// Hash of the normalised order without its number. It distinguishes a repeat from another
    /// order under the same idempotency key.
    #[serde(default)]
    pub fingerprint: String,
    /// The requery chain that belongs to it.
    #[serde(default)]
    pub chain: ChainId,
    /// The chain's step.
    #[serde(default)]
    pub step: u32,
    /// When it was recorded.
    #[serde(rename = "created_ms", with = "epoch_ms")]
    pub created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(rename = "updated_ms", with = "epoch_ms")]
    pub updated_at: OffsetDateTime,
    /// Whether the provider ever proved that it knows the reference.
    #[serde(default)]
    pub acknowledged: bool,
    /// How often in a row the provider said that it does not.
    #[serde(rename = "unknown_ids", default)]
    pub unknown_references: u32,
    /// When the last hint job is or was due; the epoch where there was none.
    #[serde(rename = "hinted_ms", with = "epoch_ms", default = "never")]
    pub hinted_at: OffsetDateTime,
    /// When the next step of a hint that had no clear answer is or was due; none where there was none.
    #[serde(
        rename = "hint_again_ms",
        with = "epoch_ms::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub hint_again_at: Option<OffsetDateTime>,
    /// When reconcile comes back to it; none once nothing is left to find out.
    #[serde(
        rename = "reconcile_ms",
        with = "epoch_ms::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub reconcile_at: Option<OffsetDateTime>,
    /// When reconcile looked back on it, and the provider gave a clear answer.
    #[serde(
        rename = "reconciled_ms",
        with = "epoch_ms::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub reconciled_at: Option<OffsetDateTime>,
    /// All attempts, oldest first.
    #[serde(default)]
    pub history: Vec<Attempt>,
    /// Sort key of the tenant's list: time, then id.
    pub listed: String,
}

fn never() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH
}

/// An amount that is stored as zero while it is not known.
mod zero_is_none {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Kobo;

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(amount: &Option<Kobo>, s: S) -> Result<S::Ok, S::Error> {
        amount.unwrap_or_default().serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Kobo>, D::Error> {
        Ok(Some(Kobo::deserialize(d)?).filter(|amount| *amount != Kobo::default()))
    }
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

impl Purchase {
    /// The id of the purchase that a tenant makes under an idempotency key. No tenant's id contains
    /// the separator, so two pairs never have one id.
    pub fn id(tenant: &TenantId, idempotency_key: &str) -> PurchaseId {
        let digest = Sha256::digest(format!("{tenant}\n{idempotency_key}").as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        PurchaseId::from_bytes(&bytes)
    }

    /// Whether a later step of a hint is on its way, so that no other has to ask at `now` or be sent.
    pub fn hint_comes_later(&self, now: OffsetDateTime) -> bool {
        self.hint_again_at.is_some_and(|due| due > now + CLOCK_DIFFERENCE)
    }

    /// What the tenant sees, as JSON.
    pub fn view(&self) -> Value {
        // What was said while it was pending does not hold for what failed.
        let is_charged = self.state != State::Failed;
        json!({
            "purchase_id": self.purchase_id,
            "request_id": self.reference,
            "state": self.state,
            "safe_to_refund": self.state.safe_to_refund(),
            "service_id": self.service_id,
            "variation_code": self.variation_code,
            "phone": self.recipient,
            "amount_kobo": self.amount,
            "cost_kobo": self.cost.filter(|_| is_charged),
            "commission_kobo": self.commission.filter(|_| is_charged),
            "provider_transaction_id": self.transaction_id,
            "created_at": to_iso(self.created_at),
            "updated_at": to_iso(self.updated_at),
            "deadline_at": to_iso(self.deadline()),
            "reconciled_at": self.reconciled_at.map(to_iso),
        })
    }

    /// Whether it is a refill at MTN, which has no status query.
    pub fn is_refill(&self) -> bool {
        self.service_id == MTN_REFILL
    }

    /// The order as VTpass is asked about it. VTpass sells nothing without a price.
    pub fn order(&self) -> Order<'_> {
        Order {
            reference: &self.reference,
            service_id: &self.service_id,
            recipient: &self.recipient,
            variation_code: self.variation_code.as_deref(),
            amount: self.amount.unwrap_or_default(),
        }
    }

    /// When a person must look.
    pub fn deadline(&self) -> OffsetDateTime {
        self.created_at + DEADLINE
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const START: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    #[test]
    fn an_amount_that_is_not_known_is_stored_as_zero() {
        let mut stored = serde_json::to_value(samples::purchase(State::Submitted, START)).unwrap();
        for (kobo, amount) in [(0, None), (10_000, Kobo::new(10_000).ok())] {
            stored["amount_kobo"] = kobo.into();
            let purchase: Purchase = serde_json::from_value(stored.clone()).unwrap();
            assert_eq!(purchase.amount, amount);
            assert_eq!(serde_json::to_value(&purchase).unwrap(), stored);
        }
    }

    #[test]
    fn a_view_holds_everything_that_the_tenant_sees() {
        let looked_back = Some(datetime!(2026-11-23 12:00 UTC));
        let purchase = Purchase {
            reconciled_at: looked_back,
            variation_code: Some("mtn-10mb".to_owned()),
            transaction_id: Some("1582290782154".to_owned()),
            cost: Kobo::new(9_600).ok(),
            commission: Kobo::new(400).ok(),
            ..samples::purchase(State::Reversed, START)
        };
        let expected = json!({
            "purchase_id": "0123456789abcdef0123456789abcdef",
            "request_id": "2026112211000123456789abcdef0123456789abcdef",
            "state": "reversed",
            "safe_to_refund": true,
            "service_id": "mtn",
            "variation_code": "mtn-10mb",
            "phone": "08031234567",
            "amount_kobo": 10_000,
            "cost_kobo": 9_600,
            "commission_kobo": 400,
            "provider_transaction_id": "1582290782154",
            "created_at": "2026-11-22T10:00:00.000Z",
            "updated_at": "2026-11-22T10:00:00.000Z",
            "deadline_at": "2026-11-23T10:00:00.000Z",
            "reconciled_at": "2026-11-23T12:00:00.000Z",
        });
        assert_eq!(purchase.view(), expected);
        let failed = Purchase { state: State::Failed, ..purchase }.view();
        assert_eq!(
            (&failed["cost_kobo"], &failed["commission_kobo"]),
            (&Value::Null, &Value::Null)
        );
    }

    #[test]
    fn a_hint_comes_later_only_when_it_is_later_by_any_clock() {
        let comes = |due: Duration| {
            let hint_again_at = Some(START + due);
            let sample = samples::purchase(State::Pending, START);
            Purchase { hint_again_at, ..sample }.hint_comes_later(START)
        };
        let short = CLOCK_DIFFERENCE;
        let moments = [Duration::ZERO, short, short + Duration::MILLISECOND];
        assert_eq!(moments.map(comes), [false, false, true]);
        assert!(!samples::purchase(State::Pending, START).hint_comes_later(START));
    }

    #[test]
    fn an_id_belongs_to_one_tenant_and_one_key() {
        let tenant = |id| TenantId::parse(id).unwrap();
        let id = Purchase::id(&tenant("a"), "k");
        assert_eq!(PurchaseId::parse(id.as_str()).as_ref(), Some(&id));
        assert_eq!(id, Purchase::id(&tenant("a"), "k"));
        assert_ne!(id, Purchase::id(&tenant("b"), "k"));
        assert_ne!(id, Purchase::id(&tenant("a"), "K"));
        assert_ne!(Purchase::id(&tenant("ab"), "c"), Purchase::id(&tenant("a"), "bc"));
    }
}
