//! Serves the embedded DynamoDB and lets its global secondary indexes lag behind the tables, if the
//! switch asks for it: an index does not show an item for a while after it was written.
//!
//! Two things differ from AWS. An item that is changed is missing from the index, not shown as it
//! was; and an item that is deleted is gone from the index at once. An answer that counts only, or
//! that does not hold the keys of its items, is passed on as it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use dynoxide::Database;
use dynoxide::actions::describe_table::DescribeTableRequest;
use serde_json::{Value, json};
use shared::platform::environment::{Clock, Environment};
use shared::platform::http::Answer;
use time::OffsetDateTime;

use super::engine;
use super::switches::Switches;

/// DynamoDB's limit of a request.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// An item's table and key, in one text.
type ItemKey = String;

/// What was written lately, and what an index does not show yet.
pub struct IndexLag {
    database: Database,
    clock: Clock,
    written: Mutex<HashMap<ItemKey, OffsetDateTime>>,
    /// The names of each table's key attributes, once they were asked for.
    keys: Mutex<HashMap<String, Vec<String>>>,
}

struct Layer {
    switches: Switches,
    lag: IndexLag,
}

/// DynamoDB over HTTP, with indexes that may lag.
pub(crate) fn router(database: Database, environment: &Environment, switches: Switches) -> Router {
    let lag = IndexLag::new(database, environment.clock.clone());
    Router::new().route("/", post(answer)).with_state(Arc::new(Layer { switches, lag }))
}

/// Answers an operation. With the switch off, nothing in it is read here.
async fn answer(State(layer): State<Arc<Layer>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_REQUEST_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let work = move || layer.call(operation(&parts.headers), &body);
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => response(answer),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn operation(headers: &HeaderMap) -> &str {
    let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

fn response(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

impl Layer {
    fn call(&self, operation: &str, body: &[u8]) -> Answer {
        let mut text = serde_json::Deserializer::from_slice(body);
        let mut answer = engine::call(&self.lag.database, operation, &mut text);
        if let Some(lag) = self.switches.positions().index_lag()
            && answer.status.is_success()
            && let Ok(request) = serde_json::from_slice(body)
        {
            self.lag.apply(operation, &request, &mut answer, lag);
        }
        answer
    }
}

impl IndexLag {
    /// Nothing was written yet.
    pub fn new(database: Database, clock: Clock) -> Self {
        Self { database, clock, written: Mutex::default(), keys: Mutex::default() }
    }

    /// Remembers what a request wrote, and takes what was written less than `lag` ago from the answer
    /// of an index.
    pub fn apply(&self, operation: &str, request: &Value, answer: &mut Answer, lag: Duration) {
        let now = self.clock.now();
        if matches!(operation, "Query" | "Scan") {
            if request["IndexName"].is_string() {
                self.hide(request, answer, now - lag);
            }
            return;
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|_, at| *at > now - lag);
        written.extend(self.writes(operation, request).into_iter().map(|item| (item, now)));
    }

    /// The items that a request writes.
    fn writes(&self, operation: &str, request: &Value) -> Vec<ItemKey> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let put = |it: &Value| self.key(&it["TableName"], &it["Item"]);
        let update = |it: &Value| self.key(&it["TableName"], &it["Key"]);
        match operation {
            "PutItem" => put(request).into_iter().collect(),
            "UpdateItem" => update(request).into_iter().collect(),
            "TransactWriteItems" => {
                let parts = list(&request["TransactItems"]);
                parts.iter().filter_map(|it| put(&it["Put"]).or(update(&it["Update"]))).collect()
            }
            "BatchWriteItem" => {
                let tables = request["RequestItems"].as_object().cloned().unwrap_or_default();
                let parts = tables.iter().flat_map(|(table, parts)| {
                    list(parts).into_iter().map(move |part| (json!(table), part))
                });
                parts
                    .filter_map(|(table, it)| self.key(&table, &it["PutRequest"]["Item"]))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The key of an item, which may be the key alone.
    fn key(&self, table: &Value, item: &Value) -> Option<ItemKey> {
        let mut key = table.to_string();
        for name in self.key_names(table.as_str()?)? {
            key.push_str(&item.get(&name)?.to_string());
        }
        Some(key)
    }

    fn key_names(&self, table: &str) -> Option<Vec<String>> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = keys.get(table) {
            return Some(names.clone());
        }
        let request = DescribeTableRequest { table_name: table.to_owned() };
        let schema = self.database.describe_table(request).ok()?.table.key_schema;
        let names: Vec<String> = schema.into_iter().map(|it| it.attribute_name).collect();
        keys.insert(table.to_owned(), names.clone());
        Some(names)
    }

    /// Takes the items that were written after `since` from an answer.
    fn hide(&self, request: &Value, answer: &mut Answer, since: OffsetDateTime) {
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return };
        let Some(items) = body["Items"].as_array_mut() else { return };
        let before = items.len();
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        items.retain(|item| {
            let key = self.key(&request["TableName"], item);
            key.and_then(|key| written.get(&key)).is_none_or(|at| *at <= since)
        });
        let hidden = before - items.len();
        if hidden == 0 {
            return;
        }
        for count in ["Count", "ScannedCount"] {
            let shown = body[count].as_u64().unwrap_or_default();
            body[count] = json!(shown.saturating_sub(hidden as u64));
        }
        answer.body = body.to_string().into_bytes();
        // The checksum was that of the whole answer.
        answer.headers.remove("x-amz-crc32");
    }
}
