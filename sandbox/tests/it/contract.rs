//! openapi.yaml is whole: it has every route and every code, its examples are true to its schemas,
//! and what contradicts it is noticed.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, HeaderValue};
use sandbox::template::yaml;
use serde_json::{Value, json};
use shared::error::Code;

use crate::conformance::{Answer, CONTRACT, Contract, operations};
use crate::support::Gateway;

/// Method and path, and whether it wants a key.
type Routes = BTreeMap<(String, String), bool>;

fn routes_of_the_template() -> Routes {
    let template = yaml::load(sandbox::TEMPLATE).unwrap();
    let mut routes = Routes::new();
    for resource in template["Resources"].as_object().unwrap().values() {
        let events = resource["Properties"]["Events"].as_object();
        for event in events.into_iter().flat_map(|it| it.values()) {
            if event["Type"] == "HttpApi" {
                let event = &event["Properties"];
                let text = |name: &str| event[name].as_str().unwrap().to_owned();
                let open = event["Auth"]["Authorizer"] == "NONE";
                routes.insert((text("Method"), text("Path")), !open);
            }
        }
    }
    routes
}

#[test]
fn it_has_the_routes_of_the_template_and_no_others() {
    let with_key = |own: &Value| match own.get("security") {
        None => CONTRACT.document["security"] == json!([{ "key": [] }]),
        Some(security) => *security != json!([]),
    };
    let documented: Routes = operations(&CONTRACT.document)
        .map(|(method, path, own)| ((method.to_uppercase(), path.to_owned()), with_key(own)))
        .collect();
    assert_eq!(documented, routes_of_the_template());
}

/// The code after a code: a new one does not compile until it is here.
fn after(code: &Code) -> Option<Code> {
    Some(match code {
        Code::InvalidRequest => Code::InvalidOtp,
        Code::InvalidOtp => Code::NotFound,
        Code::NotFound => Code::IdempotencyConflict,
        Code::IdempotencyConflict => Code::InProgress,
        Code::InProgress => Code::SessionExpired,
        Code::SessionExpired => Code::CodeExpired,
        Code::CodeExpired => Code::PayloadTooLarge,
        Code::PayloadTooLarge => Code::UpstreamRejected,
        Code::UpstreamRejected => Code::TooManyAttempts,
        Code::TooManyAttempts => Code::RateLimited,
        Code::RateLimited => Code::Unavailable,
        Code::Unavailable => Code::UpstreamUnavailable,
        Code::UpstreamUnavailable => Code::UpstreamTimeout,
        Code::UpstreamTimeout => return None,
    })
}

fn words(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().map(|word| word.as_str().unwrap()).collect()
}

#[test]
fn every_code_stands_under_its_status() {
    let all: Vec<Code> = std::iter::successors(Some(Code::InvalidRequest), after).collect();
    let statuses: BTreeMap<&str, String> =
        all.iter().map(|code| (code.as_str(), code.status().as_str().to_owned())).collect();
    let known = &CONTRACT.document["components"]["schemas"]["Error"]["properties"]["code"];
    assert_eq!(words(&known["enum"]), statuses.keys().copied().collect());

    let mut seen = BTreeSet::new();
    for (method, path, own) in operations(&CONTRACT.document) {
        for (status, answer) in own["responses"].as_object().unwrap() {
            let schema = &CONTRACT.resolved(answer)["content"]["application/json"]["schema"];
            let choices = schema["oneOf"].as_array().into_iter().flatten().chain([schema]);
            for code in choices.flat_map(|it| words(&it["properties"]["code"]["enum"])) {
                assert_eq!(statuses[code], *status, "{method} {path}: {code}");
                seen.insert(code);
            }
        }
    }
    assert_eq!(seen, statuses.keys().copied().collect(), "each can be met somewhere");
}

/// All examples beside a schema.
fn examples(node: &Value) -> Vec<&Value> {
    let many = node["examples"].as_object().into_iter().flat_map(|it| it.values());
    let many = many.map(|example| &CONTRACT.resolved(example)["value"]);
    node.get("example").into_iter().chain(many).collect()
}

