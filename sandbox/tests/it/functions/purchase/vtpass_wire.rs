//! What the VTpass client sends, recorded by a server that answers everything the same way.

use shared::domain::purchase::{Order, Verdict};
use shared::platform::environment::Environment;
use shared::provider::vtpass::VtpassError;

use crate::simulators::vtpass::{bundle, client, kobo};
use crate::support::{Provider, Script};

const BASIC: [(&str, &str); 2] = [("VTPASS_USERNAME", "me"), ("VTPASS_PASSWORD", "secret")];
const KEYS: [(&str, &str); 3] =
    [("VTPASS_API_KEY", "a1"), ("VTPASS_PUBLIC_KEY", "p1"), ("VTPASS_SECRET_KEY", "s1")];

/// Answers everything with one status.
async fn listen(status: u16) -> Provider {
    Provider::start(move |_| Script::Text(status, "not JSON")).await
}

#[tokio::test]
async fn a_bundle_and_airtime_are_ordered_as_documented() {
    let provider = listen(200).await;
    let vtpass = client(&provider.url, &Environment::real(), &BASIC);
    let order = bundle("202407171216abc", "08011111111");
    vtpass.pay(vtpass.admit().unwrap(), &order).await;
    let airtime = Order { variation_code: None, service_id: "mtn", amount: kobo(4_850), ..order };
    vtpass.pay(vtpass.admit().unwrap(), &airtime).await;
    vtpass.requery(vtpass.admit().unwrap(), &airtime).await;
    let seen = provider.received();
    let bodies: Vec<(&str, &str)> =
        seen.iter().map(|it| (it.target.as_str(), it.body.as_str())).collect();
    let expected = [
        (
            "/api/pay",
            r#"{"request_id":"202407171216abc","serviceID":"etisalat-data","billersCode":"08011111111","variation_code":"eti-100","amount":100,"phone":"08011111111"}"#,
        ),
        (
            "/api/pay",
            r#"{"request_id":"202407171216abc","serviceID":"mtn","amount":48.50,"phone":"08011111111"}"#,
        ),
        ("/api/requery", r#"{"request_id":"202407171216abc"}"#),
    ];
    assert_eq!(bodies, expected);
    for request in &seen {
        assert_eq!(request.header("authorization"), Some("Basic bWU6c2VjcmV0"));
        assert_eq!(request.header("content-type"), Some("application/json"));
    }
    // A service id cannot change the query.
    assert!(matches!(vtpass.variations("a&b=c#d/é").await, Err(VtpassError::Unavailable(_))));
    let target = "/api/service-variations?serviceID=a%26b%3Dc%23d%2F%C3%A9";
    assert_eq!(provider.received()[3].target, target);
}

#[tokio::test]
async fn a_get_sends_the_public_key_and_a_post_the_secret_key() {
    let provider = listen(200).await;
    let vtpass = client(&provider.url, &Environment::real(), &KEYS);
    let _ = vtpass.variations("mtn-data").await;
    vtpass.requery(vtpass.admit().unwrap(), &bundle("202407171216abc", "08011111111")).await;
    let sent = provider.received();
    for (request, public, secret) in [(&sent[0], Some("p1"), None), (&sent[1], None, Some("s1"))] {
        assert_eq!(request.header("api-key"), Some("a1"));
        assert_eq!(request.header("public-key"), public);
        assert_eq!(request.header("secret-key"), secret);
    }
}

#[tokio::test]
async fn an_order_is_sent_once_whatever_the_http_status() {
    for status in [200, 302, 307, 308, 401, 408, 429, 500, 502, 503, 504] {
        let provider = listen(status).await;
        let vtpass = client(&provider.url, &Environment::real(), &BASIC);
        let outcome =
            vtpass.pay(vtpass.admit().unwrap(), &bundle("202407171216abc", "08011111111")).await;
        assert_eq!(outcome.verdict, Verdict::Unclear, "{status}");
        let expected =
            if status == 200 { "unreadable".to_owned() } else { format!("http_{status}") };
        assert_eq!(outcome.code, expected);
        assert_eq!(provider.received().len(), 1, "{status}");
    }
}
