//! Finds the route of a request as API Gateway does: a literal segment wins over a parameter.

use percent_encoding::percent_decode_str;

use crate::template::stack::RouteSpec;

/// A route that matched.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The route's place in the list.
    pub index: usize,
    /// The path parameters, decoded.
    pub parameters: Parameters<'a>,
}

/// Path parameters by name, decoded.
type Parameters<'a> = Vec<(&'a str, String)>;

/// Finds the most specific route. As in HTTP APIs, a route of another method does not match.
pub fn find<'a>(routes: &'a [RouteSpec], method: &str, path: &str) -> Option<Match<'a>> {
    let candidates = routes.iter().enumerate().filter_map(|(index, route)| {
        let (literals, parameters) = fit(&route.path, path).filter(|_| route.method == method)?;
        Some((literals, Match { index, parameters }))
    });
    candidates.max_by(|left, right| left.0.cmp(&right.0)).map(|(_, found)| found)
}

/// Which segments are literal, and the parameters, if the path has the pattern's form.
fn fit<'a>(pattern: &'a str, path: &str) -> Option<(Vec<bool>, Parameters<'a>)> {
    let (mut literals, mut parameters) = (Vec::new(), Vec::new());
    let mut segments = path.split('/');
    for part in pattern.split('/') {
        let segment = segments.next()?;
        let name = part.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
        match name {
            Some(name) if !segment.is_empty() => parameters.push((name, decoded(segment))),
            None if part == segment => {}
            _ => return None,
        }
        literals.push(name.is_none());
    }
    segments.next().is_none().then_some((literals, parameters))
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
        let all = ["GET /a/{id}", "GET /a/b", "GET /a/b/{x}", "GET /a/{id}/c", "POST /a/{id}"];
        let routes = routes(&all);
        let found = |method, path| find(&routes, method, path).map(|it| all[it.index]);
        assert_eq!(found("GET", "/a/b"), Some("GET /a/b"));
        assert_eq!(found("GET", "/a/x"), Some("GET /a/{id}"));
        assert_eq!(found("POST", "/a/b"), Some("POST /a/{id}"));
        assert_eq!(found("GET", "/a/b/c"), Some("GET /a/b/{x}"));
        assert_eq!(found("GET", "/a/x/c"), Some("GET /a/{id}/c"));
        for unknown in ["/a", "/a/", "/b", "/a/x/y", "/a/x/c/", "a/b", "/a/b/c/d"] {
            assert_eq!(found("GET", unknown), None, "{unknown}");
        }
        assert_eq!(found("DELETE", "/a/b"), None);
    }

    #[test]
    fn parameters_arrive_decoded_and_do_not_change_the_route() {
        let routes = routes(&["GET /a/{id}", "GET /a/{id}/b"]);
        let found = find(&routes, "GET", "/a/..%2Fx%20y").unwrap();
        assert_eq!(found, Match { index: 0, parameters: vec![("id", "../x y".to_owned())] });
    }
}
