//! `/_sandbox/queues`: what waits in each queue, what became of dead letters, and the schedules.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Json;
use serde_json::{Value, json};
use shared::domain::time::to_iso;
use time::OffsetDateTime;

use super::answer::{Answer, ConsoleError, not_found, unavailable};
use super::state::Console;
use crate::aws::sqs::engine::{Engine, SqsError};
use crate::template::stack::ScheduleTarget;

/// How many messages of a queue are shown.
const SHOWN: usize = 50;

/// Every queue with its messages and its dead letters, and every schedule.
pub(super) async fn show(State(console): State<Arc<Console>>) -> Answer {
    let queues = match &console.services.queues {
        Some(queues) => {
            let (console, queues) = (console.clone(), queues.clone());
            // SQLite may wait for the disk.
            let all = tokio::task::spawn_blocking(move || all(&console, &queues));
            all.await.map_err(unavailable)?.map_err(unavailable)?
        }
        None => Vec::new(),
    };
    Ok(Json(json!({
        "own": console.services.queues.is_some(),
        "queues": queues,
        "schedules": schedules(&console),
    })))
}

fn all(console: &Console, queues: &Engine) -> Result<Vec<Value>, SqsError> {
    let with_dead_letters = console.stack.queues.iter().filter_map(|queue| {
        let dead = queues.dead_letter_queue(&queue.name).ok()??;
        Some((queue.name.as_str(), dead))
    });
    with_dead_letters
        .map(|(name, dead)| {
            let [waiting, in_flight, delayed] = queues.counts(name)?;
            let letters: i64 = queues.counts(&dead)?.iter().sum();
            Ok(json!({
                "name": name,
                "function": reader(console, name),
                "waiting": waiting,
                "in_flight": in_flight,
                "delayed": delayed,
                "oldest_age_seconds": queues.metrics(name)?.oldest_age_seconds,
                "messages": messages(queues, name)?,
                "dead_letter_queue": dead,
                "dead_letters": letters,
                "dead_messages": messages(queues, &dead)?,
            }))
        })
        .collect()
}

fn reader<'a>(console: &'a Console, queue: &str) -> Option<&'a str> {
    let trigger = console.stack.triggers.iter().find(|it| it.queue == queue)?;
    Some(&trigger.function)
}

fn messages(queues: &Engine, name: &str) -> Result<Vec<Value>, SqsError> {
    let kept = queues.peek(name, SHOWN)?.into_iter();
    Ok(kept
        .map(|it| {
            json!({
                "id": it.id,
                "body": serde_json::from_str::<Value>(&it.body).unwrap_or(Value::String(it.body)),
                "sent_at": iso(it.sent_ms),
                "due_at": iso(it.visible_ms),
                "receive_count": it.receive_count,
            })
        })
        .collect())
}

fn iso(ms: i64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok().map(to_iso)
}

fn schedules(console: &Console) -> Vec<Value> {
    let slots = console.turner.timetable.slots().into_iter();
    slots
        .map(|slot| {
            let (kind, name) = match slot.target {
                ScheduleTarget::Queue(name) => ("queue", name),
                ScheduleTarget::Function(name) => ("function", name),
            };
            json!({
                kind: name,
                "every_seconds": slot.every.as_secs(),
                "last_at": slot.last.map(to_iso),
                "next_at": to_iso(slot.next),
            })
        })
        .collect()
}

/// How many dead letters there are.
pub(super) fn dead_letters(console: &Console) -> Result<i64, ConsoleError> {
    let Some(queues) = &console.services.queues else { return Ok(0) };
    let mut all = 0;
    for queue in &console.stack.queues {
        if let Some(dead) = queues.dead_letter_queue(&queue.name).map_err(unavailable)? {
            all += queues.counts(&dead).map_err(unavailable)?.iter().sum::<i64>();
        }
    }
    Ok(all)
}

/// Moves a queue's dead letters back to it.
pub(super) async fn redrive(
    State(console): State<Arc<Console>>,
    Path(name): Path<String>,
) -> Answer {
    let queues = console.services.queues.as_ref().ok_or_else(not_found)?;
    let dead = match queues.dead_letter_queue(&name) {
        Ok(dead) => dead.ok_or_else(not_found)?,
        Err(SqsError::NoQueue) => return Err(not_found()),
        Err(error) => return Err(unavailable(error)),
    };
    let moved = queues.move_all(&dead, &name).map_err(unavailable)?;
    Ok(Json(json!({ "moved": moved })))
}
