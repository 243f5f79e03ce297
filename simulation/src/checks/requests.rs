//! Deferred requests: MTN's answers are taken, and every request is answered, asked again or times out.

use axum::http::StatusCode;
use dynoxide::types::AttributeValue;
use serde_json::Value;
use shared::domain::time::{to_ms, to_seconds};
use shared::platform::crypto::hashed;

use super::item::{CLOCK_DIFFERENCE_MS, at_ms, lines, maps, number, text};
use super::name;
use crate::world::World;

/// How long an outage is after which a request may end without an answer, in milliseconds.
const LONG_MS: u64 = 12 * 3_600_000;

/// Looks at MTN's callback: an answer to a request that is alive is taken.
pub fn called_back(world: &World, path: &str, body: &Value, status: StatusCode) {
    let Some(rest) = path.strip_prefix("/callbacks/mtn/") else { return };
    // What strangers post with the right token is a notice.
    let is_answer = body["notice"].is_null();
    let Some((id, token)) = rest.split_once('/').filter(|_| is_answer) else { return };
    if status == StatusCode::OK {
        world.record().answered.insert(id.to_owned());
    }
    let is_owed = || is_alive(world, id) && !is_over(world, id, token);
    if status == StatusCode::NOT_FOUND && is_owed() && !world.was_forged(rest) {
        let detail = format!("MTN's answer to request {id} was refused");
        world.violated(name::ANSWERED, detail);
    }
}

/// Whether a deferred request has not ended, and its account was linked ever since.
fn is_alive(world: &World, id: &str) -> bool {
    let Some(request) = world.dynamodb.item("RequestsTable", &[("request_id", id)]) else {
        return false;
    };
    let (account, tenant) = (text(&request, "account_id"), text(&request, "tenant"));
    let key = [("account_id", account), ("tenant", tenant)];
    let Some(account) = world.dynamodb.item("AccountsTable", &key) else { return false };
    let made = at_ms(&request, "created_at").unwrap_or_default();
    // An unlink deletes the account's requests. It may be linked again before the last one is gone.
    let was_ended = lines(&account).any(|line| {
        let is_later = at_ms(line, "at").is_some_and(|at| at + CLOCK_DIFFERENCE_MS > made);
        is_later && matches!(text(line, "event"), "unlinking" | "expired")
    });
    let is_linked = text(&account, "state") == "linked" && !was_ended;
    let ends_ms = number(&account, "ends_ms").unwrap_or(i64::MAX);
    let ends = [number(&request, "expires_at").unwrap_or_default() * 1_000, ends_ms];
    let now = to_ms(world.clock.now());
    is_linked && ends.into_iter().all(|end| end - CLOCK_DIFFERENCE_MS > now)
}

/// Whether the day of one ask of a deferred request is over. Each ask has a token of its own.
fn is_over(world: &World, id: &str, token: &str) -> bool {
    let item = world.dynamodb.item("RequestsTable", &[("request_id", id)]).unwrap_or_default();
    let hash = hashed(token);
    let mut own = maps(&item, "tokens").filter(|it| text(it, "hash") == hash);
    let end = own.next().and_then(|it| number(it, "expires_at"));
    end.is_some_and(|end| end * 1_000 - CLOCK_DIFFERENCE_MS <= to_ms(world.clock.now()))
}

/// Checks what must hold of requests at the end.
pub(super) fn at_the_end(world: &World) {
    requests_are_answered(world);
    answers_are_kept(world);
}

/// A request that has ended is not found any more. It ends while it waits only where something was away for most of
/// its day.
fn requests_are_answered(world: &World) {
    let now = to_seconds(world.clock.now());
    let was_long_away = world.schedule.outages.iter().any(|outage| outage.for_ms >= LONG_MS);
    for item in world.dynamodb.all("RequestsTable") {
        let has_ended = number(&item, "expires_at").is_some_and(|end| end <= now);
        if text(&item, "state") == "waiting" && !(has_ended && was_long_away) {
            let id = text(&item, "request_id");
            world.violated(name::ANSWERED, format!("request {id} still waits"));
        }
    }
}

/// An answer of MTN that was taken is there, whatever else was posted in its name.
fn answers_are_kept(world: &World) {
    let answered = world.record().answered.clone();
    for item in world.dynamodb.all("RequestsTable") {
        let id = text(&item, "request_id");
        let is_recognised = matches!(item.get("recognised"), Some(AttributeValue::BOOL(true)));
        let is_kept = text(&item, "state") == "available" && is_recognised;
        if answered.contains(id) && (!is_kept || item.contains_key("notice")) {
            let detail = format!("MTN's answer to request {id} was taken and is not what is there");
            world.violated(name::ANSWERED, detail);
        }
    }
}
