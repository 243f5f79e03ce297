//! The page at `/_sandbox`: its files are compiled in. It needs no build step and no network, and whatever
//! it shows it inserts as text.

use axum::Router;
use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Nothing from elsewhere, nothing inline, no HTML from text, and no frame around it.
const POLICY: &str = "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// A file of the page: its name, its content type, its text.
type Asset = (&'static str, &'static str, &'static str);

macro_rules! assets {
    ($($kind:ident $name:literal),* $(,)?) => {
        /// The files of the page, all under `/_sandbox/page/`.
        const ASSETS: &[Asset] = &[$(($name, $kind, include_str!(concat!("page/", $name)))),*];
    };
}

assets! {
    CSS "base.css",
    CSS "views.css",
    SVG "icon.svg",
    JS "api.js",
    JS "app.js",
    JS "clock.js",
    JS "dom.js",
    JS "exchange.js",
    JS "flow.js",
    JS "format.js",
    JS "live.js",
    JS "orders.js",
    JS "outcomes.js",
    JS "phone.js",
    JS "providers.js",
    JS "queues.js",
    JS "report.js",
    JS "requests.js",
    JS "snippets.js",
    JS "story.js",
    JS "timeline.js",
    JS "todo.js",
    JS "webhooks.js",
}

/// The page and its files, to be nested under `/_sandbox`.
pub(super) fn router() -> Router {
    let page = (HTML, include_str!("page/index.html"));
    let router = Router::new().route("/", get(async move || served(page.0, page.1)));
    ASSETS.iter().fold(router, |router, &(name, kind, text)| {
        router.route(&format!("/page/{name}"), get(async move || served(kind, text)))
    })
}

fn served(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
        (RESOURCE_POLICY, "same-origin"),
    ];
    (headers, text).into_response()
}
