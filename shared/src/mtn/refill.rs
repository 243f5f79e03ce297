//! The refill: what is sent, and what an answer to it proves (MTN Customer Plans v2.1).
//!
//! MTN has no way to ask how a refill went and none to tell a repeat from a second order. So it is
//! sent once, and whatever does not prove an end is left to a person.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::codes::Class;
use super::envelope::{Envelope, Unreadable, http_code, says_failure};
use super::error::CREDENTIALS_ALARM;
use super::token::NoToken;
use crate::money::Kobo;
use crate::secret::{ExposeSecret, SecretString};
use crate::upstream::{Answer, NoAnswer};

/// What is to be refilled. `Debug` hides the voucher.
#[derive(Debug, Clone, Copy)]
pub enum Refill<'a> {
    /// From our wallet at MTN.
    Voucherless {
        /// MTN's profile for the refill.
        profile_id: &'a str,
        /// How much, in whole naira.
        amount: Kobo,
    },
    /// By a voucher, which is as good as cash.
    Voucher {
        /// The voucher's code.
        code: &'a SecretString,
    },
}

/// What an answer to a refill proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefillVerdict {
    /// The customer has the airtime.
    Delivered,
    /// Not delivered and not charged.
    Failed,
    /// Nothing is proven: a person must look.
    Unclear,
}

/// How a refill went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refilled {
    /// What is proven.
    pub verdict: RefillVerdict,
    /// MTN's code, or a word of ours where it gave none: `http_502`, `timeout`, `broken`,
    /// `no_connection`, `unreadable`, `unrecognised`, `token_refused`, `no_token`, `not_sent`.
    pub code: String,
    /// What MTN says it gave, in kobo.
    pub amount: Option<Kobo>,
    /// What happened, for the purchase's history. Holds no personal data.
    pub note: &'static str,
    /// What an operator must be told.
    pub alarm: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'a> {
    refill_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    voucher_activation_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refill_profile_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_amount: Option<String>,
}

/// `data` in the answer to a refill.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Given<'a> {
    #[serde(borrow, default)]
    amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    currency_code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
}

impl<'a> Refill<'a> {
    /// What is sent; `None` for an amount that is not whole naira, or is none.
    pub(super) fn body(&self) -> Option<Body<'a>> {
        match *self {
            Self::Voucherless { profile_id, amount } => {
                let whole = amount.kobo() > 0 && amount.kobo().is_multiple_of(100);
                whole.then(|| Body {
                    refill_type: "voucherless",
                    voucher_activation_code: None,
                    refill_profile_id: Some(profile_id),
                    transaction_amount: Some(amount.naira()),
                })
            }
            Self::Voucher { code } => Some(Body {
                refill_type: "voucher",
                voucher_activation_code: Some(code.expose_secret()),
                refill_profile_id: None,
                transaction_amount: None,
            }),
        }
    }
}

impl Refilled {
    /// The refill never left this process.
    pub(super) fn not_sent() -> Self {
        Self::new(RefillVerdict::Failed, "not_sent", "nothing was sent to MTN")
    }

    /// There was no token to send it with.
    pub(super) fn without_token(error: &NoToken) -> Self {
        const NOTE: &str = "MTN gave no token, so nothing was sent";
        match error {
            NoToken::Refused(_) => Self {
                alarm: Some(CREDENTIALS_ALARM),
                ..Self::new(RefillVerdict::Failed, "token_refused", NOTE)
            },
            NoToken::RateLimited(_) | NoToken::Unavailable(_) => {
                Self::new(RefillVerdict::Failed, "no_token", NOTE)
            }
        }
    }

    fn new(verdict: RefillVerdict, code: impl Into<String>, note: &'static str) -> Self {
        Self { verdict, code: code.into(), amount: None, note, alarm: None }
    }

    fn no_answer(reason: NoAnswer) -> Self {
        let (code, note) = match reason {
            NoAnswer::NotSent => ("no_connection", "MTN could not be reached"),
            NoAnswer::Timeout => ("timeout", "MTN did not answer in time"),
            NoAnswer::Broken => ("broken", "the connection to MTN broke"),
        };
        Self::new(RefillVerdict::Unclear, code, note)
    }
}

