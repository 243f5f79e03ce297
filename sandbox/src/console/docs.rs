//! Serves the API's contract: `/_sandbox/openapi.yaml` as it is, and `/_sandbox/docs` as a page of
//! Swagger UI, which is compiled in: the page needs no network.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use serde_json::Value;
use swagger_ui_dist::{ApiDefinition, OpenApiSource, generate_routes};

use crate::template::yaml;

/// The text of openapi.yaml.
pub const OPENAPI: &str = include_str!("../../../openapi.yaml");

const FILE: &str = "/_sandbox/openapi.yaml";

/// The contract as JSON.
///
/// # Panics
/// Never: the tests read the document that is compiled in.
pub fn document() -> Value {
    yaml::load(OPENAPI).expect("openapi.yaml is YAML")
}

/// The routes with their whole paths, because the page's links are made from the path of the request.
pub(crate) fn router() -> Router {
    let page = ApiDefinition {
        uri_prefix: "/_sandbox/docs",
        api_definition: OpenApiSource::Uri(FILE),
        title: Some("Telco gateway"),
    };
    generate_routes(page).route(FILE, get(async || ([(CONTENT_TYPE, "application/yaml")], OPENAPI)))
}
