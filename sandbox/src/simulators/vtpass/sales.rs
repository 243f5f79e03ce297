//! Selling: what becomes of a `pay`, and what a `requery` is told.

use axum::http::{HeaderMap, Method, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::money::Naira;
use shared::vtpass::{
    TEST_NO_RESPONSE, TEST_PENDING, TEST_SUCCESS, TEST_TIMEOUT, TEST_UNEXPECTED, request_id,
};
use shared::world::epoch;

use super::catalogue::{AIRTIME_KOBO, Service};
use super::orders::{Order, State, WalletLow, total_of};
use super::script::{Call, Script};
use super::{VtpassSimulator, coded, refusal};
use crate::simulators::wire::Wire;

/// A text that may come as a number.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <Box<RawValue>>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).unwrap_or_else(|_| raw.get().to_owned())))
    }
}

/// What `pay` is asked for.
#[derive(Deserialize)]
struct PayForm {
    request_id: Text,
    #[serde(rename = "serviceID")]
    service_id: Text,
    #[serde(default, rename = "billersCode")]
    billers_code: Option<Text>,
    #[serde(default)]
    variation_code: Option<Text>,
    #[serde(default)]
    amount: Option<Naira>,
    phone: Text,
}

/// What becomes of an order.
struct Plan {
    charge: bool,
    known: bool,
    states: (State, State),
    asks: u32,
}

