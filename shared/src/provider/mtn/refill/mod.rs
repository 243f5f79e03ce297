//! The refill: what is sent, and what an answer proves (MTN Customer Plans v2.1).
//!
//! MTN has no requery for refills, and does not distinguish a repeat from a second order. So a
//! refill is sent once, and a person must look at every answer that proves nothing.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::codes::CodeClass;
use super::envelope::{Envelope, says_failure, says_unfinished};
use super::token::TokenError;
use crate::domain::money::Kobo;
use crate::domain::purchase::{Outcome, Verdict};
use crate::platform::crypto::{ExposeSecret, SecretString};
use crate::platform::http::{Answer, NoAnswer};
use crate::platform::telemetry::alarm::Alarm;
use crate::provider::answer::{http_code, no_answer};
use crate::provider::json::{Unreadable, object};

/// What is refilled. `Debug` hides the voucher.
#[derive(Debug, Clone, Copy)]
pub enum Refill<'a> {
    /// From our wallet at MTN.
    Voucherless {
        /// MTN's profile for the refill.
        profile_id: &'a str,
        /// The amount, in whole naira.
        amount: Kobo,
    },
    /// With a voucher. Its code is worth money.
    Voucher {
        /// The voucher's code.
        code: &'a SecretString,
    },
}

/// `data` in the answer to a refill (operation `refillAccount` in MTN Customer Plans v2.1; v2.3 also has
/// `actionStatus` and `serialStatus`).
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct RefillData<'a> {
    amount: Option<&'a RawValue>,
    currency_code: Option<&'a RawValue>,
    status: Option<&'a RawValue>,
    action_status: Option<&'a RawValue>,
    serial_status: Option<&'a RawValue>,
}

impl Refill<'_> {
    /// The body to send (`refillRequest` in MTN Customer Plans v2.1); `None` if the amount is zero
    /// or not whole naira.
    pub(super) fn request(&self) -> Option<Value> {
        match *self {
            Self::Voucherless { profile_id, amount } => {
                let whole = amount.kobo() > 0 && amount.kobo().is_multiple_of(100);
                whole.then(|| {
                    json!({ "refillType": "voucherless", "refillProfileId": profile_id,
                            "transactionAmount": amount.naira() })
                })
            }
            Self::Voucher { code } => {
                let code = code.expose_secret();
                Some(json!({ "refillType": "voucher", "voucherActivationCode": code }))
            }
        }
    }
}

/// The outcome if the refill was not sent.
pub(super) fn not_sent() -> Outcome {
    let not_sent = Outcome::new(Verdict::Failed, "not_sent", "nothing was sent to MTN");
    Outcome { is_our_fault: true, ..not_sent }
}

/// The outcome if there was no token, so that the refill was not sent.
pub(super) fn without_token(error: &TokenError) -> Outcome {
    const NOTE: &str = "MTN gave no token, so nothing was sent";
    match error {
        TokenError::Refused(_) => Outcome {
            alarm: Some(Alarm::MtnRefusesCredentials),
            is_our_fault: true,
            ..Outcome::new(Verdict::Failed, "token_refused", NOTE)
        },
        TokenError::RateLimited(_) | TokenError::Unavailable(_) => {
            Outcome::new(Verdict::Failed, "no_token", NOTE)
        }
    }
}

/// Judges the result of a refill.
pub(super) fn judge(result: Result<Answer, NoAnswer>, refill: &Refill<'_>) -> Outcome {
    let answer = match result {
        Ok(answer) => answer,
        Err(reason) => return no_answer("MTN", Verdict::NeedsReview, reason),
    };
    let status = answer.status;
    let Ok((envelope, data)) = read(&answer.body) else {
        let code = if status == 200 { "unreadable".to_owned() } else { http_code(status) };
        let note = "MTN's answer could not be understood";
        let alarm = alarm(status, None);
        return Outcome { alarm, ..Outcome::new(Verdict::NeedsReview, code, note) };
    };
    let class = envelope.code.as_ref().map(|code| code.class);
    let (verdict, note) = match status.as_u16() {
        200 => judge_success(&envelope, class, &data, refill),
        400 | 401 | 403 | 404 => judge_refusal(&envelope, class),
        _ => (Verdict::NeedsReview, "MTN's HTTP status proves nothing"),
    };
    let code = match &envelope.code {
        Some(code) => code.text.clone().unwrap_or_else(|| "unrecognised".to_owned()),
        None => http_code(status),
    };
    let (amount, alarm) = (data.naira(), alarm(status, class));
    let is_our_fault = alarm.is_some() || class.is_some_and(is_our_fault);
    Outcome { amount, alarm, is_our_fault, ..Outcome::new(verdict, code, note) }
}

