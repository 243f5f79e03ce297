//! An order, and the JSON that VTpass answers about it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::domain::money::Kobo;
use time::OffsetDateTime;
use time::macros::{format_description, offset};

/// The state of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Received but not taken: a requery does not find it.
    #[default]
    NotTaken,
    /// Charged and in progress.
    Pending,
    /// The customer has the value.
    Delivered,
    /// Not delivered; what was charged was paid back.
    Failed,
    /// Charged and paid back.
    Reversed,
}

/// An order as the ledger keeps it. Money is in kobo.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Order {
    /// The client's id of the order.
    pub request_id: String,
    /// The service.
    pub service_id: String,
    /// The service's name.
    pub product_name: String,
    /// The variation code of a data bundle.
    pub variation_code: Option<String>,
    /// The recipient's phone number.
    pub phone: String,
    /// The face value.
    pub amount_kobo: u64,
    /// What the wallet pays: the face value less the commission.
    pub total_kobo: u64,
    /// Its state.
    pub state: OrderState,
    /// The state it gets after `asks_left` more requeries.
    pub settles_to: OrderState,
    /// How many requeries that takes; zero if it never happens by itself.
    pub asks_left: u32,
    /// Whether a requery no longer finds it.
    pub forgotten: bool,
    /// How often the wallet paid for it; more than once would be a bug of this simulator.
    pub charged_times: u32,
    /// Whether the wallet was paid back.
    pub refunded: bool,
    /// How often `pay` was called with this id.
    pub pay_calls: u32,
    /// How often `requery` was called with it.
    pub requery_calls: u32,
    /// VTpass's own id of the order.
    pub transaction_id: String,
    /// When it was first received, Unix seconds.
    pub created_at: i64,
}

/// The share of the face value that the wallet pays, in percent.
const TOTAL_PERCENT: u64 = 97;

/// The call of VTpass's API that an answer or a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiCall {
    /// `pay`
    Pay,
    /// `requery`
    Requery,
    /// Either; for scripts only.
    #[default]
    Any,
}

impl OrderState {
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::NotTaken => "initiated",
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Reversed => "reversed",
        }
    }

    fn code(self, call: ApiCall) -> &'static str {
        match (self, call) {
            (Self::Pending | Self::NotTaken, ApiCall::Pay) => "099",
            (Self::Pending | Self::NotTaken, ApiCall::Requery | ApiCall::Any) => "000",
            (Self::Delivered, _) => "000",
            (Self::Failed, _) => "016",
            (Self::Reversed, _) => "040",
        }
    }
}

/// Kobo as a JSON number of naira, as VTpass writes money.
pub(super) fn number(kobo: u64) -> Value {
    let naira = Kobo::new(kobo).map(Kobo::naira).unwrap_or_default();
    serde_json::from_str(&naira).unwrap_or_default()
}

/// What the wallet pays for a face value.
pub(super) fn total_of(face_kobo: u64) -> u64 {
    face_kobo * TOTAL_PERCENT / 100
}

impl Order {
    /// The usual answer of a call about it.
    pub(super) fn answer(&self, call: ApiCall, now: OffsetDateTime) -> Value {
        self.answer_as(self.state.code(call), self.state.status(), now)
    }

    /// The answer under another code and status.
    pub(super) fn answer_as(&self, code: &str, status: &str, now: OffsetDateTime) -> Value {
        if status == OrderState::Reversed.status() {
            return self.reversal_answer(code);
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

    /// The answer about a reversal lacks many fields, and its outer amount is what was paid back.
    fn reversal_answer(&self, code: &str) -> Value {
        json!({
            "code": code,
            "response_description": "REVERSED",
            "requestId": self.request_id,
            "amount": number(self.total_kobo),
            "transaction_date": null,
            "purchased_code": "",
            "wallet_credit_id": format!("9{}", self.transaction_id),
            "content": { "transactions": {
                "status": OrderState::Reversed.status(),
                "product_name": self.product_name,
                "unique_element": self.phone,
                "amount": number(self.amount_kobo),
                "total_amount": number(self.total_kobo),
                "transactionId": self.transaction_id,
            } },
        })
    }
}

/// The phone number of the account at VTpass, never the customer's.
const ACCOUNT_PHONE: &str = "07061933309";

fn transaction_date(now: OffsetDateTime) -> Value {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second].000000");
    let date = now.to_offset(offset!(+1)).format(&format).unwrap_or_default();
    json!({ "date": date, "timezone_type": 3, "timezone": "Africa/Lagos" })
}
