//! Answers the calls of a world, and looks at each of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use reqwest::Request;
use shared::platform::http::{Answer, NoAnswer};
use tower::ServiceExt;

use super::call::{Call, Service};
use super::network::Caller;
use super::{MOST_CALLS, World};
use crate::checks;
use crate::record::Met;
use crate::schedule::FaultKind;
use sandbox::aws::engine::answer;

/// The largest answer that is read.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The path of receivers that take their time.
pub(crate) const MEASURED: &str = "/measured";
/// The address of every client.
const PEER: [u8; 4] = [127, 0, 0, 1];

impl World {
    /// The fault of a call, if it has one.
    pub(super) fn fault(&self, caller: &Caller, call: &Call) -> Option<FaultKind> {
        let is_setting_up = caller.life.is_none() && call.service.is_aws();
        if is_setting_up || !self.is_safety_phase() {
            return None;
        }
        // Functions stop asking a provider that is away. A receiver is asked by the schedule of its events.
        if call.service != Service::Receiver
            && self.faults.is_provider_away(call.service.name(), self.now_ms())
        {
            let instance = format!("{}#{}", caller.name, caller.number);
            *self.record().calls_to_away.entry(instance).or_default() += 1;
        }
        let kind =
            self.faults.next(&caller.name, &call.name, call.service.name(), self.now_ms())?;
        kind.is_possible(&caller.name, &call.name).then_some(kind)
    }

    /// Answers a call.
    pub(super) async fn serve(
        self: &Arc<Self>,
        call: &Call,
        request: &Request,
    ) -> Result<Answer, NoAnswer> {
        let served = match call.service {
            Service::Dynamodb => {
                Ok(self.dynamodb.call(&call.operation, &call.body, self.index_lag()))
            }
            Service::Sqs => Ok(self.send(call)),
            Service::Secrets => self.route(&self.routers.secrets, request).await,
            Service::Mono => self.route(&self.routers.mono, request).await,
            Service::Vtpass => {
                if let Some(traffic) = self.traffic.get() {
                    tokio::time::sleep(traffic.answer).await;
                }
                self.route(&self.routers.vtpass, request).await
            }
            Service::Mtn => self.route(&self.routers.mtn, request).await,
            Service::Receiver => Ok(self.receive(request).await),
            Service::Api => {
                let api = self.routers.api.get().expect("the API is built");
                self.route(api, request).await
            }
        };
        if let Some(traffic) = self.traffic.get() {
            traffic.served(call.service, self.now_ms());
            return served;
        }
        let session = request.headers().get("x-session-id").and_then(|it| it.to_str().ok());
        checks::after(self, call, session);
        if call.service == Service::Api
            && let Ok(answer) = &served
        {
            checks::called_back(self, request.url().path(), &call.body, answer.status);
        }
        served
    }

    /// A tenant's receiver takes an event.
    async fn receive(&self, request: &Request) -> Answer {
        match request.url().path() {
            MEASURED => self.measure(request).await,
            _ => checks::received(self, request),
        }
        answer(StatusCode::OK, "{}".to_owned())
    }

    /// A receiver that takes its time, and notes when an event arrived for the first time.
    async fn measure(&self, request: &Request) {
        let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok());
        let now = self.now_ms();
        self.record().arrived.entry(id.unwrap_or_default().to_owned()).or_insert(now);
        let takes = request.url().query().and_then(|query| query.strip_prefix("takes_ms="));
        let takes = takes.and_then(|ms| ms.parse().ok()).unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(takes)).await;
    }

    fn send(&self, call: &Call) -> Answer {
        match self.sqs.answer(&call.operation, &call.body) {
            Ok(body) => {
                self.sent.notify_waiters();
                answer(StatusCode::OK, body.to_string())
            }
            Err(error) => answer(StatusCode::BAD_REQUEST, error.to_string()),
        }
    }

    async fn route(&self, router: &axum::Router, request: &Request) -> Result<Answer, NoAnswer> {
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default().to_vec();
        let mut inner = axum::http::Request::new(Body::from(body));
        *inner.method_mut() = request.method().clone();
        *inner.uri_mut() = request.url().as_str().parse().map_err(|_| NoAnswer::NotSent)?;
        *inner.headers_mut() = request.headers().clone();
        inner.extensions_mut().insert(ConnectInfo(SocketAddr::from((PEER, 1))));
        let response = match router.clone().oneshot(inner).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, MAX_BYTES).await.map_err(|_| NoAnswer::Broken)?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_vec() })
    }

    /// Notes that a call ended.
    pub(super) fn called(
        &self,
        caller: &Caller,
        call: &Call,
        fault: Option<FaultKind>,
        outcome: &Result<Answer, NoAnswer>,
    ) {
        if self.traffic.get().is_some() {
            return;
        }
        let state = checks::state_of(self, call).map(str::to_owned);
        let met = Met { caller: caller.name.clone(), call: call.name.clone(), fault, state };
        let mut record = self.record();
        if caller.name == "reconcile" && call.name.ends_with("RequeryQueue purchase") {
            record.restarts += 1;
        }
        record.met(met);
        if record.tells() {
            let said = match outcome {
                Ok(answer) => answer.status.as_u16().to_string(),
                Err(reason) => reason.to_string(),
            };
            let fault = fault.map(|it| format!(" [{}]", <&str>::from(it))).unwrap_or_default();
            let line =
                format!("  {}#{} -> {}{fault}: {said}", caller.name, caller.number, call.name);
            record.call(self.now_ms(), line, call, outcome);
        }
        if record.calls == MOST_CALLS {
            record.violated("bounded_calls", self.now_ms(), "there is no end of calls".to_owned());
            self.stopped.notify_one();
        }
    }
}
