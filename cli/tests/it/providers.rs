//! Mono and MTN in one, which note whose data they gave.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

/// Mono and MTN in one: they know every person by a number from 000 to 999, and note whose data they gave.
#[derive(Clone, Default)]
pub struct Providers(Arc<Mutex<Notes>>);

#[derive(Default)]
pub struct Notes {
    /// Whose data was given, in order.
    pub given: Vec<String>,
    /// How many sessions were begun.
    sessions: usize,
    /// Refuses the next request for data.
    pub refuses: bool,
    /// Answers the next question of MTN's later.
    pub is_late: bool,
    /// Where MTN is to answer later.
    pub callback: String,
}

pub fn account(person: usize) -> String {
    format!("account-{person:03}")
}

pub fn number(person: usize) -> String {
    format!("0803123{:04}", person)
}

impl Providers {
    pub async fn start() -> (Self, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let providers = Self::default();
        let app = Router::new().fallback(answer).with_state(providers.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (providers, url)
    }

    pub fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.0.lock().unwrap()
    }

    /// Whose data was given since this was asked last.
    pub fn take_given(&self) -> Vec<String> {
        std::mem::take(&mut self.notes().given)
    }
}

async fn answer(State(providers): State<Providers>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| sent[name].as_str().unwrap_or_default().to_owned();
    let path = parts.uri.path();
    let header = |name: &str| parts.headers.get(name).map_or("", |it| it.to_str().unwrap());
    let known = match path {
        "/v1/oauth/access_token" => json!({ "access_token": "t", "expires_in": "3599" }),
        "/v2/telecom/auth" => {
            let mut notes = providers.notes();
            notes.sessions += 1;
            let session = format!("{}-{}", text("phone"), notes.sessions);
            json!({ "status": "successful", "data": { "session_id": session } })
        }
        "/v2/telecom/verify" => {
            json!({ "status": "successful", "data": { "code": header("x-session-id") } })
        }
        "/account/auth" => json!({ "id": format!("account-{}", &text("code")[8..11]) }),
        _ => return data(&mut providers.notes(), path, &sent),
    };
    Json(known).into_response()
}

/// Gives a person's data, or not.
fn data(notes: &mut Notes, path: &str, sent: &Value) -> Response {
    // A path of Mono's holds the account, one of MTN's the number, and a question has it in its body.
    let named = [path, sent["msisdn"].as_str().unwrap_or_default()].join(" ");
    let end = ["account-", "2348031230"].iter().find_map(|start| named.split_once(start));
    let person = account(end.unwrap().1[..3].parse().unwrap());
    if std::mem::take(&mut notes.refuses) {
        let refusal = json!({ "statusCode": "5000", "statusMessage": person });
        return (StatusCode::BAD_REQUEST, Json(refusal)).into_response();
    }
    if std::mem::take(&mut notes.is_late) {
        notes.callback = sent["callBackUrl"].as_str().unwrap().to_owned();
        return Json(json!({ "statusCode": "0000", "statusMessage": "m", "data": null }))
            .into_response();
    }
    notes.given.push(person.clone());
    let lists = json!({ "usage": [], "summary": [], "bundles": [], "name": person });
    Json(json!({ "statusCode": "0000", "statusMessage": "m", "data": lists })).into_response()
}
