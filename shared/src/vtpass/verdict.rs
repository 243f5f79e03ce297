//! What an answer to `pay` or `requery` proves about a purchase, and what it does not.
//!
//! Three things must agree before an answer is believed: the HTTP status, the code by the table of
//! the call (`codes`), and the transaction inside, which must be ours and must not say otherwise.
//! Whatever they leave open is [`Verdict::Unclear`]: asking again is free, a refund is not.

use http::StatusCode;

use super::codes::Ruling;
use super::wire::{Reply, Seen, Status, Transaction};
use super::{Order, TEST_NUMBERS};
use crate::phone::{Msisdn, masked};
use crate::upstream::{Answer, NoAnswer};

/// What an answer proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The customer has the value.
    Delivered,
    /// Not delivered and not charged.
    Failed,
    /// Charged, and the money is back in our wallet.
    Reversed,
    /// A person must look: the provider asks for one, or the answer is about something else than
    /// what was bought.
    NeedsReview,
    /// The provider says that it is working on it.
    Pending,
    /// Nothing may be concluded; ask again.
    Unclear,
}

/// What an operator must be told. Independent of the verdict: a requery refused for our
/// credentials leaves the purchase as it is and still needs somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// Our wallet at VTpass cannot pay for the order.
    WalletLow,
    /// VTpass does not take our credentials.
    CredentialsRefused,
    /// Our account there is locked, suspended, inactive or without API access.
    AccountBlocked,
    /// Our address is not on VTpass's list of ours.
    AddressRefused,
    /// The product is not on VTpass's list of ours.
    ProductRefused,
    /// The request id does not carry the day's date in Lagos.
    RequestIdRefused,
    /// VTpass settled the order by hand and must be asked how.
    AskProvider,
    /// The answer names another request than the one asked about.
    ForeignAnswer,
    /// Code and status contradict each other, or number or face value are not those of the order.
    Mismatch,
}

/// How a call about an order went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What it proves.
    pub verdict: Verdict,
    /// The provider's code, or a word of ours where its code is missing or not to be relied upon:
    /// `no_connection`, `timeout`, `broken`, `not_sent`, `unreadable`, `unrecognised`, `http_502`.
    pub code: String,
    /// Whether the answer proves that VTpass knows this request id.
    pub acknowledged: bool,
    /// What an operator must be told.
    pub alarm: Option<Alarm>,
    /// Whether a requery was answered that VTpass knows no such request id. Proves nothing alone.
    pub unknown_id: bool,
    /// What happened, for the purchase's history. Holds no personal data.
    pub note: &'static str,
}

/// The call an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Pay,
    Requery,
}

/// How far an HTTP status lets its body be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The call was served.
    Whole,
    /// The call was refused: the body may say why.
    Refusal,
    /// Something between us and the order failed: a code in the body settles nothing.
    Nothing,
}

impl Verdict {
    /// Whether the purchase is settled by it.
    pub fn is_final(self) -> bool {
        match self {
            Self::Delivered | Self::Failed | Self::Reversed => true,
            Self::NeedsReview | Self::Pending | Self::Unclear => false,
        }
    }
}

impl Alarm {
    /// The alarm's name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WalletLow => "vtpass_wallet_low",
            Self::CredentialsRefused => "vtpass_refuses_credentials",
            Self::AccountBlocked => "vtpass_account_blocked",
            Self::AddressRefused => "vtpass_refuses_address",
            Self::ProductRefused => "vtpass_refuses_product",
            Self::RequestIdRefused => "vtpass_refuses_request_id",
            Self::AskProvider => "vtpass_must_be_asked",
            Self::ForeignAnswer => "vtpass_foreign_answer",
            Self::Mismatch => "vtpass_mismatch",
        }
    }
}

impl Outcome {
    pub(super) fn unclear(code: impl Into<String>, note: &'static str) -> Self {
        let verdict = Verdict::Unclear;
        let code = code.into();
        Self { verdict, code, acknowledged: false, alarm: None, unknown_id: false, note }
    }

    fn no_answer(reason: NoAnswer) -> Self {
        match reason {
            // Nothing went out on this connection; the requery proves it all the same.
            NoAnswer::NotSent => Self::unclear("no_connection", "VTpass could not be reached"),
            NoAnswer::Timeout => Self::unclear("timeout", "VTpass did not answer in time"),
            NoAnswer::Broken => Self::unclear("broken", "the connection to VTpass broke"),
        }
    }
}

impl Trust {
    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200..=299 => Self::Whole,
            // Too slow, too early, too many: said by whoever stands in front.
            408 | 425 | 429 => Self::Nothing,
            400..=499 => Self::Refusal,
            _ => Self::Nothing,
        }
    }
}

/// Judges what came back from a call about `order`.
pub(super) fn judge(call: Call, result: Result<Answer, NoAnswer>, order: &Order<'_>) -> Outcome {
    let answer = match result {
        Ok(answer) => answer,
        Err(reason) => return Outcome::no_answer(reason),
    };
    let trust = Trust::of(answer.status);
    let refused = matches!(answer.status.as_u16(), 401 | 403);
    let mut outcome = match Reply::read(&answer.body) {
        Ok(reply) => read(call, trust, &reply, order),
        Err(_) => Outcome::unclear("unreadable", "VTpass's answer could not be understood"),
    };
    if trust == Trust::Nothing || (trust == Trust::Refusal && outcome.code == "unreadable") {
        outcome.code = format!("http_{}", answer.status.as_u16());
    }
    if refused {
        outcome.alarm = outcome.alarm.or(Some(Alarm::CredentialsRefused));
        outcome.unknown_id = false;
    }
    outcome
}