#[test]
fn every_body_has_examples_and_all_are_true_to_their_schema() {
    let mut count = 0;
    let mut hold = |node: &Value, place: &str, wanted: bool| {
        let examples = examples(node);
        assert!(!wanted || !examples.is_empty(), "{place} has no example");
        for example in examples {
            let outcome = CONTRACT.validate(&node["schema"], example);
            assert_eq!(outcome, Ok(()), "{place}: {example}");
            count += 1;
        }
    };
    for (method, path, own) in operations(&CONTRACT.document) {
        let item = &CONTRACT.document["paths"][path];
        let parameters = [&item["parameters"], &own["parameters"]];
        for parameter in parameters.into_iter().filter_map(Value::as_array).flatten() {
            hold(CONTRACT.resolved(parameter), &format!("{method} {path} {parameter}"), false);
        }
        if let Some(body) = own.get("requestBody") {
            hold(&body["content"]["application/json"], &format!("{method} {path}"), true);
        }
        for (status, answer) in own["responses"].as_object().unwrap() {
            let answer = CONTRACT.resolved(answer);
            let place = format!("{method} {path} {status}");
            hold(&answer["content"]["application/json"], &place, true);
            for header in answer["headers"].as_object().into_iter().flat_map(|it| it.values()) {
                hold(CONTRACT.resolved(header), &place, false);
            }
        }
    }
    assert!(count > 300, "{count} examples");
}

#[test]
fn every_operation_has_a_name_and_every_link_leads_to_one() {
    let mut names = BTreeMap::new();
    for (_, path, own) in operations(&CONTRACT.document) {
        let shared = CONTRACT.document["paths"][path]["parameters"].as_array();
        let parameters = shared.into_iter().chain(own["parameters"].as_array()).flatten();
        let parameters: BTreeSet<String> = parameters
            .map(|it| CONTRACT.resolved(it))
            .map(|it| format!("{}.{}", it["in"].as_str().unwrap(), it["name"].as_str().unwrap()))
            .collect();
        let name = own["operationId"].as_str().unwrap();
        assert!(names.insert(name, parameters).is_none(), "{name} stands twice");
    }
    let mut links = 0;
    for (_, _, own) in operations(&CONTRACT.document) {
        for answer in own["responses"].as_object().unwrap().values() {
            let answer = CONTRACT.resolved(answer);
            for link in answer["links"].as_object().into_iter().flat_map(|it| it.values()) {
                let target = &names[link["operationId"].as_str().unwrap()];
                for name in link["parameters"].as_object().into_iter().flat_map(|it| it.keys()) {
                    assert!(target.contains(name), "{link}");
                }
                links += 1;
            }
        }
    }
    assert!(links > 20, "{links} links");
}

/// A refusal of ours.
fn refusal(code: &str) -> Value {
    json!({ "status": "failed", "code": code, "message": "m", "request_id": "r" })
}

/// What `document` says of an answer.
fn verdict(
    document: &Value,
    method: &str,
    path: &str,
    status: u16,
    body: &Value,
) -> Option<String> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    verdict_with(document, &headers, method, path, status, body)
}

fn verdict_with(
    document: &Value,
    headers: &HeaderMap,
    method: &str,
    path: &str,
    status: u16,
    body: &Value,
) -> Option<String> {
    let body = body.to_string().into_bytes();
    let answer = Answer { method, path, status, headers, body: &body };
    Contract::new(document.clone()).check(&answer).err()
}

