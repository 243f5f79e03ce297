//! openapi.yaml is complete: it has every route and every error code, its examples match its schemas, and
//! the check of answers against it finds what differs.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue};
use sandbox::template::yaml;
use serde_json::{Value, json};
use shared::domain::disclosure::{DISCLOSING, NOT_DISCLOSING};
use shared::lambda::error::ErrorCode;
use strum::IntoEnumIterator;

use crate::support::conformance::{Answer, CONTRACT, operations};

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
fn the_document_has_exactly_the_routes_of_the_template() {
    let with_key = |own: &Value| match own.get("security") {
        None => CONTRACT.document["security"] == json!([{ "key": [] }]),
        Some(security) => *security != json!([]),
    };
    let documented: Routes = operations(&CONTRACT.document)
        .map(|(method, path, own)| ((method.to_uppercase(), path.to_owned()), with_key(own)))
        .collect();
    assert_eq!(documented, routes_of_the_template());
}

#[test]
fn each_route_of_the_template_discloses_or_does_not() {
    let routes = routes_of_the_template().into_keys();
    let routes = routes.map(|(method, path)| format!("{method} {path}").replacen(" /v2/", " /", 1));
    let routes: BTreeSet<String> = routes.collect();
    let listed: Vec<&str> = DISCLOSING.into_iter().chain(NOT_DISCLOSING).collect();
    assert_eq!(routes, listed.iter().map(|route| (*route).to_owned()).collect());
    assert_eq!(routes.len(), listed.len(), "a route is in one of the lists, once");
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
}

#[test]
fn every_error_code_is_documented_under_its_status() {
    let statuses: BTreeMap<&str, String> =
        ErrorCode::iter().map(|code| (code.name(), code.status().as_str().to_owned())).collect();
    let known = &CONTRACT.document["components"]["schemas"]["Error"]["properties"]["code"];
    assert_eq!(texts(&known["enum"]), statuses.keys().copied().collect());

    let mut seen = BTreeSet::new();
    for (method, path, own) in operations(&CONTRACT.document) {
        for (status, answer) in own["responses"].as_object().unwrap() {
            let schema = &CONTRACT.resolved(answer)["content"]["application/json"]["schema"];
            let choices = schema["oneOf"].as_array().into_iter().flatten().chain([schema]);
            for code in choices.flat_map(|it| texts(&it["properties"]["code"]["enum"])) {
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
fn every_body_has_examples_and_all_match_their_schema() {
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

/// What openapi.yaml says against an answer.
fn problem(
    headers: &[(&'static str, &'static str)],
    (method, path): (&str, &str),
    status: u16,
    body: &Value,
) -> String {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    let (headers, body) = (headers.iter().map(pair).collect(), body.to_string().into_bytes());
    let answer = Answer { method, path, status, headers: &headers, body: &body };
    CONTRACT.check(&answer).err().unwrap_or_default()
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn an_answer_that_contradicts_the_document_is_noticed() {
    let examples = &CONTRACT.document["components"]["examples"];
    let delivered = &examples["DeliveredPurchaseWithHistory"]["value"];
    let error =
        |code: &str| json!({ "status": "failed", "code": code, "message": "m", "request_id": "r" });
    let with = |field: &str, value: Value| {
        let mut wrong = delivered.clone();
        wrong["data"][field] = value;
        wrong
    };
    let mut without = delivered.clone();
    without["data"].as_object_mut().unwrap().remove("deadline_at");
    let one = ("GET", "/purchases/5fd23953707bc0bdb70c024a8fdf780e");
    for (route, status, body, wanted) in [
        (one, 200, delivered.clone(), ""),
        (one, 404, error("not_found"), ""),
        (("GET", "/x"), 404, json!({ "message": "Not Found" }), ""),
        (("GET", "/x"), 404, error("not_found"), "Additional properties"),
        (("GET", "/x"), 200, json!({}), "no such route"),
        (("DELETE", one.1), 200, delivered.clone(), "no such route"),
        (one, 201, delivered.clone(), "status is not documented"),
        (one, 404, error("code_expired"), "oneOf"),
        (("POST", "/purchases"), 202, delivered.clone(), "delivered"),
        (("POST", "/telecom/auth"), 429, error("rate_limited"), "Retry-After is missing"),
        (one, 200, with("state", json!("lost")), "state"),
        (one, 200, with("safe_to_refund", json!(true)), "false"),
        (one, 200, with("amount_kobo", json!("10000")), "amount_kobo"),
        (one, 200, with("created_at", json!("2026-11-22 07:19:47")), "created_at"),
        (one, 200, with("voucher_code", json!("4711")), "voucher_code"),
        (one, 200, without, "deadline_at"),
        (one, 200, examples["DeliveredPurchase"]["value"].clone(), "history"),
    ] {
        let problem = problem(&[JSON], route, status, &body);
        assert!(problem.contains(wanted), "{route:?} {status} {body}: {problem}");
        assert_eq!(problem.is_empty(), wanted.is_empty(), "{route:?} {status} {body}: {problem}");
    }
    // A header that is missing, and another content type.
    let answer = &CONTRACT.document["components"]["examples"]["WaitingRequest"]["value"];
    let route = ("GET", "/accounts/66a0c1d2e3f4a5b6c7d8e902/mtn/balance");
    let place = ("location", "http://127.0.0.1:9000/requests/r");
    assert_eq!(problem(&[JSON, place], route, 202, answer), "");
    assert!(problem(&[JSON], route, 202, answer).contains("Location is missing"));
    let html = ("content-type", "text/html");
    assert!(problem(&[html, place], route, 202, answer).contains("content type"));
}
