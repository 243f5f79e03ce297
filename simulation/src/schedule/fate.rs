//! What a provider does with one order.
//!
//! A fate keeps what the providers' documents promise: what VTpass states with proof is true and
//! stays true, except that a delivered order may be reversed. docs/proof.md lists these assumptions.

use sandbox::simulators::vtpass::{ApiCall, OrderState, Script};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::odd::{Odd, sparse};

/// What VTpass does with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fate {
    /// How `pay` is answered.
    pub pay: PayAnswer,
    /// How the first requeries are answered. Later ones get the plain answer.
    pub requeries: Vec<RequeryAnswer>,
    /// How it ends.
    pub end: End,
    /// For how many requeries it stays pending; for ever if none.
    pub asks: Option<u32>,
}

/// How an order ends.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum End {
    /// The customer gets the value.
    Delivered,
    /// It is not delivered, and what was charged is paid back.
    Failed,
    /// It was charged and paid back.
    Reversed,
}

/// How `pay` is answered.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PayAnswer {
    /// With the end.
    Plain,
    /// That it is pending.
    Pending,
    /// Refused for a reason of the order: 016, never charged.
    Refused,
    /// Refused for lack of money in the wallet: 018.
    LowWallet,
    /// Refused by a maintenance of the biller: 030.
    Maintenance,
    /// Taken, but no answer comes.
    Silent,
    /// Not taken, and no answer comes.
    SilentNotTaken,
    /// Taken; half an answer comes.
    Half,
    /// Taken; a 500 comes.
    Error,
    /// Not taken; a 500 comes.
    ErrorNotTaken,
    /// Taken; a page in HTML comes.
    Page,
    /// Taken; that the id was used before: 014.
    Used,
    /// Taken; that VTpass's system failed: 083.
    SystemError,
    /// Taken; an unknown code.
    UnknownCode,
    /// Taken; an unknown status.
    UnknownStatus,
    /// Taken; that a person must look: 044.
    Review,
    /// Taken; 016 beside a transaction that says delivered.
    Contradictory,
    /// Taken; the answer is about another order, which ended otherwise.
    Foreign,
    /// Taken; the answer is about another number, whose order ended otherwise.
    OtherNumber,
    /// Taken; another amount.
    OtherAmount,
    /// With the end, by a transaction without number, amount and cost.
    Sparse,
    /// Taken; an answer that states no end.
    Odd(Odd),
}

/// How a requery is answered.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RequeryAnswer {
    /// As it is.
    Plain,
    /// Not at all.
    Silent,
    /// With half an answer.
    Half,
    /// With a 500.
    Error,
    /// With a page in HTML.
    Page,
    /// That the order is not known: 015.
    Unknown,
    /// The same beside the order's transaction.
    UnknownWithTransaction,
    /// With a code that speaks of the requery: 018.
    OwnFault,
    /// With a code of refused credentials: 027.
    Credentials,
    /// That a person must look: 044.
    Review,
    /// That VTpass's system failed: 083.
    SystemError,
    /// With an unknown code.
    UnknownCode,
    /// About another order, which ended otherwise.
    Foreign,
    /// About another number, whose order ended otherwise.
    OtherNumber,
    /// With 016 beside a transaction that says pending.
    Contradictory,
    /// As it is, by a transaction without number, amount and cost.
    Sparse,
    /// With an answer that states no end.
    Odd(Odd),
}

/// What MTN does with a refill.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RefillAnswer {
    /// Done.
    Plain,
    /// Refused with an envelope: 400.
    Refused,
    /// Done; a 500 comes.
    Error,
    /// Not done; a 500 comes.
    ErrorNotDone,
    /// Done; half an answer comes.
    Half,
    /// Done; a page comes.
    Page,
    /// The token is refused, and nothing is done.
    Token,
    /// Done; that a system behind MTN did not answer in time: 400 with code 1007.
    TimedOut,
    /// Done; that a system behind MTN is away: 404 with code 3001.
    Away,
    /// Refused for its credentials: 403 with code 4000.
    Forbidden,
}

impl End {
    /// The simulator's word for it.
    pub fn state(self) -> OrderState {
        match self {
            Self::Delivered => OrderState::Delivered,
            Self::Failed => OrderState::Failed,
            Self::Reversed => OrderState::Reversed,
        }
    }
}

impl PayAnswer {
    /// Whether VTpass takes and charges the order.
    pub fn is_taken(self) -> bool {
        !matches!(
            self,
            Self::Refused
                | Self::LowWallet
                | Self::Maintenance
                | Self::SilentNotTaken
                | Self::ErrorNotTaken
        )
    }
}

impl Fate {
    /// Whether its purchase will probably wait for a person: VTpass says so, or the order stays pending.
    pub fn is_for_review(&self) -> bool {
        let is_named = self.requeries.contains(&RequeryAnswer::Review);
        self.pay == PayAnswer::Review || is_named || self.asks.is_none()
    }

