//! `GET /purchases`: the tenant's own purchases, newest first.

use serde::Serialize;
use serde_json::Value;
use shared::domain::ids::PurchaseId;
use shared::domain::purchase::{Purchase, State};
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use strum::IntoEnumIterator;

use crate::PurchaseFunction;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

#[derive(Serialize)]
struct ListReply {
    status: &'static str,
    data: Vec<Value>,
    paging: Paging,
}

#[derive(Serialize)]
struct Paging {
    next: Option<String>,
}

struct ListQuery {
    state: Option<State>,
    limit: usize,
    after: Option<String>,
}

impl PurchaseFunction {
    pub(crate) async fn list(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let ListQuery { state, limit, after } = ListQuery::parse(request)?;
        let page = self.purchases.list(tenant, state, limit, after.as_deref()).await?;
        let base = self.public_base_url.as_deref().unwrap_or(&request.base_url);
        let next = page.next.map(|listed| link(base, state, limit, &listed));
        let data = page.purchases.iter().map(Purchase::view).collect();
        Reply::json(&ListReply { status: "successful", data, paging: Paging { next } })
    }
}

impl ListQuery {
    fn parse(request: &ApiRequest) -> Result<Self, ApiError> {
        let state = request.query_value("state").map(|name| {
            name.parse().map_err(|_| {
                let names: Vec<_> = State::iter().map(State::name).collect();
                let names = names.join(", ");
                ApiError::invalid(format!("state must be one of: {names}."))
            })
        });
        let limit = request.query_value("limit").map(|limit| {
            let plain = limit.bytes().all(|b| b.is_ascii_digit());
            let limit = limit.parse().ok().filter(|limit| plain && (1..=MAX_LIMIT).contains(limit));
            limit.ok_or_else(|| ApiError::invalid(format!("limit must be 1 to {MAX_LIMIT}.")))
        });
        let after = request.query_value("cursor").map(|cursor| {
            decoded(&cursor).ok_or_else(|| ApiError::invalid("cursor is not one of this API."))
        });
        Ok(Self {
            state: state.transpose()?,
            limit: limit.transpose()?.unwrap_or(DEFAULT_LIMIT),
            after: after.transpose()?,
        })
    }
}

fn link(base: &str, state: Option<State>, limit: usize, listed: &str) -> String {
    let state = state.map(|state| format!("state={}&", state.name())).unwrap_or_default();
    format!("{base}/purchases?{state}limit={limit}&cursor={}", hex::encode(listed))
}

/// A cursor is the place in the tenant's own list, in hexadecimal: a time and a purchase id.
fn decoded(cursor: &str) -> Option<String> {
    let listed = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
    let (time, id) = listed.split_once('#')?;
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-:.".contains(&b));
    (time.len() == 24 && PurchaseId::parse(id).is_some() && plain(time)).then_some(listed)
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    use super::*;

    #[test]
    fn only_a_place_in_a_list_is_a_cursor() {
        let place = "2026-11-22T10:00:00.000Z#0123456789abcdef0123456789abcdef";
        assert_eq!(decoded(&hex::encode(place)).as_deref(), Some(place));
        for text in ["", "#", &place[1..], &place.replace('#', "-"), &place.replace('T', "/")] {
            assert_eq!(decoded(&hex::encode(text)), None, "{text}");
        }
        for cursor in ["x", "zz", "f", "ff"] {
            assert_eq!(decoded(cursor), None, "{cursor}");
        }
    }

    #[test]
    fn a_cursor_that_is_read_is_one_that_a_link_holds() {
        const PLACE: &str = "2026-11-22T10:00:00.000Z#0123456789abcdef0123456789abcdef";
        fuzz(|choices| {
            let place = choices.text(&[PLACE, &PLACE[1..], "#", "2026-11-22T10:00:00.000Z#"]);
            let cursor = match choices.once_in(4) {
                true => place,
                false => hex::encode(place),
            };
            let Some(listed) = decoded(&cursor) else { return };
            assert_eq!(decoded(&hex::encode(&listed)).as_ref(), Some(&listed));
            assert!(cursor.eq_ignore_ascii_case(&hex::encode(&listed)), "{cursor}");
            assert!(link("b", None, 1, &listed).ends_with(&cursor.to_lowercase()));
        });
    }

    #[test]
    fn a_query_that_is_read_is_within_the_limits() {
        fuzz(|choices| {
            let words =
                ["state=pending", "limit=100", "limit=0", "limit=%2B5", "cursor=ff", "limit="];
            let query: Vec<_> = (0..2).map(|_| choices.text(&words)).collect();
            let query: String = query.join("&").chars().filter(char::is_ascii_graphic).collect();
            let query = query.replace(['"', '<', '>', '#', '`', '{', '}', '\\', '^', '|'], "");
            let asked = Asked { query: &query, ..Asked::default() };
            let (status, answer) = ask(asked, |request| {
                let read = ListQuery::parse(request)?;
                assert!((1..=MAX_LIMIT).contains(&read.limit));
                if let Some(limit) = request.query_value("limit") {
                    assert_eq!(limit.trim_start_matches('0'), read.limit.to_string(), "{limit}");
                }
                assert_eq!(read.state.is_some(), request.query_value("state").is_some());
                assert_eq!(read.after.is_some(), request.query_value("cursor").is_some());
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status} {answer}");
        });
    }
}
