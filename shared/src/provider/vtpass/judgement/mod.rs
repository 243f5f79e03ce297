//! What an answer to `pay` or `requery` proves about a purchase.
//!
//! An answer counts only if three things agree: the HTTP status, the meaning of the code for the
//! call (see `codes`), and the transaction inside, which must be about the order and must not
//! contradict the code. Everything else is [`Verdict::Unclear`]: a requery costs nothing, a wrong
//! refund does.

use http::StatusCode;

use super::call::OrderCall;
use super::codes::OrderMeaning;
use super::field::Field;
use super::order_answer::{OrderAnswer, Transaction, TransactionStatus};
use crate::domain::purchase::{Order, Outcome, Verdict};
use crate::platform::http::{Answer, NoAnswer};
use crate::platform::telemetry::alarm::Alarm;
use crate::provider::answer::{http_code, no_answer};

/// What an HTTP status says about the call, and so about the value of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HttpClass {
    /// The call was served. The body counts.
    Success,
    /// The call was refused. The body may say why.
    Refusal,
    /// Something between us and VTpass failed. The body proves nothing.
    Failure,
}

impl HttpClass {
    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200..=299 => Self::Success,
            // Too slow, too early, too many: a proxy in front of VTpass may say this.
            408 | 425 | 429 => Self::Failure,
            400..=499 => Self::Refusal,
            _ => Self::Failure,
        }
    }
}

/// Judges the result of a call about `order`.
pub(super) fn judge(
    call: OrderCall,
    result: Result<Answer, NoAnswer>,
    order: &Order<'_>,
) -> Outcome {
    let answer = match result {
        Ok(answer) => answer,
        Err(reason) => return no_answer("VTpass", Verdict::Unclear, reason),
    };
    let http = HttpClass::of(answer.status);
    let body = OrderAnswer::read(&answer.body);
    let mut outcome = match &body {
        Ok(body) => judge_body(call, http, body, order),
        Err(_) => Outcome::unclear("unreadable", "VTpass's answer could not be understood"),
    };
    if http == HttpClass::Failure || (http == HttpClass::Refusal && body.is_err()) {
        outcome.code = http_code(answer.status);
    }
    if matches!(answer.status.as_u16(), 401 | 403) {
        outcome.alarm = outcome.alarm.or(Some(Alarm::VtpassRefusesCredentials));
        outcome.unknown_reference = false;
        outcome.is_our_fault = true;
    }
    outcome
}

fn judge_body(
    call: OrderCall,
    http: HttpClass,
    answer: &OrderAnswer,
    order: &Order<'_>,
) -> Outcome {
    if !answer.request_id.is_absent_or(|id| id == order.reference.as_str()) {
        let code = answer.code_text.clone();
        return Outcome {
            alarm: Some(Alarm::VtpassForeignAnswer),
            ..Outcome::unclear(code, "the answer is about another request")
        };
    }
    let is_named = answer.request_id != Field::Absent;
    let meaning = match call {
        OrderCall::Pay => answer.code.on_pay,
        OrderCall::Requery => answer.code.on_requery,
    };
    let status = answer.transaction.as_ref().and_then(|transaction| transaction.status);
    let (mut verdict, mut alarm, mut note) = conclude(meaning, status);
    let mut mismatched = None;
    if let Some(transaction) = &answer.transaction
        && needs_a_match(verdict)
        && !matches_order(transaction, order)
    {
        // An answer that does not name our request, or names another number, may be about another order.
        let is_ours = is_named && is_about_the_number(transaction, order);
        mismatched = Some(verdict).filter(|it| it.proves().is_some() && is_ours);
        verdict = Verdict::NeedsReview;
        (alarm, note) = (Some(Alarm::VtpassMismatch), "the answer is not about what was bought");
    }
    if !counts(call, http, meaning) {
        (verdict, note) = (Verdict::Unclear, "the HTTP status says otherwise than the code");
    }
    let mismatched = mismatched.filter(|_| verdict == Verdict::NeedsReview);
    let says_the_cost = says_the_cost(mismatched.unwrap_or(verdict));
    let charge = answer.transaction.clone().filter(|_| says_the_cost);
    Outcome {
        charge: charge.map(Transaction::charge).unwrap_or_default(),
        // A transaction proves that VTpass knows the order, whatever the code says.
        acknowledged: answer.code.acknowledges || answer.transaction.as_ref().is_some_and(is_some),
        alarm: alarm.or(answer.code.alarm),
        unknown_reference: meaning == OrderMeaning::UnknownReference && http != HttpClass::Failure,
        is_our_fault: answer.code.is_our_fault() && http != HttpClass::Failure,
        mismatched,
        ..Outcome::new(verdict, answer.code_text.clone(), note)
    }
}

