//! `/_sandbox/clock`: shows the sandbox's time, and turns it on.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Json;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, bad, error, read, unavailable};
use super::state::Console;

/// The most that one request may turn the clock: a week.
const MOST_SECONDS: u64 = 7 * 86_400;

/// The time, and how far the clock was turned.
pub(super) async fn show(State(console): State<Arc<Console>>) -> Json<Value> {
    Json(console.turner.shown())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

/// Turns the clock on, and answers when all that became due is done.
pub(super) async fn advance(State(console): State<Arc<Console>>, body: Bytes) -> Answer {
    let Advance { advance_seconds } = read(&body)?;
    if !(1..=MOST_SECONDS).contains(&advance_seconds) {
        return Err(bad(format!("advance_seconds must be 1 to {MOST_SECONDS}")));
    }
    if let Some(refusal) = console.turner.refusal() {
        return Err(error(StatusCode::CONFLICT, refusal));
    }
    let by = Duration::from_secs(advance_seconds);
    let turner = console.clone();
    // A person who closes the page does not stop the clock half-way.
    let turned = tokio::spawn(async move { turner.turner.advance(by).await });
    let stops = turned.await.map_err(unavailable)?;
    let mut shown = console.turner.shown();
    shown["stops"] = json!(stops);
    Ok(Json(shown))
}