    /// What the simulated VTpass is told, for an order of this number.
    pub fn scripts(&self, phone: &str) -> Vec<Script> {
        let pay = Script { call: ApiCall::Pay, phone: Some(phone.to_owned()), ..self.pay() };
        let requeries = self.requeries.iter().map(|answer| Script {
            call: ApiCall::Requery,
            phone: Some(phone.to_owned()),
            ..answer.script(self.end)
        });
        std::iter::once(pay).chain(requeries).collect()
    }

    fn pay(&self) -> Script {
        let code = |code: &str| Script { code: Some(code.to_owned()), ..Script::default() };
        let end = Some(self.end.state());
        let base = match self.pay {
            PayAnswer::Plain => Script { resolves_to: end, ..self.plain() },
            PayAnswer::Pending => Script { status: Some("pending".to_owned()), ..code("099") },
            PayAnswer::Refused => return code("016"),
            PayAnswer::LowWallet => return code("018"),
            PayAnswer::Maintenance => return code("030"),
            PayAnswer::Silent => Script { hang: true, ..self.hidden() },
            PayAnswer::SilentNotTaken => {
                return Script { hang: true, charge: Some(false), ..Script::default() };
            }
            PayAnswer::Half => Script { half: true, ..self.hidden() },
            PayAnswer::Error => Script {
                http_status: Some(500),
                body: Some(json!("<html></html>")),
                ..self.hidden()
            },
            PayAnswer::ErrorNotTaken => {
                let charge = Some(false);
                return Script { http_status: Some(500), charge, ..Script::default() };
            }
            PayAnswer::Page => Script { body: Some(json!("<html></html>")), ..self.hidden() },
            PayAnswer::Used => code("014"),
            PayAnswer::SystemError => code("083"),
            PayAnswer::UnknownCode => code("777"),
            PayAnswer::UnknownStatus => {
                Script { status: Some("odd".to_owned()), ..Script::default() }
            }
            PayAnswer::Review => code("044"),
            PayAnswer::Contradictory => {
                Script { status: Some("delivered".to_owned()), ..code("016") }
            }
            PayAnswer::Foreign => other_order(self.end),
            PayAnswer::OtherNumber => other_number(self.end),
            PayAnswer::OtherAmount => set("/content/transactions/amount", json!(1)),
            PayAnswer::Sparse => Script { resolves_to: end, code: self.plain().code, ..sparse() },
            PayAnswer::Odd(odd) => odd.script(),
        };
        // To the simulator, a pending order without asks stays pending for ever.
        let asks = Some(self.asks.map_or(u32::MAX, |asks| asks.max(1)));
        Script { charge: Some(true), resolves_to: end, asks, ..base }
    }

    /// The state of an order whose answer does not tell it.
    fn hidden(&self) -> Script {
        let is_pending = self.asks != Some(0);
        Script { status: is_pending.then(|| "pending".to_owned()), ..Script::default() }
    }

    fn plain(&self) -> Script {
        let code = match self.end {
            End::Delivered => "000",
            End::Failed => "016",
            End::Reversed => "040",
        };
        Script { code: Some(code.to_owned()), ..Script::default() }
    }
}

impl RequeryAnswer {
    fn script(self, end: End) -> Script {
        let code = |code: &str| Script { code: Some(code.to_owned()), ..Script::default() };
        match self {
            Self::Plain => Script::default(),
            Self::Silent => Script { hang: true, ..Script::default() },
            Self::Half => Script { half: true, ..Script::default() },
            Self::Error => Script { http_status: Some(500), ..Script::default() },
            Self::Page => Script { body: Some(json!("<html></html>")), ..Script::default() },
            Self::Unknown => code("015"),
            Self::UnknownWithTransaction => {
                Script { status: Some("pending".to_owned()), ..code("015") }
            }
            Self::OwnFault => code("018"),
            Self::Credentials => code("027"),
            Self::Review => code("044"),
            Self::SystemError => code("083"),
            Self::UnknownCode => code("777"),
            Self::Foreign => other_order(end),
            Self::OtherNumber => other_number(end),
            Self::Contradictory => Script { status: Some("pending".to_owned()), ..code("016") },
            Self::Sparse => sparse(),
            Self::Odd(odd) => odd.script(),
        }
    }
}

/// An answer about another order.
fn other_order(end: End) -> Script {
    Script { set: set("/requestId", json!("202601010000other")).set, ..otherwise(end) }
}

/// An answer about another number, whose order ended otherwise.
fn other_number(end: End) -> Script {
    let number = set("/content/transactions/unique_element", json!("08039999999"));
    let other = match end {
        End::Delivered => {
            let (code, status) = (Some("040".to_owned()), Some("reversed".to_owned()));
            Script { code, status, ..Script::default() }
        }
        End::Failed | End::Reversed => otherwise(end),
    };
    Script { set: number.set, ..other }
}

/// An answer that an order ended otherwise.
fn otherwise(end: End) -> Script {
    let (code, status) = match end {
        End::Delivered => ("016", "failed"),
        End::Failed | End::Reversed => ("000", "delivered"),
    };
    let (code, status) = (Some(code.to_owned()), Some(status.to_owned()));
    Script { code, status, ..Script::default() }
}

fn set(pointer: &str, value: serde_json::Value) -> Script {
    Script { set: [(pointer.to_owned(), value)].into(), ..Script::default() }
}
