//! Which web pages may use the console: its own, and no other.
//!
//! The console invokes functions without their authorizer, perhaps with real providers behind them. A page
//! of another site, or of another port of this machine, could send requests by way of a browser.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::answer::error;

/// Refuses requests of web pages other than the console's own.
pub(super) async fn refuse_other_pages(request: Request, next: Next) -> Response {
    match is_of_other_page(request.method(), request.headers()) {
        true => {
            error(StatusCode::FORBIDDEN, "Other web pages may not use the console").into_response()
        }
        false => next.run(request).await,
    }
}

fn is_of_other_page(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let own = format!("http://{}", text("host").unwrap_or_default());
    let has_other_origin = headers.get_all(header::ORIGIN).iter().any(|it| it != own.as_str());
    // A browser says of a request without an origin, such as that for a script, where it comes from.
    let is_from_elsewhere =
        text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let follows_a_link = method == Method::GET && text("sec-fetch-mode") == Some("navigate");
    has_other_origin || (is_from_elsewhere && !follows_a_link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(method: &Method, lines: &[(&'static str, &str)]) -> bool {
        let lines = lines
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")));
        is_of_other_page(method, &lines.collect::<HeaderMap>())
    }

    #[test]
    fn only_the_page_of_the_same_host_and_port_is_the_consoles_own() {
        let host = ("host", "127.0.0.1:9000");
        assert!(!is_refused(&Method::POST, &[host]));
        assert!(!is_refused(&Method::POST, &[host, ("origin", "http://127.0.0.1:9000")]));
        for other in [
            "null",
            "",
            "http://127.0.0.1:3000",
            "http://127.0.0.1",
            "https://127.0.0.1:9000",
            "http://localhost:9000",
            "http://127.0.0.1:9000/",
            "http://evil.example",
        ] {
            assert!(is_refused(&Method::POST, &[host, ("origin", other)]), "{other}");
            assert!(is_refused(&Method::GET, &[host, ("origin", other)]), "{other}");
        }
        let own = ("origin", "http://127.0.0.1:9000");
        assert!(is_refused(&Method::POST, &[host, own, ("origin", "http://evil.example")]));
        assert!(is_refused(&Method::POST, &[own]), "no host");
    }

    #[test]
    fn another_page_may_link_to_the_console_and_may_not_load_from_it() {
        let host = ("host", "localhost:9000");
        for site in ["cross-site", "same-site"] {
            let from = ("sec-fetch-site", site);
            assert!(is_refused(&Method::GET, &[host, from, ("sec-fetch-mode", "no-cors")]));
            assert!(is_refused(&Method::GET, &[host, from]));
            assert!(!is_refused(&Method::GET, &[host, from, ("sec-fetch-mode", "navigate")]));
            assert!(is_refused(&Method::POST, &[host, from, ("sec-fetch-mode", "navigate")]));
        }
        for site in ["same-origin", "none"] {
            let from = ("sec-fetch-site", site);
            assert!(!is_refused(&Method::GET, &[host, from, ("sec-fetch-mode", "cors")]));
        }
    }
}
