//! VTpass's response codes and what each says, call by call.
//!
//! Source: VTpass documentation, *Response codes*. A code speaks only for the call it answers: a
//! product that may not be sold refuses a `pay` for good, but in the answer to a `requery` the same
//! code is about the requery and leaves the purchase as it was.

use super::Alarm;

/// A response code. Numbers VTpass does not list are [`Code::Unknown`] and prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// 000: taken; how it went is inside.
    Processed,
    /// 001: what a query found is inside.
    QueryResult,
    /// 010
    BadVariation,
    /// 011
    MissingArgument,
    /// 012
    NoSuchProduct,
    /// 013
    BelowMinimum,
    /// 014: the request id was used before.
    DuplicateRequestId,
    /// 015: the request id was never seen.
    UnknownRequestId,
    /// 016
    Failed,
    /// 017
    AboveMaximum,
    /// 018: our wallet is too low.
    WalletLow,
    /// 019: the same order within 30 seconds.
    LikelyDuplicate,
    /// 020: an answer to a verification.
    BillerConfirmed,
    /// 021
    AccountLocked,
    /// 022
    AccountSuspended,
    /// 023
    NoApiAccess,
    /// 024
    AccountInactive,
    /// 025
    BankTransferOnly,
    /// 026
    BankTransferOnlyHere,
    /// 027: our address is not on the list.
    AddressNotListed,
    /// 028: the product is not on our list.
    ProductNotListed,
    /// 030
    BillerUnreachable,
    /// 031
    BelowQuantity,
    /// 032
    AboveQuantity,
    /// 034
    ServiceSuspended,
    /// 035
    ServiceInactive,
    /// 040: our wallet got the money back.
    Reversed,
    /// 044: resolved by a person there; one must ask them how.
    Resolved,
    /// 083
    SystemError,
    /// 085: the request id does not carry today's date.
    BadRequestId,
    /// 087
    BadCredentials,
    /// 089: the earlier request is still under way.
    StillProcessing,
    /// 091: not processed and not charged.
    NotProcessed,
    /// 099: under way.
    Processing,
    /// Anything else.
    Unknown,
}

/// What a code says about the purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ruling {
    /// The transaction's own status says it.
    LookInside,
    /// Not delivered and not charged.
    Failed,
    /// Charged and given back.
    Reversed,
    /// Only a person can tell.
    NeedsReview,
    /// Under way.
    Pending,
    /// Nothing that could be relied upon.
    Unclear,
    /// VTpass knows no such request id.
    UnknownId,
}

/// What a code says about a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadRuling {
    /// Nothing against reading the content, if there is one.
    Fine,
    /// There is no such service.
    UnknownService,
    /// The service is not sold at present.
    ServiceOff,
    /// An operator must act.
    Refused,
    /// Try again later.
    Unavailable,
}

