//! The record of what happens: `GET /_sandbox/activity` to read it, `GET /_sandbox/stream` to follow it.

use std::convert::Infallible;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use futures_util::stream::{self, Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::activity::{Activity, Entry};

/// How many entries one answer holds where the caller names no number, and at most.
const MOST: usize = 1_000;

/// What the routes read.
#[derive(Clone)]
pub(crate) struct Feed {
    pub(crate) activity: Activity,
    /// Becomes true when the sandbox stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// The routes, below `/_sandbox`.
pub(super) fn router(feed: Feed) -> Router {
    Router::new().route("/activity", get(list)).route("/stream", get(stream)).with_state(feed)
}

/// What to read.
#[derive(Deserialize)]
struct Wanted {
    /// The number of the last entry that is known; 0 for all.
    #[serde(default)]
    after: u64,
    /// An id that the entries are about.
    about: Option<String>,
    limit: Option<usize>,
}

/// The entries after a number, oldest first. `next` is the number to go on from.
async fn list(State(feed): State<Feed>, Query(wanted): Query<Wanted>) -> Json<Value> {
    let most = wanted.limit.unwrap_or(MOST).clamp(1, MOST);
    let last = feed.activity.last();
    let entries = feed.activity.after(wanted.after, wanted.about.as_deref(), most);
    let next = next(&entries, most, last.max(wanted.after));
    Json(json!({ "entries": entries, "next": next }))
}

/// The number to go on from after `entries`, of at most `most`, when `last` is the last number.
fn next(entries: &[Entry], most: usize, last: u64) -> u64 {
    match entries.last() {
        Some(entry) if entries.len() == most => entry.n,
        // Entries may have been added since `last` was read.
        Some(entry) => entry.n.max(last),
        None => last,
    }
}

/// Each entry as it ends, as server-sent events. A browser that reconnects names the last one it has.
async fn stream(
    State(feed): State<Feed>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let known = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let after = known.unwrap_or(wanted.after);
    let mut stopping = feed.stopping.clone();
    let events = events(feed.activity.clone(), after, wanted.about);
    let events = events.take_until(async move {
        let _ = stopping.wait_for(|stops| *stops).await;
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

struct Reader {
    activity: Activity,
    news: watch::Receiver<u64>,
    after: u64,
    about: Option<String>,
}

fn events(
    activity: Activity,
    after: u64,
    about: Option<String>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let news = activity.watch();
    let reader = Reader { activity, news, after, about };
    let batches = stream::unfold(reader, |mut reader| async move {
        let events = reader.next().await?;
        Some((stream::iter(events), reader))
    });
    batches.flatten().map(Ok)
}

impl Reader {
    /// The next events.
    async fn next(&mut self) -> Option<Vec<Event>> {
        let after = self.after;
        let last = *self.news.wait_for(|last| *last > after).await.ok()?;
        let entries = self.activity.after(self.after, self.about.as_deref(), MOST);
        self.after = next(&entries, MOST, last);
        let event = |entry: &Entry| {
            let event = Event::default().event("activity").id(entry.n.to_string());
            event.json_data(entry).ok()
        };
        Some(entries.iter().filter_map(event).collect())
    }
}
