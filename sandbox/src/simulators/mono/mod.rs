//! Mono's telco API, simulated: the guide's routes, shapes and lifetimes.

mod customers;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::secret::same;
use shared::world::{World, epoch, iso};

pub use self::customers::{CUSTOMERS, Customer};
use crate::ledger::Ledger;

/// The simulator.
pub struct MonoSimulator {
    /// The key it accepts.
    pub key: String,
    /// Where it is reached, for paging links.
    pub url: String,
    /// Where it reports what happens to accounts.
    pub webhook_url: String,
    /// What it proves itself with there.
    pub webhook_secret: String,
    /// Its memory.
    pub ledger: Arc<Ledger>,
    /// Time and ids.
    pub world: World,
}

/// An SMS as the phone received it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sms {
    /// The phone, `0803…`.
    pub phone: String,
    /// The OTP in it.
    pub otp: String,
    /// When it was sent, ISO 8601.
    pub sent_at: String,
}

#[derive(Serialize, Deserialize)]
struct Session {
    account_id: String,
    otp: String,
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Code {
    account_id: String,
    expires_at: i64,
}

const LIFETIME_SECONDS: i64 = 600;
const PAGE_SIZE: usize = 10;
/// The ledger's collection of messages that phones received.
pub const SMS: &str = "mono-sms";
const SESSIONS: &str = "mono-sessions";
const CODES: &str = "mono-codes";
const ACCOUNTS: &str = "mono-accounts";

/// Mono's refusals: a status and its message.
struct Refusal(StatusCode, &'static str);

type Answer = Result<Json<Value>, Refusal>;
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

/// The customer withdraws at Mono itself: the account is gone, and the webhook says so. Answers with
/// the status that the webhook got.
async fn withdraw(State(mono): Simulator, body: Bytes) -> Answer {
    #[derive(Deserialize)]
    struct Body {
        account_id: String,
    }
    let Body { account_id } = parse(&body)?;
    if !mono.ledger.remove(ACCOUNTS, &account_id) {
        return Err(NO_ACCOUNT);
    }
    let account = json!({ "account": { "id": account_id } });
    let event = json!({ "event": "mono.events.account_unlinked", "data": account });
    Ok(Json(json!({ "webhook": mono.report(&event).await })))
}

async fn authenticate(State(mono): Simulator, request: Request, next: Next) -> Response {
    let key = request.headers().get("mono-sec-key").and_then(|key| key.to_str().ok());
    match key {
        Some(key) if same(key, &mono.key) => next.run(request).await,
        _ => Refusal(StatusCode::UNAUTHORIZED, "Unauthorised key").into_response(),
    }
}

async fn auth(State(mono): Simulator, body: Bytes) -> Answer {
    #[derive(Deserialize)]
    struct Body {
        phone: String,
        provider: String,
    }
    let Body { phone, provider } = parse(&body)?;
    let customer = CUSTOMERS
        .iter()
        .find(|it| it.phone == phone && it.provider == provider)
        .ok_or(Refusal(StatusCode::BAD_REQUEST, "This number is not on this network"))?;
    let session_id = mono.id(16);
    let otp = format!("{:06}", u32::from_be_bytes(mono.world.random.bytes()) % 1_000_000);
    let expires_at = mono.in_ten_minutes();
    let account_id = customer.account_id.to_owned();
    let session = Session { account_id, otp: otp.clone(), expires_at };
    mono.ledger.put(SESSIONS, &session_id, &session);
    mono.deliver(Sms { phone, otp, sent_at: iso(mono.world.clock.now()) }, &session_id);
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

async fn verify(State(mono): Simulator, headers: HeaderMap, body: Bytes) -> Answer {
    #[derive(Deserialize)]
    struct Body {
        otp: String,
    }
    let Body { otp } = parse(&body)?;
    let session_id = headers.get("x-session-id").and_then(|id| id.to_str().ok()).unwrap_or("");
    let session: Session = mono
        .ledger
        .get(SESSIONS, session_id)
        .filter(|it: &Session| it.expires_at > epoch(mono.world.clock.now()))
        .ok_or(Refusal(StatusCode::NOT_FOUND, "Session not found"))?;
    if !same(&session.otp, &otp) {
        return Err(Refusal(StatusCode::BAD_REQUEST, "Incorrect OTP"));
    }
    mono.ledger.remove(SESSIONS, session_id);
    let code = format!("code_{}", mono.id(20));
    let expires_at = mono.in_ten_minutes();
    mono.ledger.put(CODES, &code, &Code { account_id: session.account_id, expires_at });
    Ok(Json(json!({ "status": "successful", "data": { "code": code } })))
}

async fn exchange(State(mono): Simulator, body: Bytes) -> Answer {
    Ok(Json(json!({ "id": mono.exchange(&body)? })))
}

async fn exchange_v2(State(mono): Simulator, body: Bytes) -> Answer {
    Ok(Json(json!({
        "status": "successful",
        "message": "Account linked",
        "timestamp": iso(mono.world.clock.now()),
        "data": { "id": mono.exchange(&body)? },
    })))
}

async fn account(State(mono): Simulator, Path(id): Path<String>) -> Answer {
    mono.customer(&id).map(|customer| Json(customer.account()))
}

async fn balances(State(mono): Simulator, Path(id): Path<String>) -> Answer {
    mono.available(&id).map(|customer| Json(customer.balances()))
}

async fn identity(State(mono): Simulator, Path(id): Path<String>) -> Answer {
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

/// The links keep the page only, as in Mono's examples: the harder case for whoever follows them.
async fn transactions(
    State(mono): Simulator,
    Path(id): Path<String>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Answer {
    let Query(filter) =
        filter.map_err(|_| Refusal(StatusCode::BAD_REQUEST, "Invalid query parameters"))?;
    let mut lines = mono.available(&id)?.transactions();
    let wanted = |filter: &Option<String>, text: &str| {
        filter.as_ref().is_none_or(|it| text.to_lowercase().contains(&it.to_lowercase()))
    };
    lines.retain(|line| {
        wanted(&filter.kind, line.kind)
            && wanted(&filter.narration, line.narration)
            && filter.start.as_ref().is_none_or(|start| line.date[..10] >= start[..])
            && filter.end.as_ref().is_none_or(|end| line.date[..10] <= end[..])
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

async fn unlink(State(mono): Simulator, Path(id): Path<String>) -> Answer {
    match mono.ledger.remove(ACCOUNTS, &id) {
        true => Ok(Json(json!({ "status": "successful", "message": "Account unlinked" }))),
        false => Err(NO_ACCOUNT),
    }
}

const NO_ACCOUNT: Refusal = Refusal(StatusCode::NOT_FOUND, "Account not found");

impl MonoSimulator {
    fn exchange(&self, body: &[u8]) -> Result<String, Refusal> {
        #[derive(Deserialize)]
        struct Body {
            code: String,
        }
        let Body { code } = parse(body)?;
        let found: Option<Code> = self.ledger.get(CODES, &code);
        // A code works once.
        let used = self.ledger.remove(CODES, &code);
        let found = found.filter(|it| used && it.expires_at > epoch(self.world.clock.now()));
        let found = found.ok_or(Refusal(StatusCode::BAD_REQUEST, "Code is invalid or expired"))?;
        self.ledger.put(ACCOUNTS, &found.account_id, &true);
        Ok(found.account_id)
    }

    fn customer(&self, id: &str) -> Result<&'static Customer, Refusal> {
        let linked: Option<bool> = self.ledger.get(ACCOUNTS, id);
        let customer = CUSTOMERS.iter().find(|it| it.account_id == id);
        customer.filter(|_| linked.is_some()).ok_or(NO_ACCOUNT)
    }

    fn available(&self, id: &str) -> Result<&'static Customer, Refusal> {
        let customer = self.customer(id)?;
        match customer.data_status {
            "AVAILABLE" => Ok(customer),
            _ => Err(Refusal(StatusCode::BAD_REQUEST, "Account data is still being processed")),
        }
    }

    /// Posts a webhook; the status it got, 0 for none.
    async fn report(&self, event: &Value) -> u16 {
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
        let request = axum::http::Request::post(&self.webhook_url)
            .header("content-type", "application/json")
            .header("mono-webhook-secret", &self.webhook_secret)
            .body(event.to_string());
        let request = request.ok().and_then(|request| reqwest::Request::try_from(request).ok());
        let Some(request) = request else { return 0 };
        self.world.http.send(request, PATIENCE).await.map_or(0, |answer| answer.status.as_u16())
    }

    /// The person trying the sandbox reads the phone's messages on the console.
    fn deliver(&self, sms: Sms, session_id: &str) {
        println!("SMS to {}: your OTP is {}", sms.phone, sms.otp);
        self.ledger.put(SMS, session_id, &sms);
    }

    fn in_ten_minutes(&self) -> i64 {
        epoch(self.world.clock.now()) + LIFETIME_SECONDS
    }

    fn id(&self, length: usize) -> String {
        self.world.random.id()[..length].to_owned()
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|_| Refusal(StatusCode::BAD_REQUEST, "Invalid request body"))
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "status": "failed", "message": self.1, "data": null });
        (self.0, Json(body)).into_response()
    }
}
