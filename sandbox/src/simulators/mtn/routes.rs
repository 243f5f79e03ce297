//! The simulator's HTTP API, from the check of a request to its answer.

use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::access::AccessDenied;
use super::contract::{CheckedRequest, find_contract};
use super::envelope::{Envelope, JsonReply};
use super::history::History;
use super::lines::Line;
use super::operations::{Access, Operation};
use super::script::{Script, ScriptedAnswer};
use super::simulator::{Callback, MtnSimulator, RecordedQuestion, Simulator, Violation};

const MAX_BODY_BYTES: usize = 1 << 20;

/// The simulator's HTTP API: `/v1/oauth/...` and `/v2/...`.
pub fn router(simulator: Arc<MtnSimulator>) -> Router {
    Router::new().fallback(handle).with_state(simulator)
}

pub(super) async fn handle(State(mtn): Simulator, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.unwrap_or_default();
    let envelope = Envelope::new(&parts, &mtn.environment);
    match mtn.admit(&parts, &body) {
        Ok(request) => mtn.respond(&request, &parts, &envelope).await,
        Err(status) => {
            let code = if status == StatusCode::UNAUTHORIZED { "4000" } else { "5000" };
            envelope.error(status, code).respond().send().await
        }
    }
}

impl MtnSimulator {
    /// Checks a request against its contract; gives the status of the error if it violates it.
    fn admit(&self, parts: &Parts, body: &[u8]) -> Result<CheckedRequest, StatusCode> {
        let bad =
            |operation, problem| self.record_violation(operation, problem, StatusCode::BAD_REQUEST);
        let contract =
            find_contract(&parts.method, parts.uri.path()).map_err(|it| bad(None, it))?;
        let operation = Some(contract.operation);
        let denied = |reason| match reason {
            AccessDenied::Violation(it) => {
                self.record_violation(operation, it, StatusCode::UNAUTHORIZED)
            }
            AccessDenied::TokenRevoked => StatusCode::UNAUTHORIZED,
        };
        self.check_access(contract.access, &parts.headers).map_err(denied)?;
        let request = contract.check(parts, body).map_err(|it| bad(operation, it))?;
        if contract.access == Access::Form {
            self.check_form(&request).map_err(denied)?;
        }
        Ok(request)
    }

    fn record_violation(
        &self,
        operation: Option<Operation>,
        problem: String,
        status: StatusCode,
    ) -> StatusCode {
        self.controls().violations.push(Violation { operation, problem });
        status
    }

    async fn respond(
        self: &Arc<Self>,
        request: &CheckedRequest,
        parts: &Parts,
        envelope: &Envelope,
    ) -> Response {
        let script = self.controls().take_script(request.operation);
        let performs = script.as_ref().is_none_or(Script::performs);
        let usual = self.usual_reply(request, envelope, performs);
        let answer = script.as_ref().map_or_else(|| usual_answer(request), |script| script.answer);
        if answer == ScriptedAnswer::RefuseToken {
            self.revoke(&parts.headers);
        }
        if answer.calls_back() && usual.status == StatusCode::OK {
            let url = request.text("callBackUrl").map(str::to_owned);
            let callback = Callback { operation: request.operation, url, body: usual.body };
            self.call_back(answer, callback).await;
            return envelope.pending().respond().send().await;
        }
        match script {
            Some(script) => {
                let response = script.respond(request.operation, usual, envelope);
                script.with_headers(response.send().await)
            }
            None => usual.respond().send().await,
        }
    }

    /// The reply when all goes well. A refill or a token is given only if `performs`.
    fn usual_reply(
        &self,
        request: &CheckedRequest,
        envelope: &Envelope,
        performs: bool,
    ) -> JsonReply {
        match request.operation {
            Operation::Token => return self.give_token(performs),
            Operation::Refill => return self.refill(request, envelope, performs),
            operation => self.record_question(&RecordedQuestion {
                operation,
                callback_url: request.text("callBackUrl").map(str::to_owned),
            }),
        }
        let now = self.environment.clock.now();
        let refills = self.done_refills(request.msisdn());
        let naira = refills.iter().map(|it| it.naira).sum();
        let Some(line) = Line::of(request.msisdn(), naira) else { return envelope.no_customer() };
        let history = History { seed: line.seed, refills, request, now };
        JsonReply::ok(match request.operation {
            Operation::Plans => line.plans(request, now),
            Operation::ProductPlans => line.product_plans(request, now),
            Operation::Premium => line.premium(request),
            Operation::Recharges => history.recharges(),
            Operation::RechargeSummary => history.recharge_summary(),
            Operation::Usage => history.usage(),
            Operation::UsageSummary => history.usage_summary(),
            Operation::Balance | Operation::Token | Operation::Refill => line.balance(),
        })
    }
}

/// The answer without a script: histories are sent by callback, if the request has a callback URL.
fn usual_answer(request: &CheckedRequest) -> ScriptedAnswer {
    use Operation::{RechargeSummary, Recharges, Usage};
    let is_history = matches!(request.operation, Recharges | RechargeSummary | Usage);
    if is_history && request.text("callBackUrl").is_some() {
        ScriptedAnswer::Eventually
    } else {
        ScriptedAnswer::Now
    }
}
