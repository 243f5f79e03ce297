//! `GET /_sandbox/openapi.yaml` and `/_sandbox/docs`: the public contract as it is, and as a page
//! that needs nothing but a browser.

use std::fmt::Write as _;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::routing::get;
use serde_json::Value;

use crate::template::yaml;

/// The public contract.
pub const OPENAPI: &str = include_str!("../../openapi.yaml");

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;padding:1rem}\
    table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid #ccc;padding:.2rem .5rem;\
    text-align:left;vertical-align:top}pre{background:#f4f4f4;padding:.5rem;overflow:auto}\
    code{background:#f4f4f4;overflow-wrap:anywhere}section{border-top:1px solid #ccc;margin-top:2rem}\
    summary{cursor:pointer}nav ul{columns:2;list-style:none;padding:0}";

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
        .route("/docs", get(async || Html(page(&document()))))
}

fn page(document: &Value) -> String {
    let page = Page(document);
    let info = &document["info"];
    let title = escaped(text(&info["title"]));
    let (prose, schemas) = (prose(text(&info["description"])), page.schemas());
    let (index, operations) = page.operations();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style><h1>{title}</h1>{prose}\
         <p>The same for programs: <a href=\"openapi.yaml\">openapi.yaml</a></p>\
         <nav>{index}</nav>{operations}<h1>Schemas</h1>{schemas}</html>"
    )
}

/// The document on its way to a page.
struct Page<'a>(&'a Value);

