//! The replies that carry MTN's data.

use serde::Serialize;
use serde_json::value::RawValue;
use shared::domain::deferred::DeferredRequest;
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::provider::mtn::Data;

/// MTN's data as the tenant reads it.
#[derive(Serialize)]
struct MtnReply {
    status: &'static str,
    /// MTN said that a part of it is missing.
    partial: bool,
    /// It has the shape that MTN documents.
    recognised: bool,
    data: Box<RawValue>,
}

/// 200 with MTN's data.
pub(crate) fn answer(data: Data) -> Result<Reply, ApiError> {
    reply(data.json, data.partial, true)
}

/// 200 with the answer that was kept.
pub(crate) fn kept_answer(request: &DeferredRequest) -> Result<Reply, ApiError> {
    let result = request.result.clone().and_then(|text| RawValue::from_string(text).ok());
    let result = result.ok_or_else(|| ApiError::unavailable("a kept answer is not JSON"))?;
    reply(result, request.partial, request.recognised)
}

fn reply(data: Box<RawValue>, partial: bool, recognised: bool) -> Result<Reply, ApiError> {
    Reply::json(&MtnReply { status: "successful", partial, recognised, data })
}
