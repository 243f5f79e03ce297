//! Mono's data answers and their paging links.

use http::{HeaderName, HeaderValue};
use serde_json::value::{RawValue, to_raw_value};
use url::Url;

use super::wire::{Object, text};
use crate::platform::http::Answer;

/// How a link begins: with a scheme, with the root or with a query.
const LINK_STARTS: [&str; 4] = ["http://", "https://", "/", "?"];

/// A data answer of Mono: its JSON and the headers that are passed on.
#[derive(Debug)]
pub struct Page {
    /// Mono's JSON.
    pub body: String,
    /// Mono's documented answer headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Page {
    pub(super) fn read(answer: Answer, passed_on: &[HeaderName]) -> Result<Self, String> {
        let headers = passed_on
            .iter()
            .filter_map(|name| Some((name.clone(), answer.headers.get(name)?.clone())))
            .collect();
        Ok(Self { body: text(&answer.body)?, headers })
    }
}

/// Rewrites the links `next` and `previous` (under `paging` in the guide's envelope, under `meta`
/// in v2) so that they point at `url` of this gateway. Everything else stays unchanged, byte for
/// byte.
///
/// Mono's links may omit the parameters of the request (`limit`, `start`…). So the parameters of
/// `query` are kept, and those of Mono's link override them: a client that follows the links reads
/// everything.
pub fn point_links_at(url: &str, query: &str, body: String) -> String {
    rewritten(url, query, &body).unwrap_or(body)
}

fn rewritten(url: &str, query: &str, body: &str) -> Option<String> {
    let mut whole: Object = serde_json::from_str(body).ok()?;
    for part in ["paging", "meta"] {
        let Some(raw) = whole.get_mut(part) else { continue };
        let Ok(mut links) = serde_json::from_str::<Object>(raw.get()) else { continue };
        for direction in ["next", "previous"] {
            if let Some(link) = links.get_mut(direction)
                && let Some(rewritten) = rewritten_link(url, query, link)
            {
                *link = rewritten;
            }
        }
        *raw = to_raw_value(&links).ok()?;
    }
    serde_json::to_string(&whole).ok()
}

/// `None` if the value is not a link but null, a page number or another text. As a link such a text would
/// lead to the same page for ever.
fn rewritten_link(url: &str, query: &str, link: &RawValue) -> Option<Box<RawValue>> {
    let link: String = serde_json::from_str(link.get()).ok()?;
    if !LINK_STARTS.iter().any(|start| link.starts_with(start)) {
        return None;
    }
    let mut rewritten = Url::parse(url).ok()?;
    let original = rewritten.join(&link).ok()?;
    let overriding: Vec<(String, String)> = original.query_pairs().into_owned().collect();
    let requested = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    let mut pairs: Vec<(String, String)> = requested
        .filter(|(name, _)| overriding.iter().all(|(overridden, _)| overridden != name))
        .collect();
    pairs.extend(overriding);
    rewritten.set_query(None);
    if !pairs.is_empty() {
        rewritten.query_pairs_mut().extend_pairs(pairs);
    }
    to_raw_value(rewritten.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: &str = "https://gateway.example/accounts/a1/transactions";

    #[test]
    fn links_point_at_the_gateway_and_keep_the_requested_parameters() {
        let body = r#"{"paging":{"total":25,"previous":null,"next":"https://api.withmono.com/accounts/a1/transactions?page=2"},"data":[{"amount":11.150}],"x":1e2}"#;
        let here = point_links_at(GATEWAY, "limit=10&page=1&narration=a%20b", body.to_owned());
        let expected = r#"{"paging":{"total":25,"previous":null,"next":"https://gateway.example/accounts/a1/transactions?limit=10&narration=a+b&page=2"},"data":[{"amount":11.150}],"x":1e2}"#;
        assert_eq!(here, expected);
        // The second envelope of Mono's has its links in `meta`.
        let body = r#"{"meta":{"next":"/v2/accounts/a1/transactions?page=3"}}"#;
        let here = point_links_at(GATEWAY, "", body.to_owned());
        assert_eq!(here, format!(r#"{{"meta":{{"next":"{GATEWAY}?page=3"}}}}"#));
    }

    #[test]
    fn other_bodies_stay_unchanged() {
        let page_number = r#"{"meta":{"previous":1}}"#;
        let no_link = r#"{"paging":{"next":null}}"#;
        for body in ["[1.50]", "{}", r#"{"paging":null}"#, no_link, page_number] {
            assert_eq!(point_links_at(GATEWAY, "", body.to_owned()), body);
        }
    }

    #[test]
    fn a_text_that_is_no_link_stays_as_it_is() {
        for text in ["", "2", "none", "page=2", "javascript:alert(1)", " /x"] {
            let body = format!(r#"{{"paging":{{"next":"{text}"}}}}"#);
            assert_eq!(point_links_at(GATEWAY, "page=1", body.clone()), body);
        }
        for link in ["http://m/x?page=2", "https://m/x?page=2", "/x?page=2", "?page=2"] {
            let body = format!(r#"{{"paging":{{"next":"{link}"}}}}"#);
            let expected = format!(r#"{{"paging":{{"next":"{GATEWAY}?page=2"}}}}"#);
            assert_eq!(point_links_at(GATEWAY, "page=1", body), expected);
        }
    }
}
