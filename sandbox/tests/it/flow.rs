//! The consent-to-data flow, with the requests of Mono's guide.

use serde_json::{Value, json};

use crate::support::{Caller, Gateway};

const AIRTEL: (&str, &str) = ("07082109281", "airtel");

/// Same keys, same types at every level; a null stays a null, an integer an integer.
fn same_shape(path: &str, expected: &Value, actual: &Value) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            let names = |map: &serde_json::Map<String, Value>| {
                let mut names: Vec<String> = map.keys().cloned().collect();
                names.sort();
                names
            };
            assert_eq!(names(expected), names(actual), "fields of {path}");
            for (name, value) in expected {
                same_shape(&format!("{path}.{name}"), value, &actual[name]);
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            assert!(!actual.is_empty(), "{path} is empty");
            for value in actual {
                same_shape(&format!("{path}[]"), &expected[0], value);
            }
        }
        (Value::Number(expected), Value::Number(actual)) => {
            assert_eq!(expected.is_f64(), actual.is_f64(), "number format of {path}");
        }
        _ => assert_eq!(
            std::mem::discriminant(expected),
            std::mem::discriminant(actual),
            "type of {path}: {actual}"
        ),
    }
}

#[tokio::test]
async fn every_step_of_the_guide_answers_in_its_shape() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();

    let auth = caller.auth(AIRTEL.0, AIRTEL.1).await.ok();
    let field = json!({ "type": "", "name": "", "hint": "", "contentType": "", "minLength": 6, "maxLength": 6 });
    let result = json!({ "title": "", "form": [field] });
    let shape = json!({ "status": "", "data": { "session_id": "", "result": result } });
    same_shape("auth", &shape, &auth);
    assert_eq!(auth["status"], "successful");

    let session = auth["data"]["session_id"].as_str().unwrap();
    let otp = caller.otp(AIRTEL.0).await;
    let verify = caller.verify(session, &otp).await.ok();
    same_shape("verify", &json!({ "status": "", "data": { "code": "" } }), &verify);

    let code = verify["data"]["code"].as_str().unwrap();
    let exchange = caller.exchange(code).await.ok();
    same_shape("exchange", &json!({ "id": "" }), &exchange);

    let id = exchange["id"].as_str().unwrap();
    let account = caller.get(&format!("/accounts/{id}")).await;
    assert!(account.text.contains("\"balance\":7659,"), "{}", account.text);
    let shape = json!({
        "meta": { "data_status": "", "auth_method": "" },
        "account": {
            "_id": "", "institution": { "name": "", "type": "" }, "name": "",
            "accountNumber": "", "type": "", "balance": 1, "currency": "", "bvn": null,
        },
    });
    same_shape("account", &shape, &account.ok());

    let balances = caller.get(&format!("/accounts/{id}/balances")).await;
    assert!(balances.text.contains("\"value\":11.15,"), "{}", balances.text);
    assert!(balances.text.contains("\"value\":7659,"), "{}", balances.text);
    for balance in balances.ok().as_array().unwrap() {
        let value = if balance["unit"] == "gb" { json!(1.5) } else { json!(1) };
        let shape = json!({ "_id": "", "name": "", "type": "", "value": value, "unit": "" });
        same_shape("balance", &shape, balance);
    }

    let transactions = caller.get(&format!("/accounts/{id}/transactions")).await.ok();
    let line = json!({
        "_id": "", "type": "", "amount": 1, "narration": "", "balance": 1, "date": "", "currency": "",
    });
    let paging = json!({ "total": 1, "page": 1, "previous": null, "next": "" });
    same_shape("transactions", &json!({ "paging": paging, "data": [line] }), &transactions);

    let identity = caller.get(&format!("/accounts/{id}/identity")).await.ok();
    let shape = json!({
        "fullName": "", "phone": "", "gender": "", "bvn": null, "dob": "", "created_at": "",
        "updated_at": "",
    });
    same_shape("identity", &shape, &identity);
}

