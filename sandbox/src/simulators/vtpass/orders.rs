//! The orders and the wallet, as the ledger keeps them. They change only under the simulator's
//! lock, its [`Controls`](super::simulator::Controls).

use axum::http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::order::{Order, OrderState};
use super::simulator::VtpassSimulator;
use crate::simulators::response::SimulatedResponse;

const ORDERS: &str = "vtpass-orders";
const WALLET: &str = "vtpass-wallet";
/// What a new wallet holds: ten million naira.
const NEW_WALLET_KOBO: u64 = 1_000_000_000;

/// The response code of an order that cannot be sold.
pub(super) struct Unsellable(pub(super) &'static str);

impl VtpassSimulator {
    /// An order by the client's id.
    pub fn order(&self, request_id: &str) -> Option<Order> {
        self.ledger.get(ORDERS, request_id)
    }

    pub(super) fn save(&self, order: &Order) {
        self.ledger.put(ORDERS, &order.request_id, order);
    }

    /// All orders.
    pub fn orders(&self) -> Vec<Order> {
        let mut orders: Vec<Order> = self.ledger.all(ORDERS);
        orders.sort_by(|a, b| a.request_id.cmp(&b.request_id));
        orders
    }

    /// What the wallet holds.
    pub fn wallet_kobo(&self) -> u64 {
        self.ledger.get(WALLET, "kobo").unwrap_or(NEW_WALLET_KOBO)
    }

    /// The answer to a question for the balance: naira as a decimal.
    pub(super) fn balance(&self, headers: &HeaderMap) -> SimulatedResponse {
        let controls = self.controls();
        if let Some(refused) = self.refused(&controls, &Method::GET, headers) {
            return refused;
        }
        let (naira, kobo) = (self.wallet_kobo() / 100, self.wallet_kobo() % 100);
        let balance = serde_json::from_str(&format!("{naira}.{kobo:02}")).unwrap_or(Value::Null);
        let answer = json!({ "code": 1, "contents": { "balance": balance } });
        SimulatedResponse::json(StatusCode::OK, &answer)
    }

    /// Sets what the wallet holds.
    pub fn set_wallet(&self, kobo: u64) {
        self.ledger.put(WALLET, "kobo", &kobo);
    }

    /// Charges the wallet for an order, unless that was done already.
    pub(super) fn charge(&self, order: &mut Order) -> Result<(), Unsellable> {
        if order.charged_times == 0 {
            let remaining =
                self.wallet_kobo().checked_sub(order.total_kobo).ok_or(Unsellable("018"))?;
            order.charged_times += 1;
            self.set_wallet(remaining);
        }
        Ok(())
    }

    /// Gives an order another state. A failed or reversed order is paid back, once.
    pub(super) fn settle(&self, order: &mut Order, state: OrderState) {
        let pays_back = matches!(state, OrderState::Failed | OrderState::Reversed);
        if pays_back && order.charged_times > 0 && !order.refunded {
            order.refunded = true;
            self.set_wallet(self.wallet_kobo() + order.total_kobo);
        }
        order.state = state;
    }
}
