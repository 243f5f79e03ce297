//! Refills at MTN. It recognises no repeat and gives no account of what became of one: each is sent
//! at most once, and what is not proven waits for a person.

use std::time::Duration;

use shared::error::ApiError;
use shared::money::Kobo;
use shared::mtn::{Ids, Mtn, Refill, RefillVerdict, Refilled};
use shared::phone::Msisdn;
use shared::purchase::{Attempt, Purchase, RefillTerms, ServiceKind, State};
use shared::secret::{ExposeSecret, KeyedHash, SecretString};
use shared::store::Change;
use shared::telemetry;
use shared::world::iso;

use crate::PurchaseFunction;
use crate::order::Order;

/// How a refill is ordered. A voucher's code lives in this value only.
pub(crate) enum RefillOrder {
    Voucherless { profile_id: String },
    Voucher { code: SecretString },
}

/// The longest profile id or voucher code, in characters.
const MAX_WORD: usize = 64;
const KOBO_IN_A_NAIRA: u64 = 100;

impl RefillOrder {
    /// Reads what belongs to a refill; what belongs to one stands in no other order.
    pub(crate) fn read(
        kind: ServiceKind,
        refill_type: Option<&str>,
        profile_id: Option<String>,
        voucher: Option<SecretString>,
    ) -> Result<Option<Self>, ApiError> {
        if kind != ServiceKind::Refill {
            return match (refill_type, profile_id, voucher) {
                (None, None, None) => Ok(None),
                _ => Err(ApiError::invalid(
                    "refill_type, refill_profile_id and voucher_code are for mtn-refill only.",
                )),
            };
        }
        match (refill_type, profile_id, voucher) {
            (Some("voucherless"), Some(profile_id), None) => {
                plain("refill_profile_id", &profile_id)?;
                Ok(Some(Self::Voucherless { profile_id }))
            }
            (Some("voucher"), None, Some(code)) => {
                plain("voucher_code", code.expose_secret())?;
                Ok(Some(Self::Voucher { code }))
            }
            _ => Err(ApiError::invalid(
                "A refill needs refill_type \"voucherless\" with refill_profile_id and \
                 amount_kobo, or \"voucher\" with voucher_code.",
            )),
        }
    }

    /// MTN takes whole naira; what a voucher is worth stands on the voucher.
    pub(crate) fn check(&self, amount: Option<Kobo>) -> Result<(), ApiError> {
        match (self, amount) {
            (Self::Voucherless { .. }, Some(amount))
                if amount.kobo().is_multiple_of(KOBO_IN_A_NAIRA) =>
            {
                Ok(())
            }
            (Self::Voucherless { .. }, _) => {
                Err(ApiError::invalid("A refill needs an amount_kobo of whole naira."))
            }
            (Self::Voucher { .. }, None) => Ok(()),
            (Self::Voucher { .. }, Some(_)) => {
                Err(ApiError::invalid("A refill by voucher has no amount_kobo."))
            }
        }
    }

    pub(crate) fn fingerprint(&self, hash: &KeyedHash) -> String {
        match self {
            Self::Voucherless { profile_id } => format!("voucherless\n{profile_id}"),
            Self::Voucher { code } => format!("voucher\n{}", voucher_hash(code, hash)),
        }
    }

    /// What is kept of it.
    pub(crate) fn terms(&self, hash: &KeyedHash) -> RefillTerms {
        match self {
            Self::Voucherless { profile_id } => {
                RefillTerms::Voucherless { refill_profile_id: profile_id.clone() }
            }
            Self::Voucher { code } => {
                RefillTerms::Voucher { voucher_hash: voucher_hash(code, hash) }
            }
        }
    }

    fn order(&self, amount: Kobo) -> Refill<'_> {
        match self {
            Self::Voucherless { profile_id } => Refill::Voucherless { profile_id, amount },
            Self::Voucher { code } => Refill::Voucher { code },
        }
    }
}

impl PurchaseFunction {
    /// Steps 3 and 4 of a refill. When the outcome cannot be recorded the purchase is answered as it
    /// was recorded; its requery then hands it to a person.
    pub(crate) async fn refill(
        &self,
        mtn: &Mtn,
        purchase: Purchase,
        order: &Order,
        limit: Duration,
    ) -> Purchase {
        let (Some(refill), Ok(msisdn)) = (&order.refill, Msisdn::parse(&purchase.phone)) else {
            return self.refill_not_sent(purchase).await;
        };
        let ids = Ids { transaction_id: &purchase.request_id, trace_id: &purchase.purchase_id };
        let refilled = mtn.refill(&ids, &msisdn, &refill.order(purchase.amount_kobo), limit).await;
        self.conclude_refill(purchase, &refilled).await
    }

    /// A refill that was recorded too late to be sent.
    pub(crate) async fn refill_not_sent(&self, purchase: Purchase) -> Purchase {
        let refilled = Refilled {
            verdict: RefillVerdict::Failed,
            code: "not_sent".to_owned(),
            amount: None,
            note: "recording took too long, so the refill was not sent",
            alarm: None,
        };
        self.conclude_refill(purchase, &refilled).await
    }

    async fn conclude_refill(&self, purchase: Purchase, refilled: &Refilled) -> Purchase {
        let (purchase_id, code) = (purchase.purchase_id.as_str(), refilled.code.as_str());
        let to = match refilled.verdict {
            RefillVerdict::Delivered => State::Delivered,
            RefillVerdict::Failed => State::Failed,
            RefillVerdict::Unclear => State::NeedsReview,
        };
        let (call, concluded, metric) = ("refill", to.as_str(), to.metric());
        let trace = telemetry::trace();
        let trace_id = trace.as_ref().map(telemetry::Trace::id);
        tracing::info!(
            purchase_id,
            call,
            code,
            concluded,
            metric,
            trace_id,
            "purchase {purchase_id}"
        );
        if let Some(alarm) = refilled.alarm {
            tracing::error!(alarm, purchase_id, code, "MTN needs attention");
        }
        if to == State::NeedsReview {
            tracing::error!(alarm = "needs_review", purchase_id, code, "a person must look");
        }
        let now = self.world.clock.now();
        let change = Change {
            from: State::OPEN.to_vec(),
            to: Some(to),
            amount: refilled.amount.filter(|_| purchase.amount_kobo == Kobo::default()),
            attempts: vec![Attempt {
                at: iso(now),
                call: "refill".to_owned(),
                code: refilled.code.clone(),
                concluded: to.as_str().to_owned(),
                note: refilled.note.to_owned(),
            }],
            ..Change::default()
        };
        match self.purchases.apply(purchase_id, &change, now).await {
            Ok(purchase) => purchase,
            Err(error) => {
                tracing::warn!(purchase_id, reason = %error, "an outcome is not recorded");
                purchase
            }
        }
    }
}

/// The id MTN traces a refill by: the first 20 digits of the purchase's, as its products ask for.
pub(crate) fn refill_transaction_id(purchase_id: &str) -> String {
    purchase_id.chars().take(20).collect()
}

fn voucher_hash(code: &SecretString, hash: &KeyedHash) -> String {
    hash.of(&format!("voucher\n{}", code.expose_secret()))
}

fn plain(name: &str, word: &str) -> Result<(), ApiError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=MAX_WORD).contains(&word.len()) && word.bytes().all(plain) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "{name} must be 1 to {MAX_WORD} letters, digits, '-', '_' or '.'."
    )))
}
