//! Lists by pages: the query parameters `limit` and `cursor`, and the answer with its link to the next
//! page.

use serde::Serialize;

use super::error::ApiError;
use super::reply::Reply;
use super::request::ApiRequest;

const DEFAULT_LIMIT: usize = 20;
/// The largest page.
pub const MAX_LIMIT: usize = 100;

/// Which page is asked for.
#[derive(Debug)]
pub struct PageQuery {
    /// How many lines it holds at most.
    pub limit: usize,
    /// The place in the list that it begins after; from the start if absent.
    pub after: Option<String>,
}

#[derive(Serialize)]
struct ListReply<T> {
    status: &'static str,
    data: Vec<T>,
    paging: Paging,
}

#[derive(Serialize)]
struct Paging {
    next: Option<String>,
}

/// A page of a list: its lines, and the link to the next page unless it is the last.
///
/// # Errors
/// `unavailable` should the lines not serialise.
pub fn page<T: Serialize>(
    lines: impl Iterator<Item = T>,
    next: Option<String>,
) -> Result<Reply, ApiError> {
    let data = lines.collect();
    Reply::json(&ListReply { status: "successful", data, paging: Paging { next } })
}

/// How many lines a page holds at most: what `limit` says, or `usual`.
///
/// # Errors
/// `invalid_request`.
pub fn limit(request: &ApiRequest, usual: usize) -> Result<usize, ApiError> {
    let Some(limit) = request.query_value("limit") else { return Ok(usual) };
    let plain = limit.bytes().all(|b| b.is_ascii_digit());
    let limit = limit.parse().ok().filter(|limit| plain && (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| ApiError::invalid(format!("limit must be 1 to {MAX_LIMIT}.")))
}

impl PageQuery {
    /// Reads it from the query string.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(request: &ApiRequest) -> Result<Self, ApiError> {
        let after = request.query_value("cursor").map(|cursor| {
            decoded(&cursor).ok_or_else(|| ApiError::invalid("cursor is not one of this API."))
        });
        Ok(Self { limit: limit(request, DEFAULT_LIMIT)?, after: after.transpose()? })
    }

    /// The link to the page after `listed`, with the same filters.
    pub fn link<const N: usize>(
        &self,
        list: &str,
        filters: [(&str, Option<String>); N],
        listed: &str,
    ) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in filters {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        query.append_pair("limit", &self.limit.to_string());
        query.append_pair("cursor", &hex::encode(listed));
        format!("{list}?{}", query.finish())
    }
}

/// A cursor is the place in the tenant's own list, in hexadecimal: a time and an id.
fn decoded(cursor: &str) -> Option<String> {
    let listed = String::from_utf8(hex::decode(cursor).ok()?).ok()?;
    let (time, id) = listed.split_once('#')?;
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-:.".contains(&b));
    let is_id = id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (time.len() == 24 && is_id && plain(time)).then_some(listed)
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    const PLACE: &str = "2026-11-22T10:00:00.000Z#0123456789abcdef0123456789abcdef";

    #[test]
    fn only_a_place_in_a_list_is_a_cursor() {
        assert_eq!(decoded(&hex::encode(PLACE)).as_deref(), Some(PLACE));
        for text in ["", "#", &PLACE[1..], &PLACE.replace('#', "-"), &PLACE.replace('T', "/")] {
            assert_eq!(decoded(&hex::encode(text)), None, "{text}");
        }
        for cursor in ["x", "zz", "f", "ff"] {
            assert_eq!(decoded(cursor), None, "{cursor}");
        }
    }

    #[test]
    fn a_cursor_that_is_read_is_one_that_a_link_holds() {
        fuzz(|choices| {
            let place = choices.text(&[PLACE, &PLACE[1..], "#", "2026-11-22T10:00:00.000Z#"]);
            let cursor = match choices.once_in(4) {
                true => place,
                false => hex::encode(place),
            };
            let Some(listed) = decoded(&cursor) else { return };
            assert_eq!(decoded(&hex::encode(&listed)).as_ref(), Some(&listed));
            assert!(cursor.eq_ignore_ascii_case(&hex::encode(&listed)), "{cursor}");
            let query = PageQuery { limit: 1, after: None };
            assert!(query.link("b", [], &listed).ends_with(&cursor.to_lowercase()));
        });
    }

    #[test]
    fn a_link_holds_the_filters_that_were_asked_for() {
        let query = PageQuery { limit: 7, after: None };
        let filters = [("type", Some("a b".to_owned())), ("since", None)];
        assert_eq!(
            query.link("https://g/events", filters, "x"),
            "https://g/events?type=a+b&limit=7&cursor=78"
        );
    }
}
