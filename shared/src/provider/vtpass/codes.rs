//! VTpass's response codes, and what each code means for the call that it answers.
//!
//! Source: VTpass documentation, *Response codes*. The meaning depends on the call: on `pay`, the
//! code of a product that may not be sold is a final refusal; on `requery`, the same code is about
//! the requery and proves nothing about the purchase.

use crate::platform::telemetry::alarm::Alarm;

/// A response code and everything that it means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ResponseCode {
    /// The three digits; empty for a code that VTpass does not list.
    pub(super) number: &'static str,
    /// What it means in the answer to `pay`.
    pub(super) on_pay: OrderMeaning,
    /// What it means in the answer to `requery`.
    pub(super) on_requery: OrderMeaning,
    /// What it means in the answer to a read of the catalogue.
    pub(super) on_read: ReadMeaning,
    /// Whether it proves that VTpass knows the request id.
    pub(super) acknowledges: bool,
    /// What an operator must be told, whatever the call.
    pub(super) alarm: Option<Alarm>,
}

/// What a code proves about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderMeaning {
    /// The status of the transaction decides.
    SeeStatus,
    /// Not delivered and not charged.
    Failed,
    /// Charged, and the money was given back.
    Reversed,
    /// A person must look.
    NeedsReview,
    /// VTpass is working on it.
    Pending,
    /// Nothing.
    Unclear,
    /// VTpass does not know the request id.
    UnknownReference,
}

/// What a code means for a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadMeaning {
    /// The content can be read, if there is any.
    Readable,
    /// There is no such service.
    NoService,
    /// The service is not sold at present.
    ServiceOff,
    /// VTpass does not accept our credentials, address or account.
    Refused,
    /// The read failed; try again later.
    Unavailable,
}

impl ResponseCode {
    /// The code with these three digits, or [`UNLISTED`].
    pub(super) fn parse(number: &str) -> &'static Self {
        LISTED.iter().find(|code| code.number == number).unwrap_or(&UNLISTED)
    }

    /// Whether it names a fault of the customer, the tenant or ours. It then says nothing of whether
    /// VTpass can deliver.
    pub(super) fn is_our_fault(&self) -> bool {
        matches!(
            self.number,
            // What was ordered: the variation, an argument, the product, the amount, the quantity.
            "010" | "011" | "012" | "013" | "017" | "031" | "032"
            // An order that was sent before, or one like it.
            | "014" | "019"
            // Our wallet, account, address, products and credentials, and the form of our request id.
            | "018" | "021" | "022" | "023" | "024" | "025" | "026" | "027" | "028" | "085" | "087"
        )
    }
}

/// The meaning of a code that VTpass does not list: it proves nothing. The catalogue has a word
/// where other answers have a code, so a read ignores such a code.
static UNLISTED: ResponseCode = {
    use OrderMeaning::Unclear;
    code("", Unclear, Unclear, ReadMeaning::Readable, false, None)
};

/// Every code that VTpass lists, with the columns: number, `on_pay`, `on_requery`, `on_read`,
/// `acknowledges`, `alarm`.
///
/// A duplicate (014, 019) is unclear on `pay`, because the order may exist: by this call or by an
/// earlier one like it. 001 and 015 answer a query, so they prove nothing on `pay`.
#[rustfmt::skip]
static LISTED: [ResponseCode; 34] = {
    use OrderMeaning::{
        Failed, NeedsReview, Pending, Reversed, SeeStatus, Unclear, UnknownReference,
    };
    use ReadMeaning::{NoService, Readable, Refused, ServiceOff, Unavailable};
    const WALLET: Option<Alarm> = Some(Alarm::VtpassWalletLow);
    const BLOCKED: Option<Alarm> = Some(Alarm::VtpassAccountBlocked);
    const ADDRESS: Option<Alarm> = Some(Alarm::VtpassRefusesAddress);
    const PRODUCT: Option<Alarm> = Some(Alarm::VtpassRefusesProduct);
    const REQUEST_ID: Option<Alarm> = Some(Alarm::VtpassRefusesRequestId);
    const CREDENTIALS: Option<Alarm> = Some(Alarm::VtpassRefusesCredentials);
    const ASK: Option<Alarm> = Some(Alarm::VtpassMustBeAsked);
    [
        code("000", SeeStatus, SeeStatus, Readable, true, None), // processed
        code("001", Unclear, SeeStatus, Readable, true, None), // the result of a query
        code("010", Failed, Unclear, NoService, false, None), // variation code does not exist
        code("011", Failed, Unclear, NoService, false, None), // an argument is missing
        code("012", Failed, Unclear, NoService, false, None), // product does not exist
        code("013", Failed, Unclear, Unavailable, false, None), // below the minimum amount
        code("014", Unclear, Unclear, Unavailable, true, None), // the request id was used before
        code("015", Unclear, UnknownReference, Unavailable, false, None), // unknown request id
        code("016", Failed, Failed, Unavailable, false, None), // transaction failed
        code("017", Failed, Unclear, Unavailable, false, None), // above the maximum amount
        code("018", Failed, Unclear, Unavailable, false, WALLET), // our wallet is too low
        code("019", Unclear, Unclear, Unavailable, false, None), // the same order within 30 s
        code("020", Failed, Unclear, Unavailable, false, None), // biller confirmed (verification)
        code("021", Failed, Unclear, Refused, false, BLOCKED), // account locked
        code("022", Failed, Unclear, Refused, false, BLOCKED), // account suspended
        code("023", Failed, Unclear, Refused, false, BLOCKED), // no API access
        code("024", Failed, Unclear, Refused, false, BLOCKED), // account inactive
        code("025", Unclear, Unclear, Unavailable, false, None), // bank transfer only
        code("026", Unclear, Unclear, Unavailable, false, None), // bank transfer only, here
        code("027", Failed, Unclear, Refused, false, ADDRESS), // our IP address is not listed
        code("028", Failed, Unclear, Refused, false, PRODUCT), // the product is not on our list
        code("030", Failed, Unclear, Unavailable, false, None), // biller cannot be reached
        code("031", Failed, Unclear, Unavailable, false, None), // below the minimum quantity
        code("032", Failed, Unclear, Unavailable, false, None), // above the maximum quantity
        code("034", Failed, Unclear, ServiceOff, false, None), // service suspended
        code("035", Failed, Unclear, ServiceOff, false, None), // service inactive
        code("040", Reversed, Reversed, Unavailable, true, None), // our wallet got the money back
        code("044", NeedsReview, NeedsReview, Unavailable, true, ASK), // resolved by a person
        code("083", Unclear, Unclear, Unavailable, false, None), // system error
        code("085", Failed, Unclear, Unavailable, false, REQUEST_ID), // no date of today in it
        code("087", Failed, Unclear, Refused, false, CREDENTIALS), // wrong credentials
        code("089", Pending, Pending, Unavailable, true, None), // an earlier request is processed
        code("091", Failed, Failed, Unavailable, false, None), // not processed and not charged
        code("099", Pending, Pending, Unavailable, true, None), // being processed
    ]
};

const fn code(
    number: &'static str,
    on_pay: OrderMeaning,
    on_requery: OrderMeaning,
    on_read: ReadMeaning,
    acknowledges: bool,
    alarm: Option<Alarm>,
) -> ResponseCode {
    ResponseCode { number, on_pay, on_requery, on_read, acknowledges, alarm }
}