impl<'a> Page<'a> {
    /// The index and what it leads to.
    fn operations(&self) -> (String, String) {
        let (mut index, mut sections) = (String::new(), String::new());
        for tag in items(&self.0["tags"]) {
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
        (index, sections)
    }

    fn operation(&self, shared: &'a Value, own: &'a Value) -> String {
        let (summary, about) = (escaped(text(&own["summary"])), prose(text(&own["description"])));
        let mut out = format!("<p>{summary}</p>{about}");
        if own["security"].as_array().is_some_and(Vec::is_empty) {
            out.push_str("<p>Without a key.</p>");
        }
        let parameters = items(shared).chain(items(&own["parameters"]));
        let rows: String = parameters.map(|it| self.parameter(self.resolved(it))).collect();
        if !rows.is_empty() {
            let _ = write!(out, "<table>{rows}</table>");
        }
        if let Some(body) = own.get("requestBody") {
            let _ = write!(out, "<h3>Body</h3>{}", self.content(body));
        }
        out.push_str("<h3>Answers</h3>");
        for (status, answer) in entries(&own["responses"]) {
            let answer = self.resolved(answer);
            let (about, content) = (prose(text(&answer["description"])), self.content(answer));
            let headers: String = entries(&answer["headers"])
                .map(|(name, header)| self.field(name, self.resolved(header), false))
                .collect();
            let _ = write!(
                out,
                "<details><summary>{status}</summary>{about}<table>{headers}</table>{content}</details>"
            );
        }
        out + "</section>"
    }

    fn parameter(&self, parameter: &Value) -> String {
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let required = parameter["required"] == true;
        self.field(&format!("{name} ({place})"), parameter, required)
    }

    /// A body: what it must be, and examples.
    fn content(&self, body: &Value) -> String {
        let media = &body["content"]["application/json"];
        let Some(schema) = media.get("schema") else { return String::new() };
        let mut out = format!("<p>{}</p>{}", kind(schema), self.fields(schema));
        let many = entries(&media["examples"]).map(|(_, example)| &self.resolved(example)["value"]);
        for example in media.get("example").into_iter().chain(many) {
            let pretty = serde_json::to_string_pretty(example).unwrap_or_default();
            let _ = write!(out, "<pre>{}</pre>", escaped(&pretty));
        }
        out
    }

    /// A table of an object's fields, or nothing.
    fn fields(&self, schema: &Value) -> String {
        let schema = if schema["properties"].is_null() { &schema["items"] } else { schema };
        let required: Vec<&str> = items(&schema["required"]).map(text).collect();
        let rows: String = entries(&schema["properties"])
            .map(|(name, field)| self.field(name, field, required.contains(&name)))
            .collect();
        let choices: String = items(&schema["oneOf"]).map(|it| self.fields(it)).collect();
        if rows.is_empty() { choices } else { format!("<table>{rows}</table>{choices}") }
    }

    /// A line about something that has a schema, or is one.
    fn field(&self, name: &str, about: &Value, required: bool) -> String {
        let schema = about.get("schema").unwrap_or(about);
        let words = about.get("description").or_else(|| schema.get("description"));
        format!(
            "<tr><td><code>{}</code>{}</td><td>{}{}{}</td></tr>",
            escaped(name),
            if required { ", required" } else { "" },
            kind(schema),
            prose(words.map_or("", text)),
            self.fields(schema),
        )
    }

    fn schemas(&self) -> String {
        let section = |(name, schema): (&str, &Value)| {
            let (name, about) = (escaped(name), prose(text(&schema["description"])));
            let (kind, fields) = (kind(schema), self.fields(schema));
            format!(
                "<section id=\"schema-{name}\"><h2>{name}</h2>{about}<p>{kind}</p>{fields}</section>"
            )
        };
        entries(&self.0["components"]["schemas"]).map(section).collect()
    }

    fn resolved(&self, node: &'a Value) -> &'a Value {
        let target = node["$ref"].as_str().and_then(|it| self.0.pointer(it.strip_prefix('#')?));
        target.unwrap_or(node)
    }
}

/// What a schema allows, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        let name = escaped(name);
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    let choices = items(&schema["oneOf"]).chain(items(&schema["anyOf"]));
    let choices: Vec<String> = choices.map(kind).collect();
    if !choices.is_empty() {
        return choices.join(" or ");
    }
    let literals = schema.get("const").into_iter().chain(items(&schema["enum"]));
    let literals: Vec<String> = literals.map(|it| format!("<code>{}</code>", plain(it))).collect();
    if !literals.is_empty() {
        return literals.join(" or ");
    }
    let types = schema.get("type").into_iter().flat_map(|it| match it {
        Value::Array(types) => types.iter().collect(),
        one => vec![one],
    });
    let types: Vec<String> = types.map(plain).collect();
    let rules = ["format", "pattern", "minimum", "maximum", "multipleOf", "minLength", "maxLength"];
    let rules = rules.iter().filter_map(|rule| Some((rule, schema.get(rule)?)));
    let rules: String =
        rules.map(|(rule, value)| format!(", {rule} <code>{}</code>", plain(value))).collect();
    let of = schema.get("items").map(|it| format!(" of {}", kind(it))).unwrap_or_default();
    let types = if types.is_empty() { "anything".to_owned() } else { types.join(" or ") };
    format!("{types}{of}{rules}")
}

/// Our Markdown: paragraphs, tables, code and bold.
fn prose(markdown: &str) -> String {
    let blocks = markdown.trim().split("\n\n").filter(|block| !block.is_empty());
    let block = |block: &str| match block.starts_with('|') {
        true => format!("<table>{}</table>", block.lines().filter_map(row).collect::<String>()),
        false => format!("<p>{}</p>", inline(block)),
    };
    blocks.map(block).collect()
}

fn row(line: &str) -> Option<String> {
    let cells = line.trim().trim_matches('|');
    let cell = |cell: &str| format!("<td>{}</td>", inline(cell.trim()));
    let row = cells.split('|').map(cell).collect::<String>();
    (!cells.contains("---")).then(|| format!("<tr>{row}</tr>"))
}

/// `code` and **bold**.
fn inline(words: &str) -> String {
    let bold = |(index, part): (usize, &str)| match index % 2 {
        1 => format!("<b>{}</b>", escaped(part)),
        _ => escaped(part),
    };
    let code = |(index, part): (usize, &str)| match index % 2 {
        1 => format!("<code>{}</code>", escaped(part)),
        _ => part.split("**").enumerate().map(bold).collect(),
    };
    words.split('`').enumerate().map(code).collect()
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

/// A literal as it stands in JSON, but for the quotes.
fn plain(literal: &Value) -> String {
    escaped(&literal.as_str().map_or_else(|| literal.to_string(), str::to_owned))
}

fn text(node: &Value) -> &str {
    node.as_str().unwrap_or_default()
}

fn items(node: &Value) -> impl Iterator<Item = &Value> {
    node.as_array().into_iter().flatten()
}

fn entries(node: &Value) -> impl Iterator<Item = (&str, &Value)> {
    node.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}
