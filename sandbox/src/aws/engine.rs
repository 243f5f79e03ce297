//! The embedded DynamoDB, called directly. The library's own HTTP server is not used: it answers every web
//! page (`Access-Control-Allow-Origin: *`), and no listener of the sandbox may.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use dynoxide::{Database, DynoxideError, Result};
use serde::{Deserialize, Deserializer, Serialize};
use shared::platform::http::Answer;

/// Answers one operation as DynamoDB does.
pub fn call<'de, D: Deserializer<'de>>(database: &Database, operation: &str, body: D) -> Answer {
    match dispatch(database, operation, body) {
        Ok(text) => answer(StatusCode::OK, text),
        Err(error) => {
            let status = StatusCode::from_u16(error.status_code());
            answer(status.unwrap_or(StatusCode::BAD_REQUEST), error.to_json())
        }
    }
}

/// An answer of AWS in JSON.
pub fn answer(status: StatusCode, body: String) -> Answer {
    let json = HeaderValue::from_static("application/x-amz-json-1.0");
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
    Answer { status, headers, body: body.into_bytes() }
}

fn dispatch<'de, D: Deserializer<'de>>(it: &Database, operation: &str, body: D) -> Result<String> {
    match operation {
        "GetItem" => run(body, |request| it.get_item(request)),
        "PutItem" => run(body, |request| it.put_item(request)),
        "UpdateItem" => run(body, |request| it.update_item(request)),
        "DeleteItem" => run(body, |request| it.delete_item(request)),
        "Query" => run(body, |request| it.query(request)),
        "Scan" => run(body, |request| it.scan(request)),
        "BatchGetItem" => run(body, |request| it.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| it.batch_write_item(request)),
        "TransactGetItems" => run(body, |request| it.transact_get_items(request)),
        "TransactWriteItems" => run(body, |request| it.transact_write_items(request)),
        "CreateTable" => run(body, |request| it.create_table(request)),
        "DeleteTable" => run(body, |request| it.delete_table(request)),
        "DescribeTable" => run(body, |request| it.describe_table(request)),
        "ListTables" => run(body, |request| it.list_tables(request)),
        "UpdateTable" => run(body, |request| it.update_table(request)),
        "DescribeTimeToLive" => run(body, |request| it.describe_time_to_live(request)),
        "UpdateTimeToLive" => run(body, |request| it.update_time_to_live(request)),
        other => Err(DynoxideError::ValidationException(format!("{other} is not supported here"))),
    }
}

fn run<'de, D, Q, A>(body: D, operation: impl FnOnce(Q) -> Result<A>) -> Result<String>
where
    D: Deserializer<'de>,
    Q: Deserialize<'de>,
    A: Serialize,
{
    let request = Q::deserialize(body).map_err(invalid)?;
    serde_json::to_string(&operation(request)?).map_err(invalid)
}

fn invalid(error: impl std::fmt::Display) -> DynoxideError {
    DynoxideError::SerializationException(error.to_string())
}
