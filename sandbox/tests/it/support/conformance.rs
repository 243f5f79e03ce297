//! Checks every answer that a test gets against openapi.yaml: [`check`] panics if they differ.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use http::HeaderMap;
use jsonschema::Validator;
use sandbox::aws::api_gateway::routes;
use sandbox::template::stack::RouteSpec;
use serde_json::{Value, json};

/// The document that is compiled in.
pub static CONTRACT: LazyLock<Contract> =
    LazyLock::new(|| Contract::new(sandbox::console::docs::document()));

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// An answer as it was received.
pub struct Answer<'a> {
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// A document and the answers that it allows.
pub struct Contract {
    pub document: Value,
    routes: Vec<RouteSpec>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// Panics unless the document has such an answer.
pub fn check(answer: &Answer<'_>) {
    if let Err(problem) = CONTRACT.check(answer) {
        let Answer { method, path, status, body, .. } = answer;
        let body: String = String::from_utf8_lossy(body).chars().take(2_000).collect();
        panic!("openapi.yaml has no such answer to {method} {path}: {status}: {problem}\n{body}");
    }
}

impl Contract {
    fn new(mut document: Value) -> Self {
        no_unknown_fields(&mut document);
        let routes = operations(&document).map(|(method, path, _)| RouteSpec {
            method: method.to_uppercase(),
            path: path.to_owned(),
            function: String::new(),
            authorized: true,
        });
        Self { routes: routes.collect(), document, validators: Mutex::default() }
    }

    /// What in an answer is not documented.
    pub fn check(&self, answer: &Answer<'_>) -> Result<(), String> {
        let Some(found) = routes::find(&self.routes, answer.method, answer.path) else {
            return self.check_no_route(answer);
        };
        let route = &self.routes[found.index];
        let operation = &self.document["paths"][&route.path][route.method.to_lowercase()];
        let documented = operation["responses"].get(answer.status.to_string());
        let documented = self.resolved(documented.ok_or("the status is not documented")?);
        self.check_content(documented, answer)?;
        self.check_headers(documented, answer.headers)?;
        check_retry_after(answer)
    }

    /// API Gateway answers where there is no route, and where the head is too large.
    fn check_no_route(&self, answer: &Answer<'_>) -> Result<(), String> {
        let name = match answer.status {
            404 => "NoSuchRoute",
            431 => "HeadTooLarge",
            _ => return Err("there is no such route".to_owned()),
        };
        self.check_content(&self.document["components"]["responses"][name], answer)
    }

    fn check_content(&self, documented: &Value, answer: &Answer<'_>) -> Result<(), String> {
        let kind = answer.headers.get("content-type").and_then(|it| it.to_str().ok());
        let kind = kind.and_then(|it| it.split(';').next());
        let media = documented["content"].get(kind.unwrap_or_default());
        let media = media.ok_or_else(|| format!("the content type {kind:?} is not documented"))?;
        let body: Value = match kind {
            Some("text/csv") => String::from_utf8_lossy(answer.body).into(),
            _ => {
                serde_json::from_slice(answer.body).map_err(|error| format!("no JSON: {error}"))?
            }
        };
        self.validate(&media["schema"], &body)
    }

    fn check_headers(&self, documented: &Value, headers: &HeaderMap) -> Result<(), String> {
        for (name, header) in documented["headers"].as_object().into_iter().flatten() {
            let header = self.resolved(header);
            match headers.get(name).map(|value| value.to_str().unwrap_or_default()) {
                Some(value) => {
                    let value = typed(value, &header["schema"]);
                    self.validate(&header["schema"], &value)
                        .map_err(|it| format!("{name}: {it}"))?;
                }
                None if header["required"] == true => return Err(format!("{name} is missing")),
                None => {}
            }
        }
        Ok(())
    }

    /// Checks a value against a schema of the document.
    pub fn validate(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let problems: Vec<String> = self
            .validator(schema)
            .iter_errors(value)
            .take(5)
            .map(|error| format!("{} ({})", error, error.instance_path()))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut known = self.validators.lock().unwrap();
        let build = || Arc::new(self.build(schema));
        known.entry(schema.to_string()).or_insert_with(build).clone()
    }

    /// The schema as a document of its own, with the components that it refers to.
    fn build(&self, schema: &Value) -> Validator {
        let mut whole = match schema {
            Value::Bool(_) => json!({ "allOf": [schema] }),
            _ => schema.clone(),
        };
        whole["components"] = self.document["components"].clone();
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        options.build(&whole).unwrap_or_else(|error| panic!("{schema}: {error}"))
    }

    /// What a reference points to, or the node itself.
    pub fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        let Some(target) = node["$ref"].as_str() else { return node };
        let found = target.strip_prefix('#').and_then(|it| self.document.pointer(it));
        found.unwrap_or_else(|| panic!("{target} points nowhere"))
    }
}

/// Method, path and operation of all there is.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |method| Some((*method, path.as_str(), item.get(*method)?)))
    })
}

/// Clients must accept new fields, so the document does not forbid them. Here every field must be
/// documented.
fn no_unknown_fields(node: &mut Value) {
    match node {
        Value::Object(object) => {
            object.values_mut().for_each(no_unknown_fields);
            let is_object = object.get("type").is_some_and(|kind| kind == "object");
            if is_object && object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(no_unknown_fields),
        _ => {}
    }
}

/// A header's value, with the type that its schema has.
fn typed(value: &str, schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("integer") => value.parse::<u64>().map_or_else(|_| json!(value), |it| json!(it)),
        _ => json!(value),
    }
}

/// API Gateway throttles without `Retry-After`, so the document cannot require the header.
fn check_retry_after(answer: &Answer<'_>) -> Result<(), String> {
    let body: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    let limited = ["rate_limited", "too_many_attempts"].iter().any(|it| body["code"] == *it);
    match limited && !answer.headers.contains_key("retry-after") {
        true => Err("Retry-After is missing".to_owned()),
        false => Ok(()),
    }
}