/// The envelope and its `data`. If `data` is not an object, its fields are absent.
fn read(body: &[u8]) -> Result<(Envelope<'_>, RefillData<'_>), Unreadable> {
    let envelope = Envelope::read(body)?;
    let data = object(envelope.data())?.unwrap_or_default();
    Ok((envelope, data))
}

/// The verdict on HTTP 200, and its note.
fn judge_success(
    envelope: &Envelope<'_>,
    class: Option<CodeClass>,
    data: &RefillData<'_>,
    refill: &Refill<'_>,
) -> (Verdict, &'static str) {
    let success = matches!(class, None | Some(CodeClass::Success));
    let failure = envelope.is_framework_error()
        || envelope.status_says_failure()
        || data.words().any(says_failure);
    if !success {
        (Verdict::NeedsReview, "MTN's code is not that of a success")
    } else if failure {
        (Verdict::NeedsReview, "MTN's answer contradicts itself")
    } else if envelope.status_says_unfinished() || data.words().any(says_unfinished) {
        (Verdict::NeedsReview, "MTN is not done with it, and cannot be asked later")
    } else if !data.agrees_with(refill) {
        (Verdict::NeedsReview, "MTN names another amount")
    } else {
        (Verdict::Delivered, "MTN delivered")
    }
}

/// The verdict on a refusing HTTP status, and its note. A code that reports a timeout or an
/// unavailable system is not a proof: a system behind MTN may have received the refill.
fn judge_refusal(envelope: &Envelope<'_>, class: Option<CodeClass>) -> (Verdict, &'static str) {
    let refused = match class {
        None | Some(CodeClass::Unknown | CodeClass::UnknownCustomer | CodeClass::Rejected) => true,
        Some(CodeClass::CredentialsRefused | CodeClass::Billing | CodeClass::WalletLow) => true,
        Some(CodeClass::RateLimited) => true,
        Some(
            CodeClass::Success | CodeClass::Pending | CodeClass::Unavailable | CodeClass::Timeout,
        ) => false,
    };
    if !envelope.is_error() {
        (Verdict::NeedsReview, "MTN's refusal has not the form of an error")
    } else if !refused || envelope.data().is_some() {
        (Verdict::NeedsReview, "MTN's answer contradicts itself")
    } else {
        (Verdict::Failed, "MTN refused the refill")
    }
}

/// Whether a code names a fault of the customer, the tenant or ours.
fn is_our_fault(class: CodeClass) -> bool {
    match class {
        CodeClass::UnknownCustomer | CodeClass::Rejected | CodeClass::Billing => true,
        CodeClass::CredentialsRefused | CodeClass::WalletLow => true,
        CodeClass::Success | CodeClass::Pending | CodeClass::Unknown => false,
        CodeClass::Unavailable | CodeClass::Timeout | CodeClass::RateLimited => false,
    }
}

fn alarm(status: http::StatusCode, class: Option<CodeClass>) -> Option<Alarm> {
    match (status.as_u16(), class) {
        (_, Some(CodeClass::WalletLow)) => Some(Alarm::MtnWalletLow),
        (_, Some(CodeClass::Billing)) => None,
        (401 | 403, _) | (_, Some(CodeClass::CredentialsRefused)) => {
            Some(Alarm::MtnRefusesCredentials)
        }
        _ => None,
    }
}

impl<'a> RefillData<'a> {
    /// What may say in words how far the refill is.
    fn words(&self) -> impl Iterator<Item = Option<&'a RawValue>> {
        [self.status, self.action_status, self.serial_status].into_iter()
    }

    /// The amount, if it is in naira and readable.
    fn naira(&self) -> Option<Kobo> {
        let amount = self.amount?.get().trim_matches('"');
        if self.is_foreign_currency() { None } else { Kobo::from_naira(amount).ok() }
    }

    fn is_foreign_currency(&self) -> bool {
        let code = self.currency_code.map(|raw| raw.get().trim_matches('"').trim());
        code.is_some_and(|code| !code.is_empty() && !code.eq_ignore_ascii_case("NGN"))
    }

    /// Whether the amount and the currency, where present, are those of the refill. The value of a
    /// voucher is not known beforehand.
    fn agrees_with(&self, refill: &Refill<'_>) -> bool {
        match *refill {
            _ if self.is_foreign_currency() => false,
            Refill::Voucherless { amount, .. } => self.naira().is_none_or(|it| it == amount),
            Refill::Voucher { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests;
