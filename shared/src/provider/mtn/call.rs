//! A call to MTN before its authorization is known: its ids, its headers and its request.

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::Request;
use serde::Serialize;

use super::error::MtnError;
use crate::platform::crypto::{ExposeSecret, SecretString};
use crate::provider::request::{self, JSON};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const TRANSACTION_ID: HeaderName = HeaderName::from_static("transactionid");
const TRACE_ID: HeaderName = HeaderName::from_static("traceid");
const CHANNEL: HeaderName = HeaderName::from_static("channelname");
const SOURCE_SYSTEM: HeaderName = HeaderName::from_static("sourcesystemid");

/// The ids by which a call can be found again, here and at MTN.
#[derive(Debug, Clone, Copy)]
pub struct Ids<'a> {
    /// The id of the question or the purchase.
    pub transaction_id: &'a str,
    /// The id of the request that led to the call.
    pub trace_id: &'a str,
}

/// The headers that are the same in every call.
#[derive(Clone)]
pub(super) struct CallHeaders {
    /// `x-api-key`
    pub(super) api_key: HeaderValue,
    /// `channelName`; for a refill, `sourceSystemId`.
    pub(super) channel: HeaderValue,
}

/// A call before its authorization is known.
pub(super) struct HttpCall {
    /// The name in logs.
    pub(super) operation: &'static str,
    pub(super) method: Method,
    path: String,
    pub(super) headers: HeaderMap,
    body: Vec<u8>,
}

impl CallHeaders {
    /// The headers of a call with these ids.
    pub(super) fn of(&self, ids: &Ids<'_>) -> Result<HeaderMap, MtnError> {
        let value = |text| HeaderValue::from_str(text).map_err(|_| MtnError::unwritable());
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, JSON);
        headers.insert(API_KEY, self.api_key.clone());
        headers.insert(TRANSACTION_ID, value(ids.transaction_id)?);
        headers.insert(TRACE_ID, value(ids.trace_id)?);
        headers.insert(CHANNEL, self.channel.clone());
        Ok(headers)
    }

    /// Replaces `channelName` by `sourceSystemId`, which MTN requires for a refill.
    pub(super) fn name_source_system(&self, headers: &mut HeaderMap) {
        headers.remove(CHANNEL);
        headers.insert(SOURCE_SYSTEM, self.channel.clone());
    }
}

impl HttpCall {
    /// A call without a body.
    pub(super) fn get(operation: &'static str, path: String, headers: HeaderMap) -> Self {
        Self { operation, method: Method::GET, path, headers, body: Vec::new() }
    }

    /// A call with a JSON body.
    pub(super) fn post(
        operation: &'static str,
        path: String,
        mut headers: HeaderMap,
        body: &impl Serialize,
    ) -> Result<Self, MtnError> {
        headers.insert(CONTENT_TYPE, JSON);
        let body = serde_json::to_vec(body).map_err(|_| MtnError::unwritable())?;
        Ok(Self { operation, method: Method::POST, path, headers, body })
    }

    /// The request to send; `None` if it cannot be built.
    pub(super) fn to_request(
        &self,
        base_url: &str,
        authorization: Option<&HeaderValue>,
    ) -> Option<Request> {
        let mut headers = self.headers.clone();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        let url = format!("{base_url}{}", self.path);
        request::build(self.method.clone(), url, headers, self.body.clone())
    }
}

/// A secret of a request as a header value that `Debug` does not print.
pub(super) fn secret_header(secret: &SecretString) -> Result<HeaderValue, MtnError> {
    let value = HeaderValue::from_bytes(secret.expose_secret().as_bytes());
    let mut value = value.map_err(|_| MtnError::unwritable())?;
    value.set_sensitive(true);
    Ok(value)
}
