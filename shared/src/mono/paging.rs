//! Data answers and their paging links.

use http::{HeaderName, HeaderValue};
use serde_json::value::{RawValue, to_raw_value};
use url::Url;

use super::wire::{Object, text};
use crate::upstream::Answer;

/// A data answer of Mono: its JSON and the headers worth passing on.
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

/// Rewrites `next` and `previous` (under `paging` in the guide's envelope, under `meta` in v2) to
/// point at `url` of this gateway; everything else stays as it is, byte for byte.
///
/// Mono's links may leave out the parameters the caller gave (`limit`, `start`…), so the caller's
/// `query` is kept and the link's own parameters override it: following the links reads everything.
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
                && let Some(ours) = rewritten_link(url, query, link)
            {
                *link = ours;
            }
        }
        *raw = to_raw_value(&links).ok()?;
    }
    serde_json::to_string(&whole).ok()
}

/// `None` leaves the link as it is: null, a page number, or a text that is no link.
fn rewritten_link(url: &str, query: &str, link: &RawValue) -> Option<Box<RawValue>> {
    let link: String = serde_json::from_str(link.get()).ok()?;
    let mut ours = Url::parse(url).ok()?;
    let theirs = ours.join(&link).ok()?;
    let own: Vec<(String, String)> = theirs.query_pairs().into_owned().collect();
    let given = url::form_urlencoded::parse(query.as_bytes());
    let kept = given.filter(|(name, _)| own.iter().all(|(theirs, _)| theirs != name));
    let mut pairs: Vec<(String, String)> =
        kept.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    pairs.extend(own);
    ours.set_query(None);
    if !pairs.is_empty() {
        ours.query_pairs_mut().extend_pairs(pairs);
    }
    to_raw_value(ours.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://gateway.example/accounts/a1/transactions";

    #[test]
    fn links_point_here_and_keep_what_the_caller_asked_for() {
        let body = r#"{"paging":{"total":25,"previous":null,"next":"https://api.withmono.com/accounts/a1/transactions?page=2"},"data":[{"amount":11.150}],"x":1e2}"#;
        let here = point_links_at(OURS, "limit=10&page=1&narration=a%20b", body.to_owned());
        let expected = r#"{"paging":{"total":25,"previous":null,"next":"https://gateway.example/accounts/a1/transactions?limit=10&narration=a+b&page=2"},"data":[{"amount":11.150}],"x":1e2}"#;
        assert_eq!(here, expected);
    }

    #[test]
    fn the_v2_envelope_has_its_links_in_meta() {
        let body = r#"{"status":"successful","data":[],"meta":{"next":"/v2/accounts/a1/transactions?page=3","previous":1}}"#;
        let here = point_links_at(OURS, "", body.to_owned());
        assert!(
            here.contains(r#""next":"https://gateway.example/accounts/a1/transactions?page=3""#)
        );
        assert!(here.contains(r#""previous":1"#), "{here}");
    }

    #[test]
    fn other_bodies_stay_as_they_are() {
        for body in ["[1.50]", "{}", r#"{"paging":null}"#, r#"{"paging":{"next":null}}"#] {
            assert_eq!(point_links_at(OURS, "", body.to_owned()), body);
        }
    }
}
