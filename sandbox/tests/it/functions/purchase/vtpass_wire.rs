//! What the VTpass client sends, recorded by a server that answers everything the same way.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse;
use shared::domain::purchase::{Order, Verdict};
use shared::platform::environment::Environment;
use shared::provider::vtpass::VtpassError;

use crate::simulators::serve;
use crate::simulators::vtpass::{bundle, client, kobo};

#[derive(Default)]
struct Seen(Mutex<Vec<(String, HeaderMap, String)>>);

const BASIC: [(&str, &str); 2] = [("VTPASS_USERNAME", "me"), ("VTPASS_PASSWORD", "secret")];
const KEYS: [(&str, &str); 3] =
    [("VTPASS_API_KEY", "a1"), ("VTPASS_PUBLIC_KEY", "p1"), ("VTPASS_SECRET_KEY", "s1")];

/// Answers everything with one status.
async fn listen(status: StatusCode) -> (String, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let record = move |State(seen): State<Arc<Seen>>, uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let body = String::from_utf8(body.to_vec()).unwrap();
        seen.0.lock().unwrap().push((uri.to_string(), headers, body));
        (status, [(header::LOCATION, "/api/elsewhere")], "not JSON").into_response()
    };
    let url = serve(Router::new().fallback(record).with_state(seen.clone())).await;
    (url, seen)
}

#[tokio::test]
async fn a_bundle_and_airtime_are_ordered_as_documented() {
    let (url, seen) = listen(StatusCode::OK).await;
    let vtpass = client(&url, &Environment::real(), &BASIC);
    let order = bundle("202407171216abc", "08011111111");
    vtpass.pay(&order).await;
    let airtime = Order { variation_code: None, service_id: "mtn", amount: kobo(4_850), ..order };
    vtpass.pay(&airtime).await;
    vtpass.requery(&airtime).await;
    let seen = seen.0.lock().unwrap();
    let bodies: Vec<(&str, &str)> =
        seen.iter().map(|(uri, _, body)| (uri.as_str(), body.as_str())).collect();
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
    for (_, headers, _) in seen.iter() {
        assert_eq!(headers["authorization"], "Basic bWU6c2VjcmV0");
        assert_eq!(headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn the_keys_depend_on_the_method_and_a_service_id_cannot_change_the_query() {
    let (url, seen) = listen(StatusCode::OK).await;
    let vtpass = client(&url, &Environment::real(), &KEYS);
    assert!(matches!(vtpass.variations("a&b=c#d/é").await, Err(VtpassError::Unavailable(_))));
    vtpass.requery(&bundle("202407171216abc", "08011111111")).await;
    let seen = seen.0.lock().unwrap();
    let [(get, shown, _), (_, shown_on_post, _)] = seen.as_slice() else { panic!("two calls") };
    assert_eq!(get, "/api/service-variations?serviceID=a%26b%3Dc%23d%2F%C3%A9");
    assert_eq!(
        (&shown["api-key"], &shown["public-key"]),
        (&"a1".parse().unwrap(), &"p1".parse().unwrap())
    );
    assert!(!shown.contains_key("secret-key"));
    assert_eq!(
        (&shown_on_post["api-key"], &shown_on_post["secret-key"]),
        (&"a1".parse().unwrap(), &"s1".parse().unwrap())
    );
    assert!(!shown_on_post.contains_key("public-key"));
}

#[tokio::test]
async fn an_order_is_sent_once_whatever_the_http_status() {
    for status in [200, 302, 307, 308, 401, 408, 429, 500, 502, 503, 504] {
        let (url, seen) = listen(StatusCode::from_u16(status).unwrap()).await;
        let vtpass = client(&url, &Environment::real(), &BASIC);
        let outcome = vtpass.pay(&bundle("202407171216abc", "08011111111")).await;
        assert_eq!(outcome.verdict, Verdict::Unclear, "{status}");
        let expected =
            if status == 200 { "unreadable".to_owned() } else { format!("http_{status}") };
        assert_eq!(outcome.code, expected);
        assert_eq!(seen.0.lock().unwrap().len(), 1, "{status}");
    }
}