/// Judges what came back from a refill.
pub(super) fn judge(outcome: Result<Answer, NoAnswer>, refill: &Refill<'_>) -> Refilled {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(reason) => return Refilled::no_answer(reason),
    };
    let status = answer.status;
    let read = Envelope::read(&answer.body);
    let Ok((given, envelope)) = read.and_then(|it| Ok((Given::of(it.data)?, it))) else {
        let code = if status == 200 { "unreadable".to_owned() } else { http_code(status) };
        let alarm = alarm(status, None);
        let note = "MTN's answer could not be understood";
        return Refilled { alarm, ..Refilled::new(RefillVerdict::Unclear, code, note) };
    };
    let class = envelope.code.as_ref().map(|code| code.class);
    let (verdict, note) = match status.as_u16() {
        200 => delivered(&envelope, class, &given, refill),
        400 | 401 | 403 | 404 => failed(&envelope, class),
        _ => (RefillVerdict::Unclear, "MTN's HTTP status proves nothing"),
    };
    let code = match &envelope.code {
        Some(code) => code.text.clone().unwrap_or_else(|| "unrecognised".to_owned()),
        None => http_code(status),
    };
    Refilled { verdict, code, amount: given.naira(), note, alarm: alarm(status, class) }
}

type Judged = (RefillVerdict, &'static str);

fn delivered(
    envelope: &Envelope<'_>,
    class: Option<Class>,
    given: &Given<'_>,
    refill: &Refill<'_>,
) -> Judged {
    let fine = matches!(class, None | Some(Class::Fine));
    let failure = envelope.is_frameworks_error()
        || envelope.status_says_failure()
        || says_failure(given.status);
    if !fine {
        (RefillVerdict::Unclear, "MTN's code is not that of a success")
    } else if failure {
        (RefillVerdict::Unclear, "MTN's answer contradicts itself")
    } else if !given.agrees(refill) {
        (RefillVerdict::Unclear, "MTN names another amount")
    } else {
        (RefillVerdict::Delivered, "MTN delivered")
    }
}

/// A refusal is a proof only where it can be nothing else: a code that speaks of something out of
/// reach or late says that somebody behind MTN may have been asked.
fn failed(envelope: &Envelope<'_>, class: Option<Class>) -> Judged {
    let refused = match class {
        None | Some(Class::Unknown | Class::UnknownCustomer | Class::Rejected) => true,
        Some(Class::Credentials | Class::Billing | Class::WalletLow) => true,
        Some(Class::RateLimited) => true,
        Some(Class::Fine | Class::Pending | Class::Unavailable | Class::Timeout) => false,
    };
    if !envelope.is_error() {
        (RefillVerdict::Unclear, "MTN's refusal has not the form of an error")
    } else if !refused || envelope.data.is_some() {
        (RefillVerdict::Unclear, "MTN's answer contradicts itself")
    } else {
        (RefillVerdict::Failed, "MTN refused the refill")
    }
}

fn alarm(status: http::StatusCode, class: Option<Class>) -> Option<&'static str> {
    match (status.as_u16(), class) {
        (_, Some(Class::WalletLow)) => Some("mtn_wallet_low"),
        (_, Some(Class::Billing)) => None,
        (401 | 403, _) | (_, Some(Class::Credentials)) => Some(CREDENTIALS_ALARM),
        _ => None,
    }
}

impl<'a> Given<'a> {
    /// Reads `data`; what is no object gives nothing.
    fn of(data: Option<&'a RawValue>) -> Result<Self, Unreadable> {
        match data.map(RawValue::get) {
            Some(text) if text.starts_with('{') => {
                serde_json::from_str(text).map_err(|_| Unreadable)
            }
            _ => Ok(Self::default()),
        }
    }

    /// The amount, if it is naira and can be read.
    fn naira(&self) -> Option<Kobo> {
        let amount = self.amount?.get().trim_matches('"');
        if self.is_foreign() { None } else { Kobo::from_naira(amount).ok() }
    }

    fn is_foreign(&self) -> bool {
        let code = self.currency_code.map(|raw| raw.get().trim_matches('"').trim());
        code.is_some_and(|code| !code.is_empty() && !code.eq_ignore_ascii_case("NGN"))
    }

    /// Whether nothing here is another amount than what was asked for.
    fn agrees(&self, refill: &Refill<'_>) -> bool {
        match *refill {
            _ if self.is_foreign() => false,
            Refill::Voucherless { amount, .. } => self.naira().is_none_or(|it| it == amount),
            Refill::Voucher { .. } => true,
        }
    }
}

#[cfg(test)]
#[path = "refill_tests.rs"]
mod tests;
