//! Answers of VTpass about an order that it took, put together from all that it may write. They state no
//! end of the order: what states one is true, and stands in [`super::fate`].

use fastrand::Rng;
use sandbox::simulators::vtpass::{ApiCall, Script};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strum::IntoEnumIterator;

/// VTpass's codes, and one that it does not list.
const CODES: [u16; 36] = [
    0, 1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 40, 83, 85, 87, 89, 91, 99, 777,
];
/// Codes by which VTpass refuses an order, beside those that report a failure.
const REFUSALS: [u16; 21] =
    [10, 11, 12, 13, 17, 18, 20, 21, 22, 23, 24, 27, 28, 30, 31, 32, 34, 35, 85, 87, 91];
const UNKNOWN_REFERENCE: u16 = 15;
const HTTP: [u16; 10] = [200, 200, 200, 200, 400, 401, 404, 429, 500, 503];
/// The parts of a transaction that may be absent.
const PARTS: [&str; 4] = ["unique_element", "amount", "total_amount", "commission"];

/// An answer that states no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Odd {
    /// The HTTP status.
    pub http: u16,
    /// The code, of three digits.
    pub code: u16,
    /// The transaction's status.
    pub status: OddStatus,
    /// What else there is.
    pub shape: Shape,
}

/// The status of a transaction.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OddStatus {
    /// Accepted.
    Initiated,
    /// Under way.
    Pending,
    /// Given to the customer.
    Delivered,
    /// Not given.
    Failed,
    /// Paid back.
    Reversed,
    /// Settled by a person.
    Resolved,
    /// A word that VTpass does not list.
    Strange,
}

/// What an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Everything.
    Whole,
    /// The transaction without number, amount and cost.
    Sparse,
    /// The transaction with its id only.
    IdOnly,
    /// No transaction.
    CodeOnly,
    /// Everything but our request id.
    Unnamed,
}

impl Default for Odd {
    /// A failing system that shows the order.
    fn default() -> Self {
        Self { http: 500, code: 83, status: OddStatus::Pending, shape: Shape::Whole }
    }
}

impl Odd {
    /// Draws one for a call about an order that VTpass took.
    pub(super) fn draw(rng: &mut Rng, call: ApiCall) -> Self {
        let pick = |rng: &mut Rng, from: &[u16]| from[rng.usize(0..from.len())];
        for _ in 0..20 {
            let (http, code) = (pick(rng, &HTTP), pick(rng, &CODES));
            let status = any(rng);
            let odd = Self { http, code, status, shape: any(rng) };
            if !odd.states_an_end(call) {
                return odd;
            }
        }
        Self::default()
    }

    /// Whether VTpass's documents take it for the end of the order, or for a denial of it.
    pub fn states_an_end(self, call: ApiCall) -> bool {
        use OddStatus::{Delivered, Failed, Reversed};
        let has_status = !matches!(self.shape, Shape::IdOnly | Shape::CodeOnly);
        let status = has_status.then_some(self.status);
        let is_end = matches!(status, Some(Delivered | Failed | Reversed));
        // A status that says otherwise takes the code's meaning away.
        let agrees = matches!(status, None | Some(Failed | Reversed));
        let (is_pay, is_refusal) = (call == ApiCall::Pay, REFUSALS.contains(&self.code));
        match (self.http, self.code) {
            (429 | 500.., _) => false,
            (_, UNKNOWN_REFERENCE) => !is_pay,
            (200, 0) => is_end,
            (200, 1) => is_end && !is_pay,
            (200, 16 | 40 | 91) => agrees,
            (_, 16 | 91) => agrees && is_pay,
            _ => is_refusal && agrees && is_pay,
        }
    }

    /// What the simulated VTpass is told.
    pub(super) fn script(self) -> Script {
        let status: &str = self.status.into();
        let mut set: Vec<(String, Value)> = Vec::new();
        let transaction = |part: &str| (format!("/content/transactions/{part}"), Value::Null);
        match self.shape {
            Shape::Whole => {}
            Shape::Sparse => set.extend(PARTS.map(transaction)),
            Shape::IdOnly => set.extend(PARTS.into_iter().chain(["status"]).map(transaction)),
            Shape::CodeOnly => set.push(("/content".to_owned(), json!(null))),
            Shape::Unnamed => set.push(("/requestId".to_owned(), Value::Null)),
        }
        Script {
            http_status: Some(self.http),
            code: Some(format!("{:03}", self.code)),
            status: Some(status.to_owned()),
            set: set.into_iter().collect(),
            ..Script::default()
        }
    }
}

/// The true answer without number, amount and cost.
pub(super) fn sparse() -> Script {
    let set = PARTS.map(|part| (format!("/content/transactions/{part}"), Value::Null));
    Script { set: set.into(), ..Script::default() }
}

fn any<T: IntoEnumIterator + Copy>(rng: &mut Rng) -> T {
    let all: Vec<T> = T::iter().collect();
    all[rng.usize(0..all.len())]
}
