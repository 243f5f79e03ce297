//! Handles `pay` and `requery`.

use axum::http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::ids::{ProviderReference, PurchaseId};
use shared::domain::money::Naira;
use shared::domain::purchase::{
    TEST_NO_RESPONSE, TEST_PENDING, TEST_SUCCESS, TEST_TIMEOUT, TEST_UNEXPECTED,
};
use shared::domain::time::to_seconds;

use super::catalogue::{AIRTIME_KOBO, Service};
use super::order::{ApiCall, Order, OrderState, total_of};
use super::orders::Unsellable;
use super::script::Script;
use super::simulator::{VtpassSimulator, code_only, refusal};
use crate::simulators::response::SimulatedResponse;

/// The code for a request id that does not begin with today's date in Lagos. No script makes VTpass take
/// such an order.
const ANOTHER_DAY: &str = "085";

/// The body of a `pay`.
#[derive(Deserialize)]
struct PayForm {
    request_id: String,
    #[serde(rename = "serviceID")]
    service_id: String,
    #[serde(default, rename = "billersCode")]
    billers_code: Option<String>,
    #[serde(default)]
    variation_code: Option<String>,
    #[serde(default)]
    amount: Option<Naira>,
    phone: String,
}

/// What happens with an order.
struct OrderPlan {
    charge: bool,
    /// Whether a requery finds it.
    known: bool,
    /// Its state after the `pay`, and the one it gets later.
    states: (OrderState, OrderState),
    /// How many requeries later.
    asks: u32,
}

impl VtpassSimulator {
    /// Runs a `pay` under the lock: of two with the same id, only one is charged.
    pub(super) fn pay(&self, headers: &HeaderMap, body: &[u8]) -> SimulatedResponse {
        let mut controls = self.controls();
        let form: Option<PayForm> = serde_json::from_slice(body).ok();
        let mut order = form.as_ref().map(|form| self.find_or_new(form));
        if let Some(order) = &mut order {
            order.pay_calls += 1;
            self.save(order);
        }
        if let Some(refused) = self.refused(&controls, &Method::POST, headers) {
            return refused;
        }
        let (Some(form), Some(mut order)) = (form, order) else { return refusal("011") };
        let script = controls.take_script(ApiCall::Pay, &order.phone);
        if let Err(Unsellable(code)) = self.check(&form, &mut order)
            && (script.is_none() || code == ANOTHER_DAY)
        {
            return refusal(code);
        }
        let is_new = order.state == OrderState::NotTaken;
        let plan = script.as_ref().map_or_else(|| documented_plan(&order.phone), Script::plan);
        if is_new && let Err(Unsellable(code)) = self.take(&mut order, &plan) {
            return refusal(code);
        }
        self.save(&order);
        let usual = if is_new {
            order.answer(ApiCall::Pay, self.environment.clock.now())
        } else {
            code_only("014")
        };
        match script {
            Some(script) => script.respond(self.scripted(&script, &order, usual)),
            None if is_new => documented_response(&order.phone)
                .unwrap_or_else(|| SimulatedResponse::json(StatusCode::OK, &usual)),
            None => SimulatedResponse::json(StatusCode::OK, &usual),
        }
    }

    pub(super) fn requery(&self, headers: &HeaderMap, body: &[u8]) -> SimulatedResponse {
        #[derive(Deserialize)]
        struct RequeryForm {
            request_id: String,
        }
        let mut controls = self.controls();
        let form: Option<RequeryForm> = serde_json::from_slice(body).ok();
        let mut order = form.as_ref().and_then(|form| self.order(&form.request_id));
        if let Some(order) = &mut order {
            order.requery_calls += 1;
            self.save(order);
        }
        if let Some(refused) = self.refused(&controls, &Method::POST, headers) {
            return refused;
        }
        if form.is_none() {
            return refusal("011");
        }
        let phone = order.as_ref().map_or("", |order| &order.phone);
        let script = controls.take_script(ApiCall::Requery, phone);
        let Some(mut order) = order else {
            let Some(script) = script else { return refusal("015") };
            return script.respond(code_only(script.code.as_deref().unwrap_or("015")));
        };
        match script.as_ref().and_then(|it| it.resolves_to) {
            Some(state) => self.settle(&mut order, state),
            None => self.count_requery(&mut order),
        }
        self.save(&order);
        let unknown = order.forgotten || order.state == OrderState::NotTaken;
        let now = self.environment.clock.now();
        let usual = if unknown { code_only("015") } else { order.answer(ApiCall::Requery, now) };
        match script {
            Some(script) => script.respond(self.scripted(&script, &order, usual)),
            None => SimulatedResponse::json(StatusCode::OK, &usual),
        }
    }

