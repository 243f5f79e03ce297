//! `GET /purchases`: the caller's own, newest first.

use serde::Serialize;
use shared::error::ApiError;
use shared::http_function::{ApiRequest, Reply};
use shared::purchase::{Purchase, State};

use crate::PurchaseFunction;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

#[derive(Serialize)]
struct List<'a> {
    status: &'static str,
    data: Vec<shared::purchase::View<'a>>,
    paging: Paging,
}

#[derive(Serialize)]
struct Paging {
    next: Option<String>,
}

struct Query {
    state: Option<State>,
    limit: usize,
    after: Option<String>,
}

impl PurchaseFunction {
    pub(crate) async fn list(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.caller()?;
        let Query { state, limit, after } = Query::parse(request)?;
        let page = self.purchases.list(tenant, state, limit, after.as_deref()).await?;
        let base = self.public_base_url.as_deref().unwrap_or(&request.base_url);
        let next = page.next.map(|listed| link(base, state, limit, &listed));
        let data = page.purchases.iter().map(Purchase::view).collect();
        Reply::json(&List { status: "successful", data, paging: Paging { next } })
    }
}

impl Query {
    fn parse(request: &ApiRequest) -> Result<Self, ApiError> {
        let state = request.query_value("state").map(|name| {
            State::parse(&name).ok_or_else(|| {
                let names = State::ALL.map(State::as_str).join(", ");
                ApiError::invalid(format!("state must be one of: {names}."))
            })
        });
        let limit = request.query_value("limit").map(|limit| {
            let limit = limit.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
            limit.ok_or_else(|| ApiError::invalid(format!("limit must be 1 to {MAX_LIMIT}.")))
        });
        let after = request.query_value("cursor").map(|cursor| {
            decoded(&cursor).ok_or_else(|| ApiError::invalid("cursor is none of this API's."))
        });
        Ok(Self {
            state: state.transpose()?,
            limit: limit.transpose()?.unwrap_or(DEFAULT_LIMIT),
            after: after.transpose()?,
        })
    }
}

fn link(base: &str, state: Option<State>, limit: usize, listed: &str) -> String {
    let state = state.map(|state| format!("state={}&", state.as_str())).unwrap_or_default();
    format!("{base}/purchases?{state}limit={limit}&cursor={}", hex::encode(listed))
}

/// A cursor is the place in the caller's own list, in hexadecimal: a time and a purchase id.
fn decoded(cursor: &str) -> Option<String> {
    let listed = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
    let (time, id) = listed.split_once('#')?;
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-:.".contains(&b));
    (time.len() == 24 && id.len() == 32 && plain(time) && plain(id)).then_some(listed)
}
