//! A linked MTN line, the simulated MTN's controls, and answers that come later.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::leaks;
use crate::support::purchases::{field, until};
use crate::support::{Caller, Gateway, Reply};

/// An MTN line.
pub const LINE: &str = "08031234567";
/// Another.
pub const OTHER_LINE: &str = "08091112223";
/// How long MTN has for an answer.
pub const ANSWER_TIME: Duration = Duration::from_secs(120);

impl Caller {
    /// Links an MTN line.
    pub async fn line(&self) -> String {
        self.link(LINE, "mtn").await
    }

    pub async fn mtn(&self, account: &str, path: &str) -> Reply {
        self.get(&format!("/accounts/{account}/mtn/{path}")).await
    }

    /// Asks, and waits for the answer up to so many seconds.
    pub async fn mtn_waiting(&self, account: &str, path: &str, seconds: u32) -> Reply {
        let path = format!("/accounts/{account}/mtn/{path}");
        self.send("GET", &path, &[("prefer", &format!("wait={seconds}"))], Vec::new()).await
    }

    /// Asks what is answered later and gives the request's id.
    pub async fn asked(&self, account: &str, path: &str) -> String {
        let reply = self.mtn(account, path).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
        let data = reply.json()["data"].clone();
        assert_eq!(data["state"], "waiting");
        field(&data, "request_id").to_owned()
    }

    pub async fn request(&self, id: &str) -> Value {
        self.get(&format!("/requests/{id}")).await.ok()["data"].clone()
    }

    /// A control of the simulated MTN.
    pub async fn mtn_control(&self, method: &str, path: &str, body: Value) -> Value {
        self.console(method, &format!("mtn{path}"), &body).await
    }

    /// Scripts the next answer to an operation.
    pub async fn mtn_next(&self, operation: &str, answer: &str) {
        self.mtn_answers(operation, &[answer]).await;
    }

    /// Scripts the next answers to an operation.
    pub async fn mtn_answers(&self, operation: &str, answers: &[&str]) {
        for answer in answers {
            self.mtn_script(json!({ "operation": operation, "answer": answer })).await;
        }
    }

    pub async fn mtn_script(&self, script: Value) {
        self.mtn_control("POST", "/next", json!([script])).await;
    }

    /// Sends the callbacks that were held back; the statuses they were answered with.
    pub async fn deliver(&self) -> Vec<u64> {
        let sent = self.mtn_control("POST", "/deliver", json!({})).await;
        let sent = sent["callbacks"].as_array().unwrap_or_else(|| panic!("{sent}")).iter();
        sent.map(|it| it["status"].as_u64().unwrap()).collect()
    }

    pub async fn mtn_ledger(&self) -> Value {
        self.mtn_control("GET", "/ledger", Value::Null).await
    }

    /// The callback URLs that MTN was given, oldest first.
    pub async fn callback_urls(&self) -> Vec<String> {
        let ledger = self.mtn_ledger().await;
        let asks = ledger["asks"].as_array().unwrap().iter();
        let urls: Vec<String> =
            asks.filter_map(|ask| ask["callback_url"].as_str().map(str::to_owned)).collect();
        urls.iter().for_each(|url| leaks::secret(url.rsplit('/').next().unwrap()));
        urls
    }

    /// Posts to a callback URL, as MTN or anybody else would.
    pub async fn call_back(&self, url: &str, body: &str) -> Reply {
        self.send_bare("POST", url, &[], body.as_bytes().to_vec()).await
    }
}

impl Gateway {
    /// A gateway, its first tenant, and the id of that tenant's MTN line.
    pub async fn with_line() -> (Self, Caller, String) {
        Self::start().await.and_line().await
    }

    /// The same; its requery runs only when a test drives it.
    pub async fn undriven_with_line() -> (Self, Caller, String) {
        Self::undriven().await.and_line().await
    }

    async fn and_line(self) -> (Self, Caller, String) {
        let caller = self.caller();
        let account = caller.line().await;
        (self, caller, account)
    }

    /// The requests table.
    pub fn requests(&self) -> shared::store::Requests {
        shared::store::Requests::from_vars(&self.vars_of("requery"), &self.dynamodb()).unwrap()
    }

    /// Waits, without turning the clock, until a request is no longer waiting.
    pub async fn until_answered_by_mtn(&self, id: &str) -> Value {
        let caller = self.caller();
        until("an answer", async || caller.request(id).await["state"] != "waiting").await;
        caller.request(id).await
    }

    /// Turns the clock, an answer's time at a time, until a request is no longer waiting.
    pub async fn until_settled_by_mtn(&self, id: &str) -> Value {
        let find = async || {
            let request = self.caller().request(id).await;
            (request["state"] != "waiting").then_some(request)
        };
        self.turn_until(ANSWER_TIME, Duration::from_millis(100), find).await
    }
}