#[test]
fn what_contradicts_it_is_noticed() {
    let document = sandbox::docs::document();
    let delivered = &document["components"]["examples"]["DeliveredPurchase"]["value"];
    let one = "/purchases/5fd23953707bc0bdb70c024a8fdf780e";
    let noticed = |method: &str, path: &str, status: u16, body: &Value, problem: &str| {
        let verdict = verdict(&document, method, path, status, body).unwrap_or_default();
        assert!(verdict.contains(problem), "{method} {path} {status} {body}: {verdict}");
    };
    assert_eq!(verdict(&document, "GET", one, 200, delivered), None);
    assert_eq!(verdict(&document, "GET", one, 404, &refusal("not_found")), None);
    assert_eq!(verdict(&document, "GET", "/x", 404, &json!({ "message": "Not Found" })), None);

    noticed("GET", "/x", 404, &refusal("not_found"), "Additional properties");
    noticed("GET", "/x", 200, &json!({}), "no such route");
    noticed("DELETE", one, 200, delivered, "no such route");
    noticed("GET", one, 201, delivered, "status is not documented");
    noticed("GET", one, 404, &refusal("code_expired"), "oneOf");
    noticed("POST", "/purchases", 202, delivered, "delivered");
    noticed("POST", "/telecom/auth", 429, &refusal("rate_limited"), "Retry-After is missing");
    for (field, value) in [
        ("state", json!("lost")),
        ("safe_to_refund", json!(true)),
        ("amount_kobo", json!("10000")),
        ("created_at", json!("2026-11-22 07:19:47")),
        ("voucher_code", json!("4711")),
    ] {
        let mut wrong = delivered.clone();
        wrong["data"][field] = value;
        noticed("GET", one, 200, &wrong, field_or_value(field));
    }
    let mut without = delivered.clone();
    without["data"].as_object_mut().unwrap().remove("deadline_at");
    noticed("GET", one, 200, &without, "deadline_at");
}

/// What a complaint about a field names: the field, or what it may be.
fn field_or_value(field: &str) -> &str {
    match field {
        "safe_to_refund" => "false",
        other => other,
    }
}

#[test]
fn a_document_that_says_less_or_other_is_noticed() {
    let document = sandbox::docs::document();
    let answer = &document["components"]["examples"]["WaitingRequest"]["value"];
    let path = "/accounts/66a0c1d2e3f4a5b6c7d8e902/mtn/balance";
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let place = HeaderValue::from_static("http://127.0.0.1:9000/requests/r");
    headers.insert("location", place);
    let verdict = |document: &Value, headers: &HeaderMap| {
        verdict_with(document, headers, "GET", path, 202, answer)
    };
    assert_eq!(verdict(&document, &headers), None);

    let mut less = document.clone();
    let own = &mut less["paths"]["/accounts/{id}/mtn/balance"]["get"]["responses"];
    own.as_object_mut().unwrap().remove("202");
    assert!(verdict(&less, &headers).is_some());
    let mut other = document.clone();
    other["components"]["schemas"]["MtnRequest"]["properties"]["asks"]["type"] = json!("string");
    assert!(verdict(&other, &headers).is_some());
    let mut unknown = document.clone();
    let fields = &mut unknown["components"]["schemas"]["MtnRequest"]["properties"];
    fields.as_object_mut().unwrap().remove("notice");
    assert!(verdict(&unknown, &headers).is_some());

    headers.remove("location");
    assert!(verdict(&document, &headers).unwrap().contains("Location is missing"));
    headers.insert("content-type", HeaderValue::from_static("text/html"));
    assert!(verdict(&document, &headers).unwrap().contains("content type"));
}

#[tokio::test]
async fn the_sandbox_shows_it() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let file = caller.send_bare("GET", "/_sandbox/openapi.yaml", &[], Vec::new()).await;
    assert_eq!((file.status, file.text.as_str()), (200, sandbox::docs::OPENAPI));
    let page = caller.send_bare("GET", "/_sandbox/docs", &[], Vec::new()).await;
    assert_eq!(page.status, 200);
    for (_, _, own) in operations(&CONTRACT.document) {
        let name = own["operationId"].as_str().unwrap();
        assert!(page.text.contains(&format!("<section id=\"{name}\">")), "{name}");
    }
    for foreign in ["<script", "<link", "<img", "src=", "href=\"http", "@import", "url("] {
        assert!(!page.text.contains(foreign), "{foreign}");
    }
    // What looks like a mark in the text is none on the page.
    assert!(page.text.contains("&quot;status&quot;"));
    let open = page.text.matches('<').count();
    assert_eq!(open, page.text.matches('>').count());
}