#[tokio::test]
async fn following_the_links_reads_every_transaction_that_was_asked_for() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let id = caller.link(AIRTEL.0, AIRTEL.1).await;

    assert_eq!(read_all(&caller, &format!("/accounts/{id}/transactions")).await.len(), 27);
    let debits = format!("/v2/accounts/{id}/transactions?type=debit&limit=4");
    let lines = read_all(&caller, &debits).await;
    assert_eq!(lines.len(), 14);
    assert!(lines.iter().all(|line| line["type"] == "debit"));
    let dated = format!("/accounts/{id}/transactions?start=2024-06-10&end=2024-06-19&limit=3");
    assert_eq!(read_all(&caller, &dated).await.len(), 10);
    let unpaged = caller.get(&format!("/accounts/{id}/transactions?paginate=false")).await.ok();
    assert_eq!(unpaged["data"].as_array().unwrap().len(), 27);
}

/// Follows `next` to the end and `previous` back to the start.
async fn read_all(caller: &Caller, first: &str) -> Vec<Value> {
    let (mut lines, mut forward) = (Vec::new(), Vec::new());
    let mut url = Some(first.to_owned());
    let mut last = Value::Null;
    while let Some(page) = url {
        last = caller.get(&page).await.ok();
        let data = last["data"].as_array().unwrap().clone();
        forward.push(data.clone());
        lines.extend(data);
        url = last["paging"]["next"].as_str().map(str::to_owned);
        if let Some(next) = &url {
            assert!(next.starts_with(&caller.base_url), "{next}");
        }
    }
    for expected in forward.iter().rev().skip(1) {
        let previous = last["paging"]["previous"].as_str().expect("a way back").to_owned();
        assert!(previous.starts_with(&caller.base_url), "{previous}");
        last = caller.get(&previous).await.ok();
        assert_eq!(last["data"].as_array().unwrap(), expected);
    }
    assert_eq!(last["paging"]["previous"], Value::Null);
    lines
}

#[tokio::test]
async fn the_prefix_of_a_number_is_no_reason_to_refuse_its_provider() {
    let gateway = Gateway::start().await;
    // A 9mobile prefix that was ported to MTN.
    gateway.caller().link("08091112223", "mtn").await;
    // The caller's word counts in any case, the number in any form.
    gateway.caller().link("08031234567", "mtn").await;
    assert_eq!(gateway.caller().auth("+234 803 123 4567", "MTN").await.status, 200);
}

#[tokio::test]
async fn what_mono_refuses_is_a_refusal() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let rejected = (422, "upstream_rejected".to_owned());
    assert_eq!(caller.auth("08099999999", "mtn").await.error(), rejected);
    assert_eq!(caller.auth(AIRTEL.0, "mtn").await.error(), rejected);

    let id = caller.link("08021112223", "airtel").await;
    let account = caller.get(&format!("/accounts/{id}")).await.ok();
    assert_eq!(account["meta"]["data_status"], "PROCESSING");
    let transactions = caller.get(&format!("/accounts/{id}/transactions")).await;
    assert_eq!(transactions.error(), rejected);
}

#[tokio::test]
async fn every_mono_route_has_its_alias() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let body = json!({ "phone": AIRTEL.0, "provider": AIRTEL.1 });
    let auth = caller.post("/telecom/auth", body).await.ok();
    let session = auth["data"]["session_id"].as_str().unwrap().to_owned();
    let otp = json!({ "otp": caller.otp(AIRTEL.0).await }).to_string().into_bytes();
    let header = [("x-session-id", session.as_str())];
    let verify = caller.send("POST", "/telecom/verify", &header, otp).await.ok();
    let code = json!({ "code": verify["data"]["code"] });
    let id = caller.post("/v2/accounts/auth", code.clone()).await.ok();
    for alias in ["/account/auth", "/v2/account/auth", "/accounts/auth"] {
        assert_eq!(caller.post(alias, code.clone()).await.ok(), id);
    }
    let id = id["id"].as_str().unwrap();
    for tail in ["", "/balances", "/transactions", "/identity"] {
        let plain = caller.get(&format!("/accounts/{id}{tail}")).await;
        let v2 = caller.get(&format!("/v2/accounts/{id}{tail}")).await;
        assert_eq!(plain.ok(), v2.ok());
    }
    assert_eq!(caller.post(&format!("/v2/accounts/{id}/unlink"), json!({})).await.status, 200);
}