/// Whether a meaning counts under an HTTP status. A refused call settles a purchase only if the
/// refusal itself is the proof: a `pay` that was not accepted. A refused `requery` proves nothing
/// about the purchase.
fn counts(call: OrderCall, http: HttpClass, meaning: OrderMeaning) -> bool {
    match (http, call) {
        (HttpClass::Success, OrderCall::Pay | OrderCall::Requery) => true,
        (HttpClass::Refusal, OrderCall::Pay) => meaning == OrderMeaning::Failed,
        (HttpClass::Refusal, OrderCall::Requery) => meaning == OrderMeaning::UnknownReference,
        (HttpClass::Failure, OrderCall::Pay | OrderCall::Requery) => false,
    }
}

/// A verdict, an alarm and a note for the history.
type Conclusion = (Verdict, Option<Alarm>, &'static str);

/// What the code proves, unless the transaction's status contradicts it.
fn conclude(meaning: OrderMeaning, status: Option<TransactionStatus>) -> Conclusion {
    match meaning {
        OrderMeaning::SeeStatus => conclude_from_status(status),
        OrderMeaning::Failed if allows_no_charge(status) => {
            (Verdict::Failed, None, "VTpass did not take the order and did not charge for it")
        }
        OrderMeaning::Reversed if allows_no_charge(status) => {
            (Verdict::Reversed, None, "VTpass gave the money back")
        }
        OrderMeaning::Failed | OrderMeaning::Reversed => {
            (Verdict::Unclear, Some(Alarm::VtpassMismatch), "code and status contradict each other")
        }
        OrderMeaning::NeedsReview => (Verdict::NeedsReview, None, "VTpass asks for a person"),
        OrderMeaning::Pending => (Verdict::Pending, None, "VTpass is working on it"),
        OrderMeaning::Unclear => (Verdict::Unclear, None, "the code says nothing of the purchase"),
        OrderMeaning::UnknownReference => (Verdict::Unclear, None, "VTpass knows no such request"),
    }
}

fn conclude_from_status(status: Option<TransactionStatus>) -> Conclusion {
    use TransactionStatus::{Delivered, Failed, Initiated, Pending, Resolved, Reversed, Unknown};
    match status {
        Some(Delivered) => (Verdict::Delivered, None, "VTpass delivered"),
        Some(Failed) => (Verdict::Failed, None, "the transaction failed at VTpass"),
        Some(Reversed) => (Verdict::Reversed, None, "VTpass gave the money back"),
        Some(Initiated | Pending) => (Verdict::Pending, None, "VTpass is working on it"),
        // VTpass's staff settled it, and the answer does not say how: a person must ask them.
        Some(Resolved) => {
            let alarm = Some(Alarm::VtpassMustBeAsked);
            (Verdict::Unclear, alarm, "VTpass resolved it without saying how")
        }
        Some(Unknown) => (Verdict::Unclear, None, "VTpass gave an unknown status"),
        None => (Verdict::Unclear, None, "VTpass gave no status"),
    }
}

/// Whether a status does not contradict a code that says: not charged, or given back.
fn allows_no_charge(status: Option<TransactionStatus>) -> bool {
    use TransactionStatus::{Delivered, Failed, Initiated, Pending, Resolved, Reversed, Unknown};
    match status {
        None | Some(Failed | Reversed) => true,
        Some(Initiated | Pending | Delivered | Resolved | Unknown) => false,
    }
}

/// Whether a verdict would be wrong if the answer were about another order.
fn needs_a_match(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Delivered | Verdict::Failed | Verdict::Reversed | Verdict::Pending => true,
        Verdict::NeedsReview | Verdict::Unclear => false,
    }
}

/// Whether what an answer says of the cost counts: it is about the order, and nothing says that it was not
/// charged.
fn says_the_cost(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Delivered | Verdict::Reversed | Verdict::Pending => true,
        Verdict::Failed | Verdict::NeedsReview | Verdict::Unclear => false,
    }
}

/// Whether a transaction says anything.
fn is_some(transaction: &Transaction) -> bool {
    let Transaction { status, recipient, amount, id, total_amount, commission } = transaction;
    let texts = [recipient, id].into_iter().any(|it| *it != Field::Absent);
    let amounts = [amount, total_amount, commission].into_iter().any(|it| *it != Field::Absent);
    status.is_some() || texts || amounts
}

/// Whether the number and the face value, where present, are those of the order. An unreadable
/// value does not match.
fn matches_order(transaction: &Transaction, order: &Order<'_>) -> bool {
    is_about_the_number(transaction, order)
        && transaction.amount.is_absent_or(|amount| *amount == order.amount)
}

fn is_about_the_number(transaction: &Transaction, order: &Order<'_>) -> bool {
    transaction.recipient.is_absent_or(|number| order.recipient.is_named_by(number))
}

#[cfg(test)]
mod tests;