impl Code {
    /// Reads the three digits.
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "000" => Self::Processed,
            "001" => Self::QueryResult,
            "010" => Self::BadVariation,
            "011" => Self::MissingArgument,
            "012" => Self::NoSuchProduct,
            "013" => Self::BelowMinimum,
            "014" => Self::DuplicateRequestId,
            "015" => Self::UnknownRequestId,
            "016" => Self::Failed,
            "017" => Self::AboveMaximum,
            "018" => Self::WalletLow,
            "019" => Self::LikelyDuplicate,
            "020" => Self::BillerConfirmed,
            "021" => Self::AccountLocked,
            "022" => Self::AccountSuspended,
            "023" => Self::NoApiAccess,
            "024" => Self::AccountInactive,
            "025" => Self::BankTransferOnly,
            "026" => Self::BankTransferOnlyHere,
            "027" => Self::AddressNotListed,
            "028" => Self::ProductNotListed,
            "030" => Self::BillerUnreachable,
            "031" => Self::BelowQuantity,
            "032" => Self::AboveQuantity,
            "034" => Self::ServiceSuspended,
            "035" => Self::ServiceInactive,
            "040" => Self::Reversed,
            "044" => Self::Resolved,
            "083" => Self::SystemError,
            "085" => Self::BadRequestId,
            "087" => Self::BadCredentials,
            "089" => Self::StillProcessing,
            "091" => Self::NotProcessed,
            "099" => Self::Processing,
            _ => Self::Unknown,
        }
    }

    /// What the code says in the answer to `pay`.
    pub(super) fn on_pay(self) -> Ruling {
        match self {
            Self::Processed => Ruling::LookInside,
            Self::Processing | Self::StillProcessing => Ruling::Pending,
            Self::Resolved => Ruling::NeedsReview,
            Self::Reversed => Ruling::Reversed,
            Self::NotProcessed | Self::Failed => Ruling::Failed,
            Self::BadVariation | Self::MissingArgument | Self::NoSuchProduct => Ruling::Failed,
            Self::BelowMinimum | Self::AboveMaximum => Ruling::Failed,
            Self::BelowQuantity | Self::AboveQuantity => Ruling::Failed,
            Self::ServiceSuspended | Self::ServiceInactive => Ruling::Failed,
            Self::BillerConfirmed | Self::BillerUnreachable => Ruling::Failed,
            Self::WalletLow | Self::BadCredentials | Self::BadRequestId => Ruling::Failed,
            Self::AccountLocked | Self::AccountSuspended => Ruling::Failed,
            Self::NoApiAccess | Self::AccountInactive => Ruling::Failed,
            Self::AddressNotListed | Self::ProductNotListed => Ruling::Failed,
            // The order may exist: by this call, or by an earlier one like it.
            Self::DuplicateRequestId | Self::LikelyDuplicate => Ruling::Unclear,
            Self::BankTransferOnly | Self::BankTransferOnlyHere => Ruling::Unclear,
            // These answer a query, which a pay is not.
            Self::QueryResult | Self::UnknownRequestId => Ruling::Unclear,
            Self::SystemError | Self::Unknown => Ruling::Unclear,
        }
    }

    /// What the code says in the answer to `requery`.
    pub(super) fn on_requery(self) -> Ruling {
        match self {
            Self::Processed | Self::QueryResult => Ruling::LookInside,
            Self::Processing | Self::StillProcessing => Ruling::Pending,
            Self::Resolved => Ruling::NeedsReview,
            Self::Reversed => Ruling::Reversed,
            Self::NotProcessed | Self::Failed => Ruling::Failed,
            Self::UnknownRequestId => Ruling::UnknownId,
            // The rest judges the requery, not the purchase.
            Self::BadVariation | Self::MissingArgument | Self::NoSuchProduct => Ruling::Unclear,
            Self::BelowMinimum | Self::AboveMaximum => Ruling::Unclear,
            Self::BelowQuantity | Self::AboveQuantity => Ruling::Unclear,
            Self::ServiceSuspended | Self::ServiceInactive => Ruling::Unclear,
            Self::BillerConfirmed | Self::BillerUnreachable => Ruling::Unclear,
            Self::WalletLow | Self::BadCredentials | Self::BadRequestId => Ruling::Unclear,
            Self::AccountLocked | Self::AccountSuspended => Ruling::Unclear,
            Self::NoApiAccess | Self::AccountInactive => Ruling::Unclear,
            Self::AddressNotListed | Self::ProductNotListed => Ruling::Unclear,
            Self::DuplicateRequestId | Self::LikelyDuplicate => Ruling::Unclear,
            Self::BankTransferOnly | Self::BankTransferOnlyHere => Ruling::Unclear,
            Self::SystemError | Self::Unknown => Ruling::Unclear,
        }
    }

    /// What the code says in the answer to a read of the catalogue or the balance.
    pub(super) fn on_read(self) -> ReadRuling {
        match self {
            // The catalogue has a word where other answers have a code, the balance a plain 1.
            Self::Processed | Self::QueryResult | Self::Unknown => ReadRuling::Fine,
            Self::NoSuchProduct | Self::MissingArgument | Self::BadVariation => {
                ReadRuling::UnknownService
            }
            Self::ServiceSuspended | Self::ServiceInactive => ReadRuling::ServiceOff,
            Self::AccountLocked | Self::AccountSuspended => ReadRuling::Refused,
            Self::NoApiAccess | Self::AccountInactive => ReadRuling::Refused,
            Self::AddressNotListed | Self::ProductNotListed => ReadRuling::Refused,
            Self::BadCredentials => ReadRuling::Refused,
            Self::BelowMinimum | Self::AboveMaximum => ReadRuling::Unavailable,
            Self::BelowQuantity | Self::AboveQuantity => ReadRuling::Unavailable,
            Self::DuplicateRequestId | Self::UnknownRequestId => ReadRuling::Unavailable,
            Self::LikelyDuplicate | Self::BadRequestId => ReadRuling::Unavailable,
            Self::BankTransferOnly | Self::BankTransferOnlyHere => ReadRuling::Unavailable,
            Self::BillerConfirmed | Self::BillerUnreachable => ReadRuling::Unavailable,
            Self::Failed | Self::NotProcessed | Self::Reversed => ReadRuling::Unavailable,
            Self::Resolved | Self::WalletLow | Self::SystemError => ReadRuling::Unavailable,
            Self::StillProcessing | Self::Processing => ReadRuling::Unavailable,
        }
    }

    /// Whether the code proves that VTpass knows the request id.
    pub(super) fn acknowledges(self) -> bool {
        match self {
            Self::Processed | Self::QueryResult | Self::DuplicateRequestId => true,
            Self::Reversed | Self::Resolved => true,
            Self::StillProcessing | Self::Processing => true,
            Self::BadVariation | Self::MissingArgument | Self::NoSuchProduct => false,
            Self::BelowMinimum | Self::AboveMaximum => false,
            Self::BelowQuantity | Self::AboveQuantity => false,
            Self::UnknownRequestId | Self::LikelyDuplicate | Self::BadRequestId => false,
            Self::Failed | Self::NotProcessed => false,
            Self::WalletLow | Self::BadCredentials => false,
            Self::BillerConfirmed | Self::BillerUnreachable => false,
            Self::AccountLocked | Self::AccountSuspended => false,
            Self::NoApiAccess | Self::AccountInactive => false,
            Self::AddressNotListed | Self::ProductNotListed => false,
            Self::BankTransferOnly | Self::BankTransferOnlyHere => false,
            Self::ServiceSuspended | Self::ServiceInactive => false,
            Self::SystemError | Self::Unknown => false,
        }
    }

    /// Whom the code calls for, whatever call it answers.
    pub(super) fn alarm(self) -> Option<Alarm> {
        match self {
            Self::WalletLow => Some(Alarm::WalletLow),
            Self::BadCredentials => Some(Alarm::CredentialsRefused),
            Self::AccountLocked | Self::AccountSuspended => Some(Alarm::AccountBlocked),
            Self::NoApiAccess | Self::AccountInactive => Some(Alarm::AccountBlocked),
            Self::AddressNotListed => Some(Alarm::AddressRefused),
            Self::ProductNotListed => Some(Alarm::ProductRefused),
            Self::BadRequestId => Some(Alarm::RequestIdRefused),
            Self::Resolved => Some(Alarm::AskProvider),
            Self::Processed | Self::QueryResult => None,
            Self::BadVariation | Self::MissingArgument | Self::NoSuchProduct => None,
            Self::BelowMinimum | Self::AboveMaximum => None,
            Self::BelowQuantity | Self::AboveQuantity => None,
            Self::DuplicateRequestId | Self::UnknownRequestId | Self::LikelyDuplicate => None,
            Self::Failed | Self::NotProcessed | Self::Reversed => None,
            Self::BillerConfirmed | Self::BillerUnreachable => None,
            Self::BankTransferOnly | Self::BankTransferOnlyHere => None,
            Self::ServiceSuspended | Self::ServiceInactive => None,
            Self::SystemError | Self::StillProcessing | Self::Processing => None,
            Self::Unknown => None,
        }
    }
}
