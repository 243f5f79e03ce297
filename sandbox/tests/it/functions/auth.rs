//! `POST /telecom/auth`: which numbers and providers open a session.

use serde_json::json;

use crate::support::{Gateway, PHONE};

#[tokio::test]
async fn an_invalid_body_is_refused_before_anything_happens() {
    let (mono, gateway, caller) = Gateway::with_agreeable_mono().await;
    let by_position = r#"["08031234567","mtn"]"#;
    let mut bodies: Vec<(String, &str)> = [
        "",
        " \n",
        "{",
        "phone=1",
        "[]",
        "null",
        "\"x\"",
        "{}",
        "{\"phone\":\"0803\"}",
        by_position,
    ]
    .map(|body| (body.to_owned(), "phone and provider"))
    .into();
    let purposes =
        json!(["yes", { "purpose": 1 }, [], ["a", "b", "c"], { "purpose": "x".repeat(501) }]);
    for (name, values, message) in [
        ("phone", json!([8_031_234_567_u64, null, ["08031234567"]]), ""),
        ("provider", json!([7]), ""),
        ("consent", purposes, ""),
        ("provider", json!(["glo", "9mobile", "", "mtn\0", "mtn airtel"]), "mtn, airtel"),
        ("phone", json!(["", "0803", "+447911123456", "０８０３１２３４５６７"]), "Nigerian"),
    ] {
        for value in values.as_array().unwrap() {
            let mut body = json!({ "phone": PHONE, "provider": "mtn" });
            body[name] = value.clone();
            bodies.push((body.to_string(), message));
        }
    }
    for (body, message) in bodies {
        let reply = caller.send("POST", "/v2/telecom/auth", &[], body.clone().into()).await;
        let said = reply.refused(400, "invalid_request");
        assert!(said.contains(message), "{body}: {said}");
        assert!(!said.contains("0803"), "the message quotes no value: {said}");
    }
    assert_eq!(mono.received().len(), 0);
    assert_eq!(gateway.items("SessionsTable").await, 0);
}

#[tokio::test]
async fn any_prefix_any_form_of_the_number_and_a_form_body_are_accepted() {
    let (_gateway, caller) = Gateway::with_caller().await;
    // A 9mobile prefix that was ported to MTN.
    caller.link("08091112223", "mtn").await;
    // The provider's name counts in any case, the number in any form.
    caller.auth("+234 803 123 4567", "MTN").await.ok();
    // A form body arrives in base64.
    let form = ("content-type", "application/x-www-form-urlencoded");
    let body = json!({ "phone": PHONE, "provider": "mtn" });
    caller.send("POST", "/v2/telecom/auth", &[form], body.to_string().into()).await.ok();
}