#[tokio::test]
async fn the_consent_is_on_record_until_it_is_withdrawn() {
    let gateway = Gateway::start().await;
    let caller = gateway.caller();
    let terms = json!({ "purpose": "loan 42", "scope": "balances", "policy_version": "2026-01" });
    let body = json!({ "phone": AIRTEL.0, "provider": AIRTEL.1, "consent": terms });
    let auth = caller.post("/v2/telecom/auth", body).await.ok();
    let session = auth["data"]["session_id"].as_str().unwrap();
    let otp = caller.otp(AIRTEL.0).await;
    let verify = caller.verify(session, &otp).await.ok();
    let exchange = caller.exchange(verify["data"]["code"].as_str().unwrap()).await.ok();
    let id = exchange["id"].as_str().unwrap();

    let record = caller.get(&format!("/accounts/{id}/consent")).await.ok();
    let data = &record["data"];
    assert_eq!((&data["state"], &data["provider"]), (&json!("linked"), &json!("airtel")));
    assert_eq!(data["consent"]["purpose"], "loan 42");
    assert_eq!(data["consent"]["source_ip"], "127.0.0.1");
    assert_eq!(data["consent"]["session"], shared::secret::hashed(session));
    let export = caller.get(&format!("/accounts/{id}/export")).await.ok();
    assert_eq!(export["data"]["phone"], AIRTEL.0);

    let unlinked = caller.post(&format!("/accounts/{id}/unlink"), json!({})).await.ok();
    assert_eq!(unlinked["data"], json!({ "id": id, "state": "unlinked" }));
    for tail in ["", "/balances", "/transactions", "/identity"] {
        let reply = caller.get(&format!("/accounts/{id}{tail}")).await;
        assert_eq!(reply.error(), (404, "not_found".to_owned()));
    }
    let export = caller.get(&format!("/accounts/{id}/export")).await;
    assert!(!export.text.contains(AIRTEL.0) && !export.text.contains("127.0.0.1"));
    let history = export.ok()["data"]["history"].clone();
    let events: Vec<&str> =
        history.as_array().unwrap().iter().map(|it| it["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["linked", "unlinking", "unlinked"]);
    assert_eq!(history[0]["policy_version"], "2026-01");
    // Again is no error and changes nothing.
    assert_eq!(caller.post(&format!("/accounts/{id}/unlink"), json!({})).await.status, 200);

    assert_eq!(caller.link(AIRTEL.0, AIRTEL.1).await, id);
    let record = caller.get(&format!("/accounts/{id}/consent")).await.ok();
    assert_eq!(record["data"]["history"].as_array().unwrap().len(), 4);
    assert_eq!(caller.get(&format!("/accounts/{id}")).await.status, 200);
}

#[tokio::test]
async fn mono_keeps_an_account_that_another_caller_still_holds() {
    let gateway = Gateway::start().await;
    let (first, second) = (gateway.caller(), gateway.other_caller());
    let id = first.link(AIRTEL.0, AIRTEL.1).await;
    assert_eq!(second.link(AIRTEL.0, AIRTEL.1).await, id);

    assert_eq!(first.post(&format!("/accounts/{id}/unlink"), json!({})).await.status, 200);
    assert_eq!(first.get(&format!("/accounts/{id}")).await.status, 404);
    assert_eq!(second.get(&format!("/accounts/{id}")).await.status, 200);
    assert_eq!(second.post(&format!("/accounts/{id}/unlink"), json!({})).await.status, 200);
    assert_eq!(second.get(&format!("/accounts/{id}")).await.status, 404);
}

#[tokio::test]
async fn another_dynamodb_and_sqs_are_used_where_the_environment_names_them() {
    // Any DynamoDB and SQS would do; here those of a sandbox that deploys nothing.
    let aws = Gateway::with_options(&[], |mut options| {
        options.template = "Resources: {}".to_owned();
        options
    })
    .await;
    let endpoints = [
        ("AWS_ENDPOINT_URL_DYNAMODB", aws.sandbox.dynamodb_url.as_str()),
        ("AWS_ENDPOINT_URL_SQS", aws.sandbox.sqs_url.as_str()),
    ];
    let first = Gateway::with(&endpoints).await;
    let id = first.caller().link(AIRTEL.0, AIRTEL.1).await;
    assert_eq!(aws.items("AccountsTable").await, 1);
    // A second one finds the tables there, and what is in them.
    let second = Gateway::with(&endpoints).await;
    let record = second.caller().get(&format!("/accounts/{id}/consent")).await.ok();
    assert_eq!(record["data"]["state"], "linked");
}