/// A code and nothing else to say.
struct Refusal(&'static str);

impl VtpassSimulator {
    /// The whole of a `pay` under one lock: of two with the same id, one is charged.
    pub(super) fn pay(&self, headers: &HeaderMap, body: &[u8]) -> Wire {
        let mut desk = self.desk();
        let form: Option<PayForm> = serde_json::from_slice(body).ok();
        let mut order = form.as_ref().map(|form| self.seen(form));
        if let Some(order) = &mut order {
            order.pay_calls += 1;
            self.keep(order);
        }
        if let Some(refused) = self.refused(&desk, &Method::POST, headers) {
            return refused;
        }
        let (Some(form), Some(mut order)) = (form, order) else { return refusal("011") };
        let script = desk.script(Call::Pay, &order.phone);
        if let Err(Refusal(code)) = self.check(&form, &mut order)
            && script.is_none()
        {
            return refusal(code);
        }
        let is_new = order.state == State::NotTaken;
        let plan = script.as_ref().map_or_else(|| documented(&order.phone), Script::plan);
        if is_new && let Err(WalletLow) = self.take(&mut order, &plan) {
            return refusal("018");
        }
        self.keep(&order);
        let usual =
            if is_new { order.answer(Call::Pay, self.world.clock.now()) } else { coded("014") };
        match script {
            Some(script) => script.wire(self.scripted(&script, &order, usual)),
            None if is_new => unanswered(&order.phone).unwrap_or_else(|| Wire::json(&usual)),
            None => Wire::json(&usual),
        }
    }

    pub(super) fn requery(&self, headers: &HeaderMap, body: &[u8]) -> Wire {
        #[derive(Deserialize)]
        struct Form {
            request_id: Text,
        }
        let mut desk = self.desk();
        let form: Option<Form> = serde_json::from_slice(body).ok();
        let mut order = form.as_ref().and_then(|form| self.order(&form.request_id.0));
        if let Some(order) = &mut order {
            order.requery_calls += 1;
            self.keep(order);
        }
        if let Some(refused) = self.refused(&desk, &Method::POST, headers) {
            return refused;
        }
        if form.is_none() {
            return refusal("011");
        }
        let phone = order.as_ref().map_or("", |order| &order.phone);
        let script = desk.script(Call::Requery, phone);
        let Some(mut order) = order else {
            let Some(script) = script else { return refusal("015") };
            return script.wire(coded(script.code.as_deref().unwrap_or("015")));
        };
        match script.as_ref().and_then(|it| it.resolves_to) {
            Some(state) => self.settle(&mut order, state),
            None => self.asked(&mut order),
        }
        self.keep(&order);
        let unknown = order.forgotten || order.state == State::NotTaken;
        let now = self.world.clock.now();
        let usual = if unknown { coded("015") } else { order.answer(Call::Requery, now) };
        match script {
            Some(script) => script.wire(self.scripted(&script, &order, usual)),
            None => Wire::json(&usual),
        }
    }

    /// The order of this id, or a new one that is not taken yet.
    fn seen(&self, form: &PayForm) -> Order {
        let request_id = form.request_id.0.clone();
        let phone = form.billers_code.as_ref().unwrap_or(&form.phone).0.clone();
        let amount_kobo = form.amount.map_or(0, |naira| naira.0.kobo());
        self.order(&request_id).unwrap_or_else(|| Order {
            request_id,
            service_id: form.service_id.0.clone(),
            product_name: form.service_id.0.clone(),
            variation_code: form.variation_code.as_ref().map(|code| code.0.clone()),
            phone,
            amount_kobo,
            total_kobo: total_of(amount_kobo),
            state: State::NotTaken,
            settles_to: State::NotTaken,
            asks_left: 0,
            forgotten: false,
            charged_times: 0,
            refunded: false,
            pay_calls: 0,
            requery_calls: 0,
            transaction_id: u64::from_be_bytes(self.world.random.bytes()).to_string(),
            created_at: epoch(self.world.clock.now()),
        })
    }

    /// Whether this can be sold; the price is the catalogue's, whatever was sent along.
    fn check(&self, form: &PayForm, order: &mut Order) -> Result<(), Refusal> {
        if order.state != State::NotTaken {
            return Ok(());
        }
        let today = &request_id(self.world.clock.now(), "")[..8];
        if !form.request_id.0.starts_with(today) {
            return Err(Refusal("085"));
        }
        let service = Service::find(&form.service_id.0).ok_or(Refusal("012"))?;
        let face_kobo = if service.is_airtime() {
            let Some(Naira(amount)) = form.amount else { return Err(Refusal("011")) };
            match amount.kobo() {
                kobo if kobo < *AIRTIME_KOBO.start() => return Err(Refusal("013")),
                kobo if kobo > *AIRTIME_KOBO.end() => return Err(Refusal("017")),
                kobo => kobo,
            }
        } else {
            let (Some(code), Some(_)) = (&form.variation_code, &form.billers_code) else {
                return Err(Refusal("011"));
            };
            self.price(service, &code.0).ok_or(Refusal("010"))?
        };
        service.name.clone_into(&mut order.product_name);
        (order.amount_kobo, order.total_kobo) = (face_kobo, total_of(face_kobo));
        Ok(())
    }

    fn take(&self, order: &mut Order, plan: &Plan) -> Result<(), WalletLow> {
        if plan.charge {
            self.charge(order)?;
        }
        if plan.known {
            (order.settles_to, order.asks_left) = (plan.states.1, plan.asks);
            self.settle(order, plan.states.0);
        }
        Ok(())
    }

    /// A pending order settles once it has been asked about often enough.
    fn asked(&self, order: &mut Order) {
        if order.state == State::Pending && order.asks_left > 0 {
            order.asks_left -= 1;
            if order.asks_left == 0 {
                let state = order.settles_to;
                self.settle(order, state);
            }
        }
    }

    /// The usual answer under the script's code and status.
    fn scripted(&self, script: &Script, order: &Order, usual: Value) -> Value {
        let told = |code, status| order.told(code, status, self.world.clock.now());
        match (script.code.as_deref(), script.status.as_deref()) {
            (None, None) => usual,
            (code, Some(status)) => told(code.unwrap_or("000"), status),
            (Some(code @ ("000" | "001")), None) => told(code, order.state.status()),
            (Some(code @ ("016" | "091")), None) => told(code, "failed"),
            (Some(code @ ("089" | "099")), None) => told(code, "pending"),
            (Some(code @ "040"), None) => told(code, "reversed"),
            (Some(code), None) => coded(code),
        }
    }
}

impl Script {
    fn plan(&self) -> Plan {
        let states = self.states();
        let forever = states.1 == State::Pending;
        Plan {
            charge: self.charges(),
            known: self.is_known(),
            states,
            asks: if forever { 0 } else { self.asks.unwrap_or(1) },
        }
    }
}

/// What VTpass's sandbox does with a number.
fn documented(phone: &str) -> Plan {
    let taken = |states, asks| Plan { charge: true, known: true, states, asks };
    match phone {
        TEST_SUCCESS | TEST_UNEXPECTED | TEST_NO_RESPONSE => {
            taken((State::Delivered, State::Delivered), 0)
        }
        TEST_PENDING => taken((State::Pending, State::Delivered), 2),
        TEST_TIMEOUT => {
            let states = (State::NotTaken, State::NotTaken);
            Plan { charge: false, known: false, states, asks: 0 }
        }
        _ => Plan { charge: false, known: true, states: (State::Failed, State::Failed), asks: 0 },
    }
}

/// The answer to a number whose order is not told of.
fn unanswered(phone: &str) -> Option<Wire> {
    match phone {
        TEST_UNEXPECTED => Some(Wire::json(&json!({ "status": "unexpected", "data": [] }))),
        TEST_NO_RESPONSE => {
            Some(Wire::Whole { status: StatusCode::OK, body: String::new(), is_json: false })
        }
        TEST_TIMEOUT => Some(Wire::Hang),
        _ => None,
    }
}
