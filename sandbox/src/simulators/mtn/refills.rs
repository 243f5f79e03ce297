//! Airtime refills (MTN Customer Plans v2.1). MTN has no protection against repeats: a refill that
//! arrives twice is done twice.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::domain::time::to_seconds;
use shared::platform::crypto::hashed;
use time::OffsetDateTime;

use super::contract::CheckedRequest;
use super::envelope::{Envelope, JsonReply};
use super::history::Recharge;
use super::lines::{Line, link};
use super::simulator::MtnSimulator;

/// A refill as the ledger keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refill {
    /// The client's id of the refill.
    pub transaction_id: Option<String>,
    /// The MSISDN of the line, `234…`.
    pub msisdn: String,
    /// `voucher` or `voucherless`.
    pub refill_type: String,
    /// Its value in naira.
    pub amount: u64,
    /// The profile of a voucherless refill.
    pub profile_id: Option<String>,
    /// The SHA-256 of the voucher code. The code itself is worth money and is not kept.
    pub voucher_sha256: Option<String>,
    /// How often it was received.
    pub received: u32,
    /// When it was done, each time, Unix seconds.
    pub done_at: Vec<i64>,
}

const REFILLS: &str = "mtn_refills";
/// The value of every voucher.
const VOUCHER_NAIRA: u64 = 500;

impl MtnSimulator {
    /// All refills that were received, oldest first.
    pub fn refills(&self) -> Vec<Refill> {
        let mut refills: Vec<Refill> = self.ledger.all(REFILLS);
        refills.reverse();
        refills
    }

    /// Receives a refill, and does it only if `performs`.
    pub(super) fn refill(
        &self,
        request: &CheckedRequest,
        envelope: &Envelope,
        performs: bool,
    ) -> JsonReply {
        let _lock = self.controls();
        let key = request
            .text("transactionId")
            .map_or_else(|| self.environment.random.id(), str::to_owned);
        let mut refill = self.ledger.get(REFILLS, &key).unwrap_or_else(|| Refill::of(request));
        refill.received += 1;
        let error = self.error(request, envelope);
        if performs && error.is_none() {
            refill.done_at.push(to_seconds(self.environment.clock.now()));
        }
        self.ledger.put(REFILLS, &key, &refill);
        let done = || {
            JsonReply::ok(json!({
                "statusCode": "0000",
                "statusMessage": "done",
                "data": { "amount": refill.amount.to_string(), "currencyCode": "NGN" },
                "_link": link(&format!("{}/plans/refill", refill.msisdn)),
            }))
        };
        error.unwrap_or_else(done)
    }

    /// The error of a refill that cannot be done: the number is unknown, or the voucher was used
    /// before.
    fn error(&self, request: &CheckedRequest, envelope: &Envelope) -> Option<JsonReply> {
        if Line::of(request.msisdn(), 0).is_none() {
            return Some(envelope.no_customer());
        }
        let voucher = Refill::of(request).voucher_sha256?;
        let used = |it: &Refill| {
            !it.done_at.is_empty() && it.voucher_sha256.as_deref() == Some(voucher.as_str())
        };
        self.refills().iter().any(used).then(|| envelope.error(StatusCode::BAD_REQUEST, "5001"))
    }

    /// The refills of a line that were done.
    pub(super) fn done_refills(&self, msisdn: &str) -> Vec<Recharge> {
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
    fn of(request: &CheckedRequest) -> Self {
        let own = |name| request.text(name).map(str::to_owned);
        let refill_type = own("refillType").unwrap_or_default();
        let by_voucher = refill_type == "voucher";
        let amount = request.text("transactionAmount").and_then(|text| text.parse().ok());
        let voucher = request.text("voucherActivationCode").filter(|_| by_voucher);
        Self {
            transaction_id: request.text("transactionId").map(str::to_owned),
            msisdn: request.msisdn().to_owned(),
            amount: if by_voucher { VOUCHER_NAIRA } else { amount.unwrap_or_default() },
            refill_type,
            profile_id: own("refillProfileId"),
            voucher_sha256: voucher.map(hashed),
            received: 0,
            done_at: Vec::new(),
        }
    }
}
