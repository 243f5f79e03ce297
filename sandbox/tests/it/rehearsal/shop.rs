//! A tenant's application: a careful one, and careless ones. It buys, receives webhooks, and refunds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use reqwest::{Method, Request};
use sandbox::rehearsal::application::{
    AMOUNT_KOBO, Application, Buy, Order, PHONE, Refunds, SERVICE,
};
use sandbox::rehearsal::known_secret;
use serde_json::{Value, json};
use shared::platform::http::Http;
use standardwebhooks::Webhook;

const LIMIT: Duration = Duration::from_secs(30);

/// What an application does wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mistakes {
    /// It believes every webhook.
    pub believes_everything: bool,
    /// It refunds for each webhook, also for one that came before.
    pub forgets_refunds: bool,
    /// It refunds what waits for a person.
    pub refunds_reviews: bool,
    /// It ignores reversals.
    pub ignores_reversals: bool,
    /// It takes a new idempotency key for each try.
    pub buys_again: bool,
    /// It refuses every webhook.
    pub refuses_everything: bool,
    /// It does not try again when the gateway does not answer.
    pub gives_up: bool,
}

/// A running application.
#[derive(Clone)]
pub struct Shop {
    mistakes: Mistakes,
    http: Http,
    refunds: Arc<Mutex<Vec<String>>>,
    gateway: Arc<Mutex<Option<Order>>>,
}

impl Shop {
    /// Starts it, and gives it as a rehearsal sees it.
    pub async fn start(mistakes: Mistakes) -> Application {
        let shop =
            Self { mistakes, http: Http::new(), refunds: Arc::default(), gateway: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("http://{}/hooks", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(receive).with_state(shop.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let buyer = shop.clone();
        let buy: Buy = Arc::new(move |order| {
            let shop = buyer.clone();
            Box::pin(async move {
                shop.buy(order).await;
                Ok(())
            })
        });
        let refunds: Refunds = Arc::new(move || {
            let refunds = shop.refunds.lock().unwrap().clone();
            Box::pin(async move { Ok(refunds) })
        });
        Application { target, buy: Some(buy), refunds: Some(refunds) }
    }

    /// Buys, and tries again while the gateway does not answer.
    async fn buy(&self, order: Order) {
        *self.gateway.lock().unwrap() = Some(order.clone());
        let body = json!({ "service_id": SERVICE, "phone": PHONE, "amount_kobo": AMOUNT_KOBO });
        let tries = if self.mistakes.gives_up { 1 } else { 5 };
        for attempt in 0..tries {
            let key = match self.mistakes.buys_again {
                true => format!("{}-{attempt}", order.id),
                false => order.id.clone(),
            };
            let (status, _) = self.call(Method::POST, "/purchases", Some(&key), &body).await;
            if status < 500 {
                return;
            }
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> (u16, Value) {
        let order = self.gateway.lock().unwrap().clone().expect("it bought before");
        let url = format!("{}{path}", order.gateway_url).parse().unwrap();
        let mut request = Request::new(method, url);
        let headers = request.headers_mut();
        headers.insert("mono-sec-key", order.gateway_key.parse().unwrap());
        if let Some(key) = key {
            headers.insert("idempotency-key", key.parse().unwrap());
            headers.insert("content-type", "application/json".parse().unwrap());
            *request.body_mut() = Some(body.to_string().into());
        }
        let answer = self.http.send(request, LIMIT).await.unwrap();
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    fn is_true(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let webhook = Webhook::new(&known_secret()).unwrap();
        self.mistakes.believes_everything || webhook.verify(body, headers).is_ok()
    }

    /// Decides about a refund, by what the gateway says now.
    async fn decide(&self, told: &Value) {
        let id = told["data"]["purchase_id"].as_str().unwrap_or_default();
        let kind = told["type"].as_str().unwrap_or_default();
        let is_safe = match self.mistakes.believes_everything {
            true => told["data"]["safe_to_refund"] == true,
            false => {
                let (_, answer) =
                    self.call(Method::GET, &format!("/purchases/{id}"), None, &Value::Null).await;
                answer["data"]["safe_to_refund"] == true
            }
        };
        let is_ignored = self.mistakes.ignores_reversals && kind == "purchase.reversed";
        let is_wrong = self.mistakes.refunds_reviews && kind == "purchase.needs_review";
        let mut refunds = self.refunds.lock().unwrap();
        let is_new =
            self.mistakes.forgets_refunds || !refunds.iter().any(|refunded| refunded == id);
        if (is_safe || is_wrong) && is_new && !is_ignored {
            refunds.push(id.to_owned());
        }
    }
}

async fn receive(State(shop): State<Shop>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if shop.mistakes.refuses_everything {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    if !shop.is_true(&headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    shop.decide(&serde_json::from_slice(&body).unwrap()).await;
    StatusCode::OK
}
