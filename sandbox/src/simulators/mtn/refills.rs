//! Airtime refills (MTN Customer Plans v2.1). MTN protects nobody from a repeat: a refill that comes
//! twice is done twice.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::secret::hashed;
use shared::world::epoch;
use time::OffsetDateTime;

use super::MtnSimulator;
use super::contract::Call;
use super::customers::{Line, link};
use super::envelope::{Reply, Request};
use super::history::Recharge;

/// A refill as the ledger keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refill {
    /// The buyer's id of it.
    pub transaction_id: Option<String>,
    /// Whose line, `234…`.
    pub msisdn: String,
    /// `voucher` or `voucherless`.
    pub refill_type: String,
    /// What it is worth, in naira.
    pub amount: u64,
    /// The profile of a voucherless refill.
    pub profile_id: Option<String>,
    /// The SHA-256 of a voucher's code, which itself is cash.
    pub voucher_sha256: Option<String>,
    /// How often this transaction id was received.
    pub received: u32,
    /// When airtime was given, each time, Unix seconds.
    pub done_at: Vec<i64>,
}

const REFILLS: &str = "mtn_refills";
/// What every voucher is worth.
const VOUCHER_NAIRA: u64 = 500;

/// Changes are made under the simulator's one lock: its `desk`.
impl MtnSimulator {
    /// Every refill that was ever received, oldest first.
    pub(super) fn refills(&self) -> Vec<Refill> {
        let mut refills: Vec<Refill> = self.ledger.all(REFILLS);
        refills.reverse();
        refills
    }

    /// Takes a refill, and gives the airtime only if `acts`.
    pub(super) fn refill(&self, call: &Call, request: &Request, acts: bool) -> Reply {
        let _desk = self.desk();
        let key = call.transaction_id().map_or_else(|| self.world.random.id(), str::to_owned);
        let mut refill = self.ledger.get(REFILLS, &key).unwrap_or_else(|| Refill::of(call));
        refill.received += 1;
        let refusal = self.refusal(call, request);
        if acts && refusal.is_none() {
            refill.done_at.push(epoch(self.world.clock.now()));
        }
        self.ledger.put(REFILLS, &key, &refill);
        let done = || {
            Reply::ok(json!({
                "statusCode": "0000",
                "statusMessage": "done",
                "data": { "amount": refill.amount.to_string(), "currencyCode": "NGN" },
                "_link": link(&format!("{}/plans/refill", refill.msisdn)),
            }))
        };
        refusal.unwrap_or_else(done)
    }

    /// Why a refill is not done: nobody has the number, or the voucher is used up.
    fn refusal(&self, call: &Call, request: &Request) -> Option<Reply> {
        if Line::of(call.msisdn(), 0).is_none() {
            return Some(request.no_customer());
        }
        let voucher = Refill::of(call).voucher_sha256?;
        let used = |it: &Refill| {
            !it.done_at.is_empty() && it.voucher_sha256.as_deref() == Some(voucher.as_str())
        };
        self.refills().iter().any(used).then(|| request.error(StatusCode::BAD_REQUEST, "5001"))
    }

    /// What was refilled on a line.
    pub(super) fn refilled(&self, msisdn: &str) -> Vec<Recharge> {
        let mut recharges = Vec::new();
        for refill in self.refills().into_iter().filter(|it| it.msisdn == msisdn) {
            for at in refill.done_at {
                let at =
                    OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
                recharges.push(Recharge { at, naira: refill.amount, channel: "API" });
            }
        }
        recharges
    }
}

impl Refill {
    fn of(call: &Call) -> Self {
        let own = |name| call.text(name).map(str::to_owned);
        let refill_type = own("refillType").unwrap_or_default();
        let by_voucher = refill_type == "voucher";
        let amount = call.text("transactionAmount").and_then(|text| text.parse().ok());
        let voucher = call.text("voucherActivationCode").filter(|_| by_voucher);
        Self {
            transaction_id: call.transaction_id().map(str::to_owned),
            msisdn: call.msisdn().to_owned(),
            amount: if by_voucher { VOUCHER_NAIRA } else { amount.unwrap_or_default() },
            refill_type,
            profile_id: own("refillProfileId"),
            voucher_sha256: voucher.map(hashed),
            received: 0,
            done_at: Vec::new(),
        }
    }
}
