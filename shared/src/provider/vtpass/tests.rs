//! Tests of the client, against a mock server where a call is made.

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::domain::ids::ProviderReference;
use crate::domain::money::Kobo;
use crate::domain::purchase::{Recipient, Verdict};
use crate::provider::test_support::vars;

const ID: &str = "202407171216p1";
const DELIVERED: &str = r#"{"code":"000","content":{"transactions":{"status":"delivered"}}}"#;
const BASIC: [(&str, &str); 2] = [("VTPASS_USERNAME", "u"), ("VTPASS_PASSWORD", "p4ss")];
const KEYS: [(&str, &str); 3] =
    [("VTPASS_API_KEY", "a1"), ("VTPASS_PUBLIC_KEY", "p1"), ("VTPASS_SECRET_KEY", "s1")];

fn client_with(url: &str, credentials: &[(&str, &str)]) -> Result<Vtpass, ConfigError> {
    let vars = vars(&[&[("VTPASS_BASE_URL", url)], credentials].concat());
    Ok(Vtpass::from_vars(&vars, &Environment::real())?.unwrap())
}

fn client(url: &str) -> Result<Vtpass, ConfigError> {
    client_with(url, &BASIC)
}

/// A client of a mock server that gives this answer.
async fn mock(credentials: &[(&str, &str)], status: u16, body: &str) -> (Vtpass, MockServer) {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_string(body);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    (client_with(&server.uri(), credentials).unwrap(), server)
}

/// The outcomes of a `pay` and of a `requery` of an order with this variation.
async fn pay_and_requery(vtpass: &Vtpass, variation_code: Option<&str>) -> [Outcome; 2] {
    let order = Order {
        reference: &ProviderReference::new(ID),
        service_id: "mtn",
        recipient: &Recipient::parse("08031234567", false).unwrap(),
        variation_code,
        amount: Kobo::new(10_050).unwrap(),
    };
    let paid = vtpass.pay(vtpass.admit().unwrap(), &order).await;
    [paid, vtpass.requery(vtpass.admit().unwrap(), &order).await]
}

/// Method, path and body.
fn sent(request: &Request) -> (String, &str) {
    let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let line = format!("{} {}{query}", request.method, request.url.path());
    (line, std::str::from_utf8(&request.body).unwrap())
}

fn headers<'a>(request: &'a Request, names: &[&str]) -> Vec<Option<&'a str>> {
    let value = |name: &&str| request.headers.get(*name).map(|value| value.to_str().unwrap());
    names.iter().map(value).collect()
}

#[tokio::test]
async fn orders_are_posted_in_the_form_that_vtpass_requires() {
    let requery = format!(r#"{{"request_id":"{ID}"}}"#);
    for (variation_code, more) in
        [(None, ""), (Some("v-1"), r#""billersCode":"08031234567","variation_code":"v-1","#)]
    {
        let (vtpass, server) = mock(&KEYS, 200, DELIVERED).await;
        for outcome in pay_and_requery(&vtpass, variation_code).await {
            assert_eq!((outcome.verdict, outcome.acknowledged), (Verdict::Delivered, true));
        }
        let pay = format!(
            r#"{{"request_id":"{ID}","serviceID":"mtn",{more}"amount":100.50,"phone":"08031234567"}}"#
        );
        let requests = server.received_requests().await.unwrap();
        let all: Vec<_> = requests.iter().map(sent).collect();
        let expected = [("POST /pay", pay.as_str()), ("POST /requery", requery.as_str())];
        assert_eq!(all, expected.map(|(line, body)| (line.to_owned(), body)));
        for request in &requests {
            let names = ["api-key", "secret-key", "public-key", "content-type", "accept"];
            let json = Some("application/json");
            assert_eq!(headers(request, &names), [Some("a1"), Some("s1"), None, json, json]);
        }
    }
}

#[tokio::test]
async fn a_catalogue_is_read_with_the_credentials_of_a_read() {
    let body = r#"{"response_description":"000","content":{"variations":[]}}"#;
    let names = ["api-key", "public-key", "secret-key", "authorization", "content-type"];
    let keys = [Some("a1"), Some("p1"), None, None, None];
    let basic = [None, None, None, Some("Basic dTpwNHNz"), None];
    for (credentials, expected) in [(&KEYS[..], keys), (&BASIC[..], basic)] {
        let (vtpass, server) = mock(credentials, 200, body).await;
        assert_eq!(vtpass.variations("mtn data").await.unwrap().variations, []);
        let requests = server.received_requests().await.unwrap();
        let line = "GET /service-variations?serviceID=mtn+data".to_owned();
        assert_eq!(requests.iter().map(sent).collect::<Vec<_>>(), [(line, "")]);
        assert_eq!(headers(&requests[0], &names), expected);
    }
}

#[tokio::test]
async fn only_a_refusal_of_our_credentials_has_them_fetched_again() {
    for (status, body, refused) in [
        (200, r#"{"code":"087"}"#, true),
        (401, "", true),
        (200, r#"{"code":"018"}"#, false),
        (200, DELIVERED, false),
    ] {
        let (vtpass, _server) = mock(&BASIC, status, body).await;
        pay_and_requery(&vtpass, None).await;
        assert_eq!(vtpass.credential_refusals.any(), refused, "orders: {status} {body}");
        let (vtpass, _server) = mock(&BASIC, status, body).await;
        vtpass.variations("mtn-data").await.unwrap_err();
        assert_eq!(vtpass.credential_refusals.any(), refused, "a read: {status} {body}");
    }
}

#[tokio::test]
async fn vtpass_that_is_down_is_not_asked() {
    // Nothing listens on port 1 of this machine.
    let vtpass = client("http://127.0.0.1:1").unwrap();
    for _ in 0..5 {
        vtpass.check().unwrap();
        let error = vtpass.variations("mtn-data").await.unwrap_err();
        assert!(matches!(error, VtpassError::Unavailable(_)), "{error}");
    }
    assert!(matches!(vtpass.check(), Err(VtpassError::Down(_))));
    assert!(matches!(vtpass.admit(), Err(VtpassError::Down(_))));
    let error = vtpass.variations("mtn-data").await.unwrap_err();
    assert!(matches!(error, VtpassError::Down(_)), "{error}");
}

#[test]
fn test_numbers_are_allowed_at_the_sandbox_and_on_this_machine() {
    for (url, allowed) in [
        ("https://sandbox.vtpass.com/api", true),
        ("https://SANDBOX.vtpass.com/api/", true),
        ("http://127.0.0.1:4000/api", true),
        ("http://localhost:4000/api", true),
        ("http://[::1]:4000/api", true),
        ("https://vtpass.com/api", false),
        ("https://api-service.vtpass.com/api", false),
        ("https://sandbox.vtpass.com.example.com/api", false),
        ("https://example.com/sandbox.vtpass.com", false),
        ("https://sandbox.vtpass.com@example.com/api", false),
        ("http://10.0.0.1/api", false),
    ] {
        assert_eq!(client(url).unwrap().takes_test_numbers(), allowed, "{url}");
    }
}

#[test]
fn debug_does_not_print_credentials() {
    assert_eq!(format!("{:?}", client("https://vtpass.com/api").unwrap()), "Vtpass { .. }");
    let error = client("vtpass.com").unwrap_err();
    assert!(error.to_string().contains("VTPASS_BASE_URL"));
}
