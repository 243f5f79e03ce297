//! The simulator's HTTP API and its control route.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::time::to_iso;
use shared::platform::crypto::same;

use super::simulator::{MonoError, MonoSimulator};
use crate::simulators::http::header_text;

const PAGE_SIZE: usize = 10;

type JsonResult = Result<Json<Value>, MonoError>;
type Simulator = State<Arc<MonoSimulator>>;

/// The simulator's HTTP API.
pub fn router(simulator: Arc<MonoSimulator>) -> Router {
    Router::new()
        .route("/v2/telecom/auth", post(auth))
        .route("/v2/telecom/verify", post(verify))
        .route("/account/auth", post(exchange))
        .route("/v2/accounts/auth", post(exchange_v2))
        .route("/accounts/{id}", get(account))
        .route("/accounts/{id}/balances", get(balances))
        .route("/accounts/{id}/transactions", get(transactions))
        .route("/accounts/{id}/identity", get(identity))
        .route("/accounts/{id}/unlink", post(unlink))
        .layer(middleware::from_fn_with_state(simulator.clone(), authenticate))
        .with_state(simulator)
}

/// The control routes, to be nested under `/_sandbox/mono`.
pub fn control_router(simulator: Arc<MonoSimulator>) -> Router {
    Router::new().route("/withdraw", post(withdraw)).with_state(simulator)
}

#[derive(Deserialize)]
struct Withdraw {
    account_id: String,
}

/// The customer withdraws at Mono itself: the account is gone, and a webhook reports it. Answers
/// with the status of the webhook's response.
async fn withdraw(State(mono): Simulator, body: Bytes) -> JsonResult {
    let Withdraw { account_id } = parse(&body)?;
    mono.unlink(&account_id)?;
    let account = json!({ "account": { "id": account_id } });
    let event = json!({ "event": "mono.events.account_unlinked", "data": account });
    Ok(Json(json!({ "webhook": mono.post_webhook(&event).await })))
}

async fn authenticate(State(mono): Simulator, request: Request, next: Next) -> Response {
    match header_text(request.headers(), "mono-sec-key") {
        Some(key) if same(key, &mono.key) => next.run(request).await,
        _ => MonoError(StatusCode::UNAUTHORIZED, "Unauthorised key").into_response(),
    }
}

#[derive(Deserialize)]
struct Auth {
    phone: String,
    provider: String,
}

async fn auth(State(mono): Simulator, body: Bytes) -> JsonResult {
    let Auth { phone, provider } = parse(&body)?;
    let session_id = mono.start_session(phone, &provider)?;
    let field = json!({
        "type": "elements.input", "name": "otp", "hint": "Enter OTP",
        "contentType": "password", "minLength": 6, "maxLength": 6,
    });
    let result = json!({ "title": "Enter the code we sent to your phone", "form": [field] });
    Ok(Json(json!({
        "status": "successful",
        "data": { "session_id": session_id, "result": result },
    })))
}

#[derive(Deserialize)]
struct Verify {
    otp: String,
}

async fn verify(State(mono): Simulator, headers: HeaderMap, body: Bytes) -> JsonResult {
    let Verify { otp } = parse(&body)?;
    let code = mono.verify(header_text(&headers, "x-session-id").unwrap_or_default(), &otp)?;
    Ok(Json(json!({ "status": "successful", "data": { "code": code } })))
}

#[derive(Deserialize)]
struct Exchange {
    code: String,
}

async fn exchange(State(mono): Simulator, body: Bytes) -> JsonResult {
    let Exchange { code } = parse(&body)?;
    Ok(Json(json!({ "id": mono.exchange(&code)? })))
}

async fn exchange_v2(State(mono): Simulator, body: Bytes) -> JsonResult {
    let Exchange { code } = parse(&body)?;
    Ok(Json(json!({
        "status": "successful",
        "message": "Account linked",
        "timestamp": to_iso(mono.environment.clock.now()),
        "data": { "id": mono.exchange(&code)? },
    })))
}

async fn account(State(mono): Simulator, Path(id): Path<String>) -> JsonResult {
    mono.customer(&id).map(|customer| Json(customer.account()))
}

async fn balances(State(mono): Simulator, Path(id): Path<String>) -> JsonResult {
    mono.available(&id).map(|customer| Json(customer.balances()))
}

async fn identity(State(mono): Simulator, Path(id): Path<String>) -> JsonResult {
    mono.available(&id).map(|customer| Json(customer.identity()))
}

#[derive(Deserialize)]
struct Filter {
    page: Option<usize>,
    limit: Option<usize>,
    start: Option<String>,
    end: Option<String>,
    narration: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    paginate: Option<bool>,
}

/// The paging links hold the page only, as in Mono's examples. This is the harder case for the
/// client.
async fn transactions(
    State(mono): Simulator,
    Path(id): Path<String>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> JsonResult {
    let Query(filter) =
        filter.map_err(|_| MonoError(StatusCode::BAD_REQUEST, "Invalid query parameters"))?;
    let mut lines = mono.available(&id)?.transactions();
    let wanted = |filter: &Option<String>, text: &str| {
        filter.as_ref().is_none_or(|it| text.to_lowercase().contains(&it.to_lowercase()))
    };
    lines.retain(|line| {
        let text = |field: &str| line[field].as_str().unwrap_or_default();
        let day = &text("date")[..10];
        wanted(&filter.kind, text("type"))
            && wanted(&filter.narration, text("narration"))
            && filter.start.as_ref().is_none_or(|start| day >= &start[..])
            && filter.end.as_ref().is_none_or(|end| day <= &end[..])
    });
    let total = lines.len();
    let page = filter.page.unwrap_or(1).max(1);
    let limit = filter.limit.unwrap_or(PAGE_SIZE).max(1);
    let link = |page| format!("{}/accounts/{id}/transactions?page={page}", mono.url);
    let (mut previous, mut next) = (None, None);
    if filter.paginate != Some(false) {
        previous = (page > 1).then(|| link(page - 1));
        next = (page.saturating_mul(limit) < total).then(|| link(page + 1));
        lines = lines.into_iter().skip((page - 1).saturating_mul(limit)).take(limit).collect();
    }
    let paging = json!({ "total": total, "page": page, "previous": previous, "next": next });
    Ok(Json(json!({ "paging": paging, "data": lines })))
}

async fn unlink(State(mono): Simulator, Path(id): Path<String>) -> JsonResult {
    mono.unlink(&id)?;
    Ok(Json(json!({ "status": "successful", "message": "Account unlinked" })))
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, MonoError> {
    serde_json::from_slice(body)
        .map_err(|_| MonoError(StatusCode::BAD_REQUEST, "Invalid request body"))
}