    /// The order with this id, or a new one that is not taken yet.
    fn find_or_new(&self, form: &PayForm) -> Order {
        let request_id = form.request_id.clone();
        let phone = form.billers_code.as_ref().unwrap_or(&form.phone).clone();
        let amount_kobo = form.amount.map_or(0, |naira| naira.0.kobo());
        self.order(&request_id).unwrap_or_else(|| Order {
            request_id,
            service_id: form.service_id.clone(),
            product_name: form.service_id.clone(),
            variation_code: form.variation_code.clone(),
            phone,
            amount_kobo,
            total_kobo: total_of(amount_kobo),
            transaction_id: u64::from_be_bytes(self.environment.random.bytes()).to_string(),
            created_at: to_seconds(self.environment.clock.now()),
            ..Order::default()
        })
    }

    /// Checks whether the order can be sold. The price is the catalogue's, whatever amount was
    /// sent.
    fn check(&self, form: &PayForm, order: &mut Order) -> Result<(), Unsellable> {
        if order.state != OrderState::NotTaken {
            return Ok(());
        }
        let now = self.environment.clock.now();
        let example = ProviderReference::for_vtpass(now, &PurchaseId::default());
        let today = &example.as_str()[..8];
        if !form.request_id.starts_with(today) {
            return Err(Unsellable(ANOTHER_DAY));
        }
        let service = Service::find(&form.service_id).ok_or(Unsellable("012"))?;
        let face_kobo = if service.is_airtime() {
            let Some(Naira(amount)) = form.amount else { return Err(Unsellable("011")) };
            match amount.kobo() {
                kobo if kobo < *AIRTIME_KOBO.start() => return Err(Unsellable("013")),
                kobo if kobo > *AIRTIME_KOBO.end() => return Err(Unsellable("017")),
                kobo => kobo,
            }
        } else {
            let (Some(code), Some(_)) = (&form.variation_code, &form.billers_code) else {
                return Err(Unsellable("011"));
            };
            self.price(service, code).ok_or(Unsellable("010"))?
        };
        service.name.clone_into(&mut order.product_name);
        (order.amount_kobo, order.total_kobo) = (face_kobo, total_of(face_kobo));
        Ok(())
    }

    fn take(&self, order: &mut Order, plan: &OrderPlan) -> Result<(), Unsellable> {
        if plan.charge {
            self.charge(order)?;
        }
        if plan.known {
            (order.settles_to, order.asks_left) = (plan.states.1, plan.asks);
            self.settle(order, plan.states.0);
        }
        Ok(())
    }

    /// Counts a requery of a pending order, which gets its final state after the planned number.
    fn count_requery(&self, order: &mut Order) {
        if order.state == OrderState::Pending && order.asks_left > 0 {
            order.asks_left -= 1;
            if order.asks_left == 0 {
                let state = order.settles_to;
                self.settle(order, state);
            }
        }
    }

    /// The usual answer, with the script's code and status.
    fn scripted(&self, script: &Script, order: &Order, usual: Value) -> Value {
        let answer = |code, status| order.answer_as(code, status, self.environment.clock.now());
        match (script.code.as_deref(), script.status.as_deref()) {
            (None, None) => usual,
            (code, Some(status)) => answer(code.unwrap_or("000"), status),
            (Some(code @ ("000" | "001")), None) => answer(code, order.state.status()),
            (Some(code @ ("016" | "091")), None) => answer(code, "failed"),
            (Some(code @ ("089" | "099")), None) => answer(code, "pending"),
            (Some(code @ "040"), None) => answer(code, "reversed"),
            (Some(code), None) => code_only(code),
        }
    }
}

impl Script {
    fn plan(&self) -> OrderPlan {
        let states = self.states();
        let forever = states.1 == OrderState::Pending;
        OrderPlan {
            charge: self.charges(),
            known: self.is_known(),
            states,
            asks: if forever { 0 } else { self.asks.unwrap_or(1) },
        }
    }
}

/// What VTpass's documentation says of a test number. Any other number fails.
fn documented_plan(phone: &str) -> OrderPlan {
    use OrderState::{Delivered, Failed, NotTaken, Pending};
    let (charge, known, states, asks) = match phone {
        TEST_SUCCESS | TEST_UNEXPECTED | TEST_NO_RESPONSE => {
            (true, true, (Delivered, Delivered), 0)
        }
        TEST_PENDING => (true, true, (Pending, Delivered), 2),
        TEST_TIMEOUT => (false, false, (NotTaken, NotTaken), 0),
        _ => (false, true, (Failed, Failed), 0),
    };
    OrderPlan { charge, known, states, asks }
}

/// The response for a test number whose `pay` has no usual answer.
fn documented_response(phone: &str) -> Option<SimulatedResponse> {
    match phone {
        TEST_UNEXPECTED => {
            let body = json!({ "status": "unexpected", "data": [] });
            Some(SimulatedResponse::json(StatusCode::OK, &body))
        }
        TEST_NO_RESPONSE => {
            let (status, body) = (StatusCode::OK, String::new());
            Some(SimulatedResponse::Complete { status, body, is_json: false })
        }
        TEST_TIMEOUT => Some(SimulatedResponse::Hanging),
        _ => None,
    }
}
