//! The orders that the simulated VTpass took, and how it tells of them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::money::Kobo;
use time::OffsetDateTime;
use time::macros::{format_description, offset};

use super::VtpassSimulator;
use super::script::Call;

/// How an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Seen, but never taken: a requery does not know it.
    NotTaken,
    /// Charged and under way.
    Pending,
    /// The customer has the value.
    Delivered,
    /// Not delivered; whatever was charged is back.
    Failed,
    /// Charged and given back.
    Reversed,
}

/// An order as the ledger keeps it. Money is in kobo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The buyer's id of it.
    pub request_id: String,
    /// The service.
    pub service_id: String,
    /// The service's name.
    pub product_name: String,
    /// The data bundle.
    pub variation_code: Option<String>,
    /// The number bought for.
    pub phone: String,
    /// The face value.
    pub amount_kobo: u64,
    /// What the wallet pays: the face value without the commission.
    pub total_kobo: u64,
    /// How it stands.
    pub state: State,
    /// What it becomes when it has been asked about often enough.
    pub settles_to: State,
    /// How many requeries that takes; at zero it waits for a person.
    pub asks_left: u32,
    /// Whether a requery no longer knows it.
    pub forgotten: bool,
    /// How often the wallet paid for it. Anything above one is a bug of this simulator.
    pub charged_times: u32,
    /// Whether the money came back.
    pub refunded: bool,
    /// How often `pay` came with this id.
    pub pay_calls: u32,
    /// How often `requery` did.
    pub requery_calls: u32,
    /// VTpass's own id of it.
    pub transaction_id: String,
    /// When it was first seen, Unix seconds.
    pub created_at: i64,
}

const ORDERS: &str = "vtpass-orders";
const WALLET: &str = "vtpass-wallet";
/// What a fresh wallet holds: ten million naira.
const FRESH_WALLET_KOBO: u64 = 1_000_000_000;
/// The share of the face value that the wallet pays, in percent.
const TOTAL_PERCENT: u64 = 97;

/// The wallet cannot pay.
pub(super) struct WalletLow;

impl State {
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::NotTaken => "initiated",
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Reversed => "reversed",
        }
    }

    fn code(self, call: Call) -> &'static str {
        match (self, call) {
            (Self::Pending | Self::NotTaken, Call::Pay) => "099",
            (Self::Pending | Self::NotTaken, Call::Requery | Call::Any) => "000",
            (Self::Delivered, _) => "000",
            (Self::Failed, _) => "016",
            (Self::Reversed, _) => "040",
        }
    }
}

/// Kobo as a JSON number of naira; a simulated provider may have floats.
pub(super) fn number(kobo: u64) -> Value {
    let naira = Kobo::new(kobo).map(Kobo::naira).unwrap_or_default();
    serde_json::from_str(&naira).unwrap_or_default()
}

/// What the wallet pays for a face value.
pub(super) fn total_of(face_kobo: u64) -> u64 {
    face_kobo * TOTAL_PERCENT / 100
}

impl Order {
    /// What a call is told of it.
    pub(super) fn answer(&self, call: Call, now: OffsetDateTime) -> Value {
        self.told(self.state.code(call), self.state.status(), now)
    }

    /// The same under another code and status.
    pub(super) fn told(&self, code: &str, status: &str, now: OffsetDateTime) -> Value {
        if status == State::Reversed.status() {
            return self.told_reversed(code);
        }
        let commission = self.amount_kobo - self.total_kobo;
        json!({
            "code": code,
            "content": { "transactions": {
                "status": status,
                "product_name": self.product_name,
                "unique_element": self.phone,
                "unit_price": number(self.amount_kobo),
                "quantity": 1,
                "service_verification": null,
                "channel": "api",
                "commission": number(commission),
                "total_amount": number(self.total_kobo),
                "discount": null,
                "type": if self.variation_code.is_some() { "Data Services" } else { "Airtime Recharge" },
                "email": "sandbox@example.com",
                "phone": ACCOUNT_PHONE,
                "name": null,
                "convinience_fee": 0,
                "amount": number(self.amount_kobo),
                "platform": "api",
                "method": "api",
                "transactionId": self.transaction_id,
            } },
            "response_description": status.to_uppercase(),
            "requestId": self.request_id,
            "amount": format!("{}.{:02}", self.amount_kobo / 100, self.amount_kobo % 100),
            "transaction_date": transaction_date(now),
            "purchased_code": "",
        })
    }

    /// A reversal leaves much out, and its outer amount is what came back.
    fn told_reversed(&self, code: &str) -> Value {
        json!({
            "code": code,
            "response_description": "REVERSED",
            "requestId": self.request_id,
            "amount": number(self.total_kobo),
            "transaction_date": null,
            "purchased_code": "",
            "wallet_credit_id": format!("9{}", self.transaction_id),
            "content": { "transactions": {
                "status": State::Reversed.status(),
                "product_name": self.product_name,
                "unique_element": self.phone,
                "amount": number(self.amount_kobo),
                "total_amount": number(self.total_kobo),
                "transactionId": self.transaction_id,
            } },
        })
    }
}

/// The phone of the account at VTpass: never that of the customer.
const ACCOUNT_PHONE: &str = "07061933309";

fn transaction_date(now: OffsetDateTime) -> Value {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second].000000");
    let date = now.to_offset(offset!(+1)).format(&format).unwrap_or_default();
    json!({ "date": date, "timezone_type": 3, "timezone": "Africa/Lagos" })
}

/// Changes are made under the simulator's one lock: its `desk`.
impl VtpassSimulator {
    pub(super) fn order(&self, request_id: &str) -> Option<Order> {
        self.ledger.get(ORDERS, request_id)
    }

    pub(super) fn keep(&self, order: &Order) {
        self.ledger.put(ORDERS, &order.request_id, order);
    }

    pub(super) fn orders(&self) -> Vec<Order> {
        let mut orders: Vec<Order> = self.ledger.all(ORDERS);
        orders.sort_by(|a, b| a.request_id.cmp(&b.request_id));
        orders
    }

    pub(super) fn wallet_kobo(&self) -> u64 {
        self.ledger.get(WALLET, "kobo").unwrap_or(FRESH_WALLET_KOBO)
    }

    pub(super) fn set_wallet(&self, kobo: u64) {
        self.ledger.put(WALLET, "kobo", &kobo);
    }

    /// Takes the money for an order, unless that was done.
    pub(super) fn charge(&self, order: &mut Order) -> Result<(), WalletLow> {
        if order.charged_times == 0 {
            let rest = self.wallet_kobo().checked_sub(order.total_kobo).ok_or(WalletLow)?;
            order.charged_times += 1;
            self.set_wallet(rest);
        }
        Ok(())
    }

    /// Moves an order on; what failed or was reversed is paid back, once.
    pub(super) fn settle(&self, order: &mut Order, state: State) {
        let give_back = matches!(state, State::Failed | State::Reversed);
        if give_back && order.charged_times > 0 && !order.refunded {
            order.refunded = true;
            self.set_wallet(self.wallet_kobo() + order.total_kobo);
        }
        order.state = state;
    }
}
