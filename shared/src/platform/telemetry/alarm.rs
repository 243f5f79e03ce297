//! The alarms: what a person must know of. Each is written to the log with a field `alarm`, counted
//! as a metric of that name, and watched by an alarm of the template.

use strum::{EnumIter, IntoStaticStr};

/// An alarm. Its name in logs and metrics is its variant in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Alarm {
    /// Mono answered 401 or 403: check the key and its scope.
    MonoRefusesCredentials,
    /// Mono has not confirmed a withdrawn consent for a day.
    UnlinkOverdue,
    /// More accounts are unknown to Mono than the limit of withdrawals allows; no more are erased for now.
    ManyWithdrawals,
    /// Mono used up a code and its answer was lost: the customer must begin again.
    CodeLost,
    /// A purchase waits for a person.
    NeedsReview,
    /// A provider's answer contradicts a final state; nothing was changed.
    ContradictedFinalState,
    /// Our wallet at VTpass cannot pay for the order.
    VtpassWalletLow,
    /// The wallet at VTpass will soon be empty.
    FloatLow,
    /// The balance at VTpass was not read for hours, so nobody would be told of its end.
    BalanceUnread,
    /// The wallet at VTpass moved by more than our books explain.
    WalletUnexplained,
    /// VTpass does not take our credentials.
    VtpassRefusesCredentials,
    /// Our account at VTpass is locked, suspended, inactive or without API access.
    VtpassAccountBlocked,
    /// Our IP address is not on VTpass's list.
    VtpassRefusesAddress,
    /// The product is not on our list at VTpass.
    VtpassRefusesProduct,
    /// The request id does not carry today's date in Lagos.
    VtpassRefusesRequestId,
    /// VTpass settled the order by hand; its support must be asked how.
    VtpassMustBeAsked,
    /// VTpass's answer names another request than the one asked about.
    VtpassForeignAnswer,
    /// VTpass gave no clear answer to a hint for a day.
    HintUnanswered,
    /// VTpass gave no clear answer about a settled purchase for two weeks.
    LookBackUnanswered,
    /// The chain of a purchase was overdue, and reconcile started it again.
    ChainRestarted,
    /// This version cannot read a stored item.
    UnreadableItem,
    /// This version cannot read a job.
    UnreadableJob,
    /// A job was tried several times, and each time it failed.
    JobFails,
    /// VTpass's code and status contradict each other, or number or price are not the order's.
    VtpassMismatch,
    /// MTN does not take our key, client or token.
    MtnRefusesCredentials,
    /// MTN says that our balance cannot pay for a refill.
    MtnWalletLow,
    /// MTN's answer to a repeated question is too large to be stored.
    AnswerTooLarge,
    /// A tenant's webhook endpoint took nothing for five days, or is gone. It was disabled.
    EndpointDisabled,
    /// A tenant reached its money limit: it needs a larger one, or its key is stolen.
    SpendLimitReached,
    /// Most orders of a service failed or stayed unclear, so it is not sold.
    ServiceSuspended,
    /// A day has no report, long after its end.
    DayNotClosed,
    /// A route was deployed without its authorizer; it answers 503.
    NoAuthorizer,
}

impl Alarm {
    /// The name in logs and metrics.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
