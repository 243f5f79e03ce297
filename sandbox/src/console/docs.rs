//! Serves the API's contract: `/_sandbox/openapi.yaml` as it is, and `/_sandbox/docs` as a page
//! that needs nothing but a browser.

use std::fmt::Write as _;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::routing::get;
use serde_json::Value;

use crate::template::yaml;

/// The text of openapi.yaml.
pub const OPENAPI: &str = include_str!("../../../openapi.yaml");

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;\
    padding:1rem}table{border-collapse:collapse;margin:.5rem 0}td{border:1px solid #ccc;\
    padding:.2rem .5rem;vertical-align:top}p{margin:.2rem 0}pre{background:#f4f4f4;padding:.5rem;\
    overflow:auto}code{background:#f4f4f4;overflow-wrap:anywhere}section{border-top:1px solid #ccc;\
    margin-top:2rem}summary{cursor:pointer}nav ul{columns:2;list-style:none;padding:0}";
const SCHEMAS: &str = "#/components/schemas/";

/// The contract as JSON.
///
/// # Panics
/// Never: the tests read the document that is compiled in.
pub fn document() -> Value {
    yaml::load(OPENAPI).expect("openapi.yaml is YAML")
}

/// The routes, to be nested under `/_sandbox`.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/openapi.yaml", get(async || ([(CONTENT_TYPE, "application/yaml")], OPENAPI)))
        .route("/docs", get(async || Html(Page(&document()).html())))
}

/// Renders the contract.
struct Page<'a>(&'a Value);

impl<'a> Page<'a> {
    fn html(&self) -> String {
        let info = &self.0["info"];
        let (title, about) = (escaped(text(&info["title"])), prose(text(&info["description"])));
        let (mut index, mut sections) = (String::new(), String::new());
        for tag in self.0["tags"].as_array().into_iter().flatten() {
            let (name, about) = (escaped(text(&tag["name"])), prose(text(&tag["description"])));
            let _ = write!(index, "<h3>{name}</h3><ul>");
            let _ = write!(sections, "<h1>{name}</h1>{about}");
            for (path, item) in entries(&self.0["paths"]) {
                for (method, own) in entries(item).filter(|(_, own)| own["tags"][0] == tag["name"])
                {
                    let id = escaped(text(&own["operationId"]));
                    let line = format!("{} {}", method.to_uppercase(), escaped(path));
                    let _ = write!(index, "<li><a href=\"#{id}\"><code>{line}</code></a></li>");
                    let _ = write!(sections, "<section id=\"{id}\"><h2><code>{line}</code></h2>");
                    sections.push_str(&self.operation(&item["parameters"], own));
                }
            }
            index.push_str("</ul>");
        }
        let schemas: String = entries(&self.0["components"]["schemas"])
            .map(|(name, schema)| {
                let (name, schema) = (escaped(name), self.value(schema));
                format!("<section id=\"schema-{name}\"><h2>{name}</h2>{schema}</section>")
            })
            .collect();
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
             <style>{STYLE}</style><h1>{title}</h1>{about}\
             <p>The same for programs: <a href=\"openapi.yaml\">openapi.yaml</a></p>\
             <nav>{index}</nav>{sections}<h1>Schemas</h1>{schemas}</html>"
        )
    }

    /// What an operation accepts, then its responses by status.
    fn operation(&self, shared: &'a Value, own: &'a Value) -> String {
        let (summary, about) = (escaped(text(&own["summary"])), prose(text(&own["description"])));
        let mut out = format!("<p>{summary}</p>{about}");
        if own["security"].as_array().is_some_and(Vec::is_empty) {
            out.push_str("<p>Without a key.</p>");
        }
        for (title, part) in [
            ("Parameters of the path", shared),
            ("Parameters", &own["parameters"]),
            ("Body", &own["requestBody"]),
        ] {
            if !part.is_null() {
                let _ = write!(out, "<h3>{title}</h3>{}", self.value(part));
            }
        }
        out.push_str("<h3>Responses</h3>");
        for (status, response) in entries(&own["responses"]) {
            let response = self.value(response);
            let _ = write!(out, "<details><summary>{status}</summary>{response}</details>");
        }
        out + "</section>"
    }

    /// Any part of the contract: an object is a table, a schema's name is a link.
    fn value(&self, node: &'a Value) -> String {
        match node {
            Value::Object(object) => match node["$ref"].as_str() {
                Some(reference) => self.reference(reference),
                None => {
                    let rows: String = object.iter().map(|(name, it)| self.row(name, it)).collect();
                    format!("<table>{rows}</table>")
                }
            },
            Value::Array(items) => items.iter().map(|it| self.value(it) + " ").collect(),
            Value::String(text) => format!("<code>{}</code>", escaped(text)),
            scalar => format!("<code>{scalar}</code>"),
        }
    }

    fn row(&self, name: &str, node: &'a Value) -> String {
        let content = match (name, node) {
            ("description" | "summary", Value::String(text)) => prose(text),
            ("example" | "value", _) => {
                let example = serde_json::to_string_pretty(node).unwrap_or_default();
                format!("<pre>{}</pre>", escaped(&example))
            }
            _ => self.value(node),
        };
        format!("<tr><td>{}</td><td>{content}</td></tr>", escaped(name))
    }

    fn reference(&self, reference: &str) -> String {
        if let Some(name) = reference.strip_prefix(SCHEMAS) {
            let name = escaped(name);
            return format!("<a href=\"#schema-{name}\">{name}</a>");
        }
        let target = reference.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer));
        target.map_or_else(String::new, |target| self.value(target))
    }
}

/// The contract's Markdown: paragraphs, tables, code and bold.
fn prose(markdown: &str) -> String {
    let blocks = markdown.trim().split("\n\n").filter(|block| !block.is_empty());
    let block = |block: &str| match block.starts_with('|') {
        true => format!("<table>{}</table>", block.lines().filter_map(row).collect::<String>()),
        false => format!("<p>{}</p>", inline(block)),
    };
    blocks.map(block).collect()
}

/// A row of a Markdown table; none for the line below its head.
fn row(line: &str) -> Option<String> {
    let cells = line.trim().trim_matches('|');
    let cell = |cell: &str| format!("<td>{}</td>", inline(cell.trim()));
    let row = cells.split('|').map(cell).collect::<String>();
    (!cells.contains("---")).then(|| format!("<tr>{row}</tr>"))
}

/// `code` and **bold**.
fn inline(markdown: &str) -> String {
    let bold = |(index, part): (usize, &str)| match index % 2 {
        1 => format!("<b>{}</b>", escaped(part)),
        _ => escaped(part),
    };
    let code = |(index, part): (usize, &str)| match index % 2 {
        1 => format!("<code>{}</code>", escaped(part)),
        _ => part.split("**").enumerate().map(bold).collect(),
    };
    markdown.split('`').enumerate().map(code).collect()
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

fn text(node: &Value) -> &str {
    node.as_str().unwrap_or_default()
}

fn entries(node: &Value) -> impl Iterator<Item = (&str, &Value)> {
    node.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
