use super::*;

const SPRING: &str =
    r#"{"timestamp":"t","status":404,"error":"Not Found","message":"secret","path":"/p"}"#;
const CANONICAL: &str = r#"{"statusMessage":"secret","supportMessage":"s","transactionId":"1",
    "path":"/p","method":"GET","timestamp":"t"}"#;

fn answer(status: u16, body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", http::HeaderValue::from_static("7"));
    let status = HttpStatus::from_u16(status).unwrap();
    Answer { status, headers, body: body.as_bytes().to_vec() }
}

/// The error's name and code, or `fine`.
fn sorted(status: u16, body: &str) -> String {
    match accept(&answer(status, body)) {
        Ok(_) => "fine".to_owned(),
        Err(error) => {
            assert!(!error.to_string().contains("secret"), "{error}");
            match error {
                MtnError::Rejected(code) => format!("rejected {code}"),
                MtnError::UnknownCustomer => "unknown customer".to_owned(),
                MtnError::CredentialsRefused(code) => format!("credentials {code}"),
                MtnError::RateLimited(wait) => format!("rate {:?}", wait.map(|it| it.as_secs())),
                MtnError::Unavailable(_) => "unavailable".to_owned(),
                MtnError::Timeout => "timeout".to_owned(),
                MtnError::Broken => "broken".to_owned(),
            }
        }
    }
}

fn coded(code: &str) -> String {
    format!(r#"{{"statusCode":{code},"statusMessage":"secret","data":null}}"#)
}

#[test]
fn a_listed_code_decides_whatever_the_http_status() {
    for (code, expected) in [
        ("1000", "unknown customer"),
        ("1001", "rejected 1001"),
        ("1002", "rejected 1002"),
        ("1003", "rejected 1003"),
        ("1005", "unavailable"),
        ("1007", "timeout"),
        ("1012", "timeout"),
        ("1013", "rate Some(7)"),
        ("2000", "unavailable"),
        ("3000", "unavailable"),
        ("3001", "unavailable"),
        ("3003", "timeout"),
        ("3006", "rate Some(7)"),
        ("4000", "credentials 4000"),
        ("4001", "rejected 4001"),
        ("5000", "rejected 5000"),
        ("5001", "rejected 5001"),
        ("6000", "rejected 6000"),
        ("6001", "rejected 6001"),
    ] {
        for status in [200, 202, 207, 400, 401, 403, 404, 405, 408, 429, 500, 503] {
            assert_eq!(sorted(status, &coded(code)), expected, "{status} {code}");
            let text = coded(&format!("\"{code}\""));
            assert_eq!(sorted(status, &text), expected, "{status} {code} as a text");
        }
    }
    for status in [102, 200, 202, 500] {
        assert_eq!(sorted(status, &coded("1004")), "fine", "{status}: pending is no error");
    }
}

#[test]
fn without_a_listed_code_the_http_status_decides() {
    for body in [SPRING, CANONICAL, "{}", r#"{"data":null}"#, &coded(r#""OK""#), &coded("0")] {
        let code = |http: &str| match body {
            _ if body == coded(r#""OK""#) => "OK".to_owned(),
            _ if body == coded("0") => "0000".to_owned(),
            _ => http.to_owned(),
        };
        for (status, expected) in [
            (102, "fine".to_owned()),
            (200, "fine".to_owned()),
            (207, "fine".to_owned()),
            (301, "unavailable".to_owned()),
            (400, format!("rejected {}", code("http_400"))),
            (401, format!("credentials {}", code("http_401"))),
            (403, format!("credentials {}", code("http_403"))),
            (404, "unknown customer".to_owned()),
            (405, format!("rejected {}", code("http_405"))),
            (408, "timeout".to_owned()),
            (422, format!("rejected {}", code("http_422"))),
            (429, "rate Some(7)".to_owned()),
            (500, "unavailable".to_owned()),
            (502, "unavailable".to_owned()),
            (503, "unavailable".to_owned()),
            (504, "timeout".to_owned()),
        ] {
            assert_eq!(sorted(status, body), expected, "{status} {body}");
        }
    }
    let hidden = coded(r#""2348031234567""#);
    assert_eq!(sorted(400, &hidden), "rejected http_400", "no code is that long");
}

#[test]
fn what_is_no_object_judges_nothing() {
    let deep = format!(r#"{{"data":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let twice = r#"{"statusCode":"0000","statusCode":"1001"}"#;
    for body in ["", "<html>1000</html>", "null", "[]", r#""1000""#, "{", &deep, twice] {
        for (status, expected) in [
            (200, "unavailable"),
            (400, "unavailable"),
            (401, "credentials http_401"),
            (403, "credentials http_403"),
            (404, "unavailable"),
            (405, "unavailable"),
            (408, "timeout"),
            (429, "rate Some(7)"),
            (500, "unavailable"),
            (504, "timeout"),
        ] {
            assert_eq!(sorted(status, body), expected, "{status} {body:.40}");
        }
    }
}

#[test]
fn both_kinds_of_errors_are_told_from_answers() {
    let is_error = |body: &str| Envelope::read(body.as_bytes()).unwrap().is_error();
    for error in [
        SPRING,
        CANONICAL,
        &coded("5001"),
        &coded("7777"),
        &coded("1004"),
        r#"{"error":{"code":1}}"#,
        r#"{"supportMessage":"m"}"#,
    ] {
        assert!(is_error(error), "{error}");
    }
    for answer in [
        "{}",
        r#"{"data":null}"#,
        &coded("0"),
        &coded(r#""0000""#),
        r#"{"status":"SUCCESS","message":"m","error":null}"#,
        r#"{"error":""}"#,
        r#"{"error":false}"#,
        r#"{"fault":{"faultstring":"x"}}"#,
    ] {
        assert!(!is_error(answer), "{answer}");
    }
}

#[test]
fn a_status_speaks_of_failure_as_a_number_or_a_word() {
    let fails = |json: &str| {
        let body = format!(r#"{{"status":{json}}}"#);
        Envelope::read(body.as_bytes()).unwrap().status_says_failure()
    };
    for json in ["400", "500", r#""503""#, r#""FAILED""#, r#""Error""#, r#""rejected""#] {
        assert!(fails(json), "{json}");
    }
    for json in ["200", r#""200""#, "399", "null", r#""SUCCESS""#, r#""""#, "[]", "{}"] {
        assert!(!fails(json), "{json}");
    }
}
