//! Serves the API's contract: `/_sandbox/openapi.yaml` with this sandbox as its server, and
//! `/_sandbox/docs` as a page of Swagger UI, which is compiled in: the page needs no network.

use axum::Router;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName};
use axum::response::Html;
use axum::routing::get;
use serde_json::Value;
use swagger_ui_dist::{ApiDefinition, OpenApiSource, generate_routes};

use crate::template::yaml;

/// The text of openapi.yaml.
pub const OPENAPI: &str = include_str!("../../../openapi.yaml");

const FILE: &str = "/_sandbox/openapi.yaml";

/// The server in openapi.yaml that stands for a sandbox.
const SANDBOX: &str = "http://127.0.0.1:9000\n";

/// The contract as JSON.
///
/// # Panics
/// Never: the tests read the document that is compiled in.
pub fn document() -> Value {
    yaml::load(OPENAPI).expect("openapi.yaml is YAML")
}

/// The page, the contract, and Swagger UI itself. Its own page takes no options, so there is another.
pub(crate) fn router() -> Router {
    let swagger_ui = ApiDefinition {
        uri_prefix: "/_sandbox/docs/swagger-ui",
        api_definition: OpenApiSource::Uri(FILE),
        title: None,
    };
    generate_routes(swagger_ui)
        .route("/_sandbox/docs", get(page))
        .route("/_sandbox/docs/", get(page))
        .route("/_sandbox/docs/page.js", get(script))
        .route(FILE, get(contract))
}

async fn page() -> Html<&'static str> {
    Html(include_str!("page/docs.html"))
}

async fn script() -> ([(HeaderName, &'static str); 1], &'static str) {
    ([(CONTENT_TYPE, "text/javascript")], include_str!("page/docs.js"))
}

/// The contract. Its first server is this sandbox, by the name under which it was asked.
async fn contract(headers: HeaderMap) -> ([(HeaderName, &'static str); 1], String) {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host: Option<Authority> = host.and_then(|host| host.parse().ok());
    let text = match host {
        Some(host) => OPENAPI.replacen(SANDBOX, &format!("http://{host}\n"), 1),
        None => OPENAPI.to_owned(),
    };
    ([(CONTENT_TYPE, "application/yaml")], text)
}
