//! The sandbox around the gateway: its console, its documentation, and how it starts.

use sandbox::aws::lambda::Registry;
use serde_json::json;

use super::events::events;
use crate::support::Gateway;

#[tokio::test]
async fn the_console_invokes_functions_and_shows_the_documentation_but_not_to_foreign_pages() {
    let (gateway, caller) = Gateway::with_caller().await;
    let invoke = async |function: &str, event: &str| {
        let path = format!("/_sandbox/invoke/{function}");
        caller.send_bare("POST", &path, &[], event.into()).await
    };
    let event = std::fs::read_to_string(events().join("requery-unknown-and-unreadable.json"));
    let answer = invoke("requery", &event.unwrap()).await.ok();
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "sample-unreadable");
    assert_eq!(invoke("nothing", "{}").await.status, 404);
    assert_eq!(invoke("requery", "no event").await.status, 400);
    // An event of another kind: the function fails, as it would in Lambda.
    assert_eq!(invoke("requery", "{}").await.status, 502);

    // A foreign web page cannot use the console.
    let event = std::fs::read(events().join("purchase-airtime.json")).unwrap();
    let page = [("origin", "https://example.com"), ("content-type", "text/plain")];
    let path = "/_sandbox/invoke/purchase";
    assert_eq!(caller.send_bare("POST", path, &page, event).await.status, 403);
    assert_eq!(caller.send_bare("GET", "/_sandbox/otps", &page, vec![]).await.status, 403);
    assert_eq!(gateway.items("PurchasesTable").await, 0);

    // It serves openapi.yaml, with itself as the server, and its documentation.
    let file = caller.send_bare("GET", "/_sandbox/openapi.yaml", &[], Vec::new()).await;
    let own = format!("- url: {}\n", gateway.sandbox.base_url);
    let expected =
        sandbox::console::docs::OPENAPI.replacen("- url: http://127.0.0.1:9000\n", &own, 1);
    assert_eq!((file.status, file.text.as_str()), (200, expected.as_str()));
    assert!(file.text.contains(&own));
    let page = caller.send_bare("GET", "/_sandbox/docs", &[], Vec::new()).await;
    assert_eq!(page.status, 200);
    // All that the page loads comes from the sandbox, and its policy allows no more.
    assert!(page.text.contains("\"Content-Security-Policy\" content=\"default-src 'self';"));
    let links = page.text.split('"').filter(|it| it.ends_with(".js") || it.ends_with(".css"));
    let links: Vec<&str> = links.collect();
    assert_eq!(links.len(), 3);
    for link in links {
        // A browser names the page's own origin when it loads a script.
        let own = [("origin", gateway.sandbox.base_url.as_str())];
        assert_eq!(caller.send_bare("GET", link, &own, Vec::new()).await.status, 200, "{link}");
    }
}

#[tokio::test]
async fn another_dynamodb_and_sqs_are_used_if_the_environment_names_them() {
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
    let id = first.caller().link("07082109281", "airtel").await;
    assert_eq!(aws.items("AccountsTable").await, 1);
    // A second gateway finds the tables and their items there.
    let second = Gateway::with(&endpoints).await;
    assert_eq!(second.caller().consent_state(&id).await, "linked");
}

#[tokio::test]
async fn a_template_that_cannot_run_stops_the_sandbox() {
    for (from, to, wanted) in [
        ("", "", "worker has no handler"),
        ("!Ref Work", "!Cidr [a, 1, 2]", "Fn::Cidr"),
        ("VisibilityTimeout: 60", "FifoQueue: true", "FIFO"),
    ] {
        let vars = [("SANDBOX_KEYS".to_owned(), "k".to_owned())].into_iter().collect();
        let mut options = sandbox::Options::new(vars, 0, None);
        options.template = super::queue::TEMPLATE.replace(from, to);
        options.registry = Registry::new();
        let problem = sandbox::Sandbox::start(options).await.err().expect(wanted).to_string();
        assert!(problem.contains(wanted), "{problem}");
    }
}

#[test]
fn the_template_takes_no_schedule_and_no_patience_that_overtakes_pay() {
    let pattern = |parameter: &str| {
        let mut lines = sandbox::TEMPLATE.lines().skip_while(|line| line.trim_end() != parameter);
        let pattern = lines.find_map(|line| line.trim().strip_prefix("AllowedPattern: "));
        json!({ "type": "string", "pattern": pattern.unwrap() })
    };
    let schedule = pattern("  RequeryScheduleSeconds:");
    for (list, taken) in [
        ("", true),
        ("36", true),
        ("45,60,120,300,600,900", true),
        ("900,1,0", true),
        ("35", false),
        ("2,60", false),
        ("901", false),
        ("45,901", false),
        ("45,", false),
        (",45", false),
        ("45, 60", false),
        ("4500", false),
    ] {
        assert_eq!(jsonschema::is_valid(&schedule, &json!(list)), taken, "{list}");
    }
    let patience = pattern("  RequeryPatienceSeconds:");
    for (seconds, taken) in [
        ("", true),
        ("360", true),
        ("86400", true),
        ("359", false),
        ("60", false),
        ("0360", false),
        ("-360", false),
        ("360s", false),
    ] {
        assert_eq!(jsonschema::is_valid(&patience, &json!(seconds)), taken, "{seconds}");
    }
}