fn read(call: Call, trust: Trust, reply: &Reply, order: &Order<'_>) -> Outcome {
    let code = reply.code_text.clone();
    if names_another(reply, order) {
        let mut outcome = Outcome::unclear(code, "the answer is about another request");
        outcome.alarm = Some(Alarm::ForeignAnswer);
        return outcome;
    }
    let ruling = match call {
        Call::Pay => reply.code.on_pay(),
        Call::Requery => reply.code.on_requery(),
    };
    let (mut verdict, mut alarm, mut note) = ruled(ruling, reply);
    if let Some(transaction) = &reply.transaction
        && may_mislead(verdict)
        && !matches_order(transaction, order)
    {
        verdict = Verdict::NeedsReview;
        (alarm, note) = (Some(Alarm::Mismatch), "the answer is not about what was bought");
    }
    if !believed(call, trust, ruling) {
        (verdict, note) = (Verdict::Unclear, "the HTTP status says otherwise than the code");
    }
    Outcome {
        verdict,
        code,
        acknowledged: reply.code.acknowledges(),
        alarm: alarm.or(reply.code.alarm()),
        unknown_id: ruling == Ruling::UnknownId && trust != Trust::Nothing,
        note,
    }
}

/// A refused call settles a purchase only where the refusal itself is the proof: a `pay` that was
/// not taken. A refused `requery` says nothing of the purchase.
fn believed(call: Call, trust: Trust, ruling: Ruling) -> bool {
    match (trust, call) {
        (Trust::Whole, Call::Pay | Call::Requery) => true,
        (Trust::Refusal, Call::Pay) => ruling == Ruling::Failed,
        (Trust::Refusal, Call::Requery) => ruling == Ruling::UnknownId,
        (Trust::Nothing, Call::Pay | Call::Requery) => false,
    }
}

type Ruled = (Verdict, Option<Alarm>, &'static str);

/// The code's ruling, unless the transaction's status contradicts it.
fn ruled(ruling: Ruling, reply: &Reply) -> Ruled {
    let status = reply.transaction.as_ref().and_then(|it| it.status);
    match ruling {
        Ruling::LookInside => inside(status),
        Ruling::Failed if agrees(status) => {
            (Verdict::Failed, None, "VTpass did not take the order and did not charge for it")
        }
        Ruling::Reversed if agrees(status) => {
            (Verdict::Reversed, None, "VTpass gave the money back")
        }
        Ruling::Failed | Ruling::Reversed => {
            (Verdict::Unclear, Some(Alarm::Mismatch), "code and status contradict each other")
        }
        Ruling::NeedsReview => (Verdict::NeedsReview, None, "VTpass asks for a person"),
        Ruling::Pending => (Verdict::Pending, None, "VTpass is working on it"),
        Ruling::Unclear => (Verdict::Unclear, None, "the code says nothing of the purchase"),
        Ruling::UnknownId => (Verdict::Unclear, None, "VTpass knows no such request"),
    }
}

fn inside(status: Option<Status>) -> Ruled {
    match status {
        Some(Status::Delivered) => (Verdict::Delivered, None, "VTpass delivered"),
        Some(Status::Failed) => (Verdict::Failed, None, "the transaction failed at VTpass"),
        Some(Status::Reversed) => (Verdict::Reversed, None, "VTpass gave the money back"),
        Some(Status::Initiated | Status::Pending) => {
            (Verdict::Pending, None, "VTpass is working on it")
        }
        // Settled by hand, one way or the other: asking goes on while a person finds out.
        Some(Status::Resolved) => {
            (Verdict::Unclear, Some(Alarm::AskProvider), "VTpass resolved it without saying how")
        }
        Some(Status::Unknown) => (Verdict::Unclear, None, "VTpass gave an unknown status"),
        None => (Verdict::Unclear, None, "VTpass gave no status"),
    }
}

/// Whether a status lets a code say that the money is not, or no longer, with VTpass.
fn agrees(status: Option<Status>) -> bool {
    match status {
        None | Some(Status::Failed | Status::Reversed) => true,
        Some(Status::Initiated | Status::Pending | Status::Delivered) => false,
        Some(Status::Resolved | Status::Unknown) => false,
    }
}

/// Whether a verdict says something that another order's answer must not say.
fn may_mislead(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Delivered | Verdict::Failed | Verdict::Reversed | Verdict::Pending => true,
        Verdict::NeedsReview | Verdict::Unclear => false,
    }
}

fn names_another(reply: &Reply, order: &Order<'_>) -> bool {
    match &reply.request_id {
        Seen::Absent => false,
        Seen::Is(id) => id != order.request_id,
        Seen::Odd => true,
    }
}

/// Whether the number and the face value, where present, are those of the order. What is there but
/// cannot be read is no match.
fn matches_order(transaction: &Transaction, order: &Order<'_>) -> bool {
    let recipient = match &transaction.recipient {
        Seen::Absent => true,
        Seen::Is(number) => same_number(number, order.phone),
        Seen::Odd => false,
    };
    let amount = match transaction.amount {
        Seen::Absent => true,
        Seen::Is(amount) => amount == order.amount,
        Seen::Odd => false,
    };
    recipient && amount
}

fn same_number(left: &str, right: &str) -> bool {
    if TEST_NUMBERS.contains(&right) {
        return left == right;
    }
    // Of an old purchase only this much of the number is left.
    if right.contains('*') {
        return masked(left) == right;
    }
    matches!((Msisdn::parse(left), Msisdn::parse(right)), (Ok(left), Ok(right)) if left == right)
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
