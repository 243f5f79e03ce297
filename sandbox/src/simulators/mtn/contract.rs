//! Checks requests against the contracts of their operations.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::operations::{BodyRule, CONTRACTS, Contract, Operation};
use super::rules::{Field, check, printable};

/// The contract for a method and a path.
pub(super) fn find_contract(method: &Method, path: &str) -> Result<&'static Contract, String> {
    let mut at_path = CONTRACTS.iter().filter(|it| it.segments(path).is_some()).peekable();
    if at_path.peek().is_none() {
        return Err("path: is unknown".to_owned());
    }
    let found = at_path.find(|it| it.method == method.as_str());
    found.ok_or_else(|| format!("method: {} is not allowed here", printable(method.as_str())))
}

/// A request that keeps its contract.
pub(super) struct CheckedRequest {
    pub(super) operation: Operation,
    /// The declared fields of path, headers, query and body. No contract uses a name twice.
    fields: Map<String, Value>,
}

impl Contract {
    /// Checks a request.
    pub(super) fn check(&self, parts: &Parts, body: &[u8]) -> Result<CheckedRequest, String> {
        let mut fields = self.segments(parts.uri.path()).unwrap_or_default();
        check("path", self.parameters, &fields)?;
        let headers = declared(self.headers, &parts.headers)?;
        check("header", self.headers, &headers)?;
        let query = pairs("query", parts.uri.query().unwrap_or_default().as_bytes())?;
        check("query", self.query, &query)?;
        fields.extend(headers.into_iter().chain(query).chain(self.body(&parts.headers, body)?));
        Ok(CheckedRequest { operation: self.operation, fields })
    }

    fn body(&self, headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, String> {
        let (fields, kind) = match self.body {
            BodyRule::Nothing if body.is_empty() => return Ok(Map::new()),
            BodyRule::Nothing => return Err("body: is not allowed here".to_owned()),
            BodyRule::Form(fields) => (fields, "application/x-www-form-urlencoded"),
            BodyRule::Json(fields) => (fields, "application/json"),
        };
        let given = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let given = given.and_then(|it| it.split(';').next()).unwrap_or_default();
        if !given.trim().eq_ignore_ascii_case(kind) {
            return Err(format!("content type: is not {kind}"));
        }
        let read = match self.body {
            BodyRule::Form(_) => pairs("body", body)?,
            _ => serde_json::from_slice(body).map_err(|_| "body: is no JSON object".to_owned())?,
        };
        check("body", fields, &read)?;
        for (field, value, required) in self.conditions {
            let applies = read.get(*field).is_some_and(|it| it == value);
            if let Some(missing) = required.iter().find(|it| applies && !read.contains_key(**it)) {
                return Err(format!("body: lacks {missing}, which {value} needs"));
            }
        }
        Ok(read)
    }

    /// The values of the path's parameters, if the path is this contract's.
    fn segments(&self, path: &str) -> Option<Map<String, Value>> {
        let mut found = Map::new();
        let (mut ours, mut given) = (self.path.split('/'), path.split('/'));
        loop {
            match (ours.next(), given.next()) {
                (None, None) => return Some(found),
                (Some(name), Some(value)) if name.starts_with('{') => {
                    let value = percent_decode_str(value).decode_utf8().ok()?;
                    found.insert(name.trim_matches(['{', '}']).to_owned(), value.into());
                }
                (Some(ours), Some(given)) if ours == given => {}
                _ => return None,
            }
        }
    }
}

impl CheckedRequest {
    /// The customer's number, `234…`.
    pub(super) fn msisdn(&self) -> &str {
        self.text("customerId").or_else(|| self.text("msisdn")).unwrap_or_default()
    }

    /// A field that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// A field that is an integer.
    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        self.fields.get(name).and_then(Value::as_i64)
    }
}

/// The headers that a contract declares; others are ignored.
fn declared(fields: &[Field], headers: &HeaderMap) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    for Field { name, .. } in fields {
        let mut values = headers.get_all(*name).iter();
        let Some(value) = values.next() else { continue };
        let text = value.to_str().map_err(|_| format!("header {name}: is no text"))?;
        if values.next().is_some() {
            return Err(format!("header {name}: is there twice"));
        }
        found.insert((*name).to_owned(), text.into());
    }
    Ok(found)
}

/// The pairs of a query or a form.
fn pairs(place: &str, encoded: &[u8]) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        if found.insert(name.to_string(), value.into()).is_some() {
            return Err(format!("{place} {}: is there twice", printable(&name)));
        }
    }
    Ok(found)
}
