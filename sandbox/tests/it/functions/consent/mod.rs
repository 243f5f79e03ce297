//! The consent record, and consents that are withdrawn by the tenant or at Mono.

mod dormant;
mod ended;
mod export;
pub mod history;
mod nothing_left;
mod record;
mod scope;
mod unlink;
mod webhook;

use serde_json::{Value, json};

use crate::support::Caller;

/// The paths of an account's data, Mono's first.
pub const DATA: [&str; 10] = [
    "",
    "/balances",
    "/transactions",
    "/identity",
    "/mtn/plans",
    "/mtn/balance",
    "/mtn/recharges",
    "/mtn/recharges/summary",
    "/mtn/usage?start=2026-11-01&end=2026-11-02",
    "/mtn/usage/summary?start=2026-11-01&end=2026-11-02",
];

impl Caller {
    /// From a number and a consent to an account id.
    pub async fn consented(&self, phone: &str, network: &str, consent: &Value) -> String {
        let body = json!({ "phone": phone, "provider": network, "consent": consent });
        let auth = self.post("/v2/telecom/auth", body).await.ok();
        let session = auth["data"]["session_id"].as_str().unwrap();
        let verify = self.verify(session, &self.otp(phone).await).await.ok();
        let exchange = self.exchange(verify["data"]["code"].as_str().unwrap()).await.ok();
        exchange["id"].as_str().unwrap().to_owned()
    }
}
