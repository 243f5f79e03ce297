//! API Gateway's choice of a route.

use std::cmp::Reverse;

use percent_encoding::percent_decode_str;

use crate::stack::RouteSpec;

/// A route that matched.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The route's place in the list.
    pub index: usize,
    /// The path parameters, decoded.
    pub parameters: Parameters<'a>,
}

/// Finds the route for a request: the most specific path (a literal segment before `{x}` before
/// `{x+}`), then the exact method before `ANY`. A wrong method is no match, as in HTTP APIs.
pub fn find<'a>(routes: &'a [RouteSpec], method: &str, path: &str) -> Option<Match<'a>> {
    let candidates = routes.iter().enumerate().filter_map(|(index, route)| {
        let exact = route.method == method;
        if !exact && route.method != "ANY" {
            return None;
        }
        let (rank, parameters) = fit(&route.path, path)?;
        Some((Reverse((rank, exact)), Match { index, parameters }))
    });
    candidates.min_by(|left, right| left.0.cmp(&right.0)).map(|(_, found)| found)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Greedy,
    Parameter,
    Literal,
}

/// Path parameters by name, decoded.
type Parameters<'a> = Vec<(&'a str, String)>;

fn fit<'a>(pattern: &'a str, path: &str) -> Option<(Vec<Rank>, Parameters<'a>)> {
    let mut segments = path.strip_prefix('/')?.split('/');
    let (mut ranks, mut parameters) = (Vec::new(), Vec::new());
    for part in pattern.strip_prefix('/')?.split('/') {
        let segment = segments.next()?;
        let name = part.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
        match name {
            None if part == segment => ranks.push(Rank::Literal),
            None => return None,
            Some(_) if segment.is_empty() => return None,
            Some(name) => match name.strip_suffix('+') {
                Some(name) => {
                    let rest =
                        segments.by_ref().fold(segment.to_owned(), |rest, it| rest + "/" + it);
                    ranks.push(Rank::Greedy);
                    parameters.push((name, decoded(&rest)));
                }
                None => {
                    ranks.push(Rank::Parameter);
                    parameters.push((name, decoded(segment)));
                }
            },
        }
    }
    segments.next().is_none().then_some((ranks, parameters))
}

/// A percent-encoded text, decoded.
pub fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(list: &[&str]) -> Vec<RouteSpec> {
        let route = |it: &&str| {
            let (method, path) = it.split_once(' ').unwrap();
            let (method, path) = (method.to_owned(), path.to_owned());
            RouteSpec { method, path, function: String::new(), authorized: true }
        };
        list.iter().map(route).collect()
    }

    #[test]
    fn the_most_specific_route_wins() {
        let all = ["GET /a/{p+}", "GET /a/{id}", "GET /a/b", "ANY /a/b", "ANY /a/{id}/c"];
        let routes = routes(&all);
        let found = |method, path| find(&routes, method, path).map(|it| all[it.index]);
        assert_eq!(found("GET", "/a/b"), Some("GET /a/b"));
        assert_eq!(found("POST", "/a/b"), Some("ANY /a/b"));
        assert_eq!(found("GET", "/a/x"), Some("GET /a/{id}"));
        assert_eq!(found("GET", "/a/x/y"), Some("GET /a/{p+}"));
        assert_eq!(found("DELETE", "/a/x/c"), Some("ANY /a/{id}/c"));
        assert_eq!(found("POST", "/a/x"), None);
        assert_eq!(found("GET", "/a"), None);
        assert_eq!(found("GET", "/a/"), None);
        assert_eq!(found("GET", "/b"), None);
    }

    #[test]
    fn parameters_arrive_decoded_and_do_not_change_the_route() {
        let routes = routes(&["GET /a/{id}", "GET /a/{id}/b"]);
        let found = find(&routes, "GET", "/a/..%2Fx%20y").unwrap();
        assert_eq!(found, Match { index: 0, parameters: vec![("id", "../x y".to_owned())] });
    }
}
