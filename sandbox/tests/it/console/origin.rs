//! Which pages may use the console.

use crate::support::Gateway;

#[tokio::test]
async fn the_console_answers_its_own_page_and_no_other() {
    let (gateway, caller) = Gateway::with_caller().await;
    let own = gateway.sandbox.base_url.clone();
    let port = own.rsplit_once(':').unwrap().1;
    let by_name = format!("http://localhost:{port}");
    let status = async |base: &str, method: &str, path: &str, headers: &[(&str, &str)]| {
        caller.send_bare(method, &format!("{base}{path}"), headers, Vec::new()).await.status
    };
    let routes = ["/_sandbox", "/_sandbox/about", "/_sandbox/otps", "/_sandbox/activity"];
    for path in routes {
        assert_eq!(status(&own, "GET", path, &[("origin", &own)]).await, 200, "{path}");
        assert_eq!(status(&by_name, "GET", path, &[("origin", &by_name)]).await, 200, "{path}");
    }
    let others = [
        "null",
        "http://127.0.0.1:1",
        "http://localhost:3000",
        "http://127.0.0.1",
        "http://evil.example",
        // The same machine, by another name than the page was loaded by.
        by_name.as_str(),
    ];
    for other in others {
        for path in routes {
            assert_eq!(
                status(&own, "GET", path, &[("origin", other)]).await,
                403,
                "{other} {path}"
            );
        }
        for (method, path) in [
            ("POST", "/_sandbox/clock"),
            ("POST", "/_sandbox/invoke/reconcile"),
            ("POST", "/_sandbox/receiver"),
            ("PATCH", "/_sandbox/receiver"),
            ("POST", "/_sandbox/vtpass/next"),
            ("POST", "/_sandbox/mono/fault"),
            ("GET", "/_sandbox/stream"),
        ] {
            let refused = status(&own, method, path, &[("origin", other)]).await;
            assert_eq!(refused, 403, "{other} {method} {path}");
        }
    }
    // A page of another port that loads without saying its origin is told by the browser.
    for site in ["same-site", "cross-site"] {
        let load = [("sec-fetch-site", site), ("sec-fetch-mode", "no-cors")];
        assert_eq!(status(&own, "GET", "/_sandbox/otps", &load).await, 403);
        let link = [("sec-fetch-site", site), ("sec-fetch-mode", "navigate")];
        assert_eq!(status(&own, "GET", "/_sandbox", &link).await, 200);
    }
}
