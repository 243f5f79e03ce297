//! `purchase show`.

use crate::support::{Gateway, PHONE, id, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_shown_as_a_table_with_its_history() {
    let (gateway, purchase) = Gateway::with_review().await;
    let ended = gateway.run(&["purchase", "show", id(&purchase)]).await;
    assert_eq!(ended.stderr, "");
    let page = ended.ok();
    assert!(!page.contains(&PHONE[1..]), "the number is never shown in full: {page}");

    let (facts, history) = page.split_once("\n\n").expect("two tables");
    let fact = |name: &str| {
        let line = facts.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_default()[name.len()..].trim().to_owned()
    };
    for name in ["purchase_id", "request_id", "state", "service_id", "created_at", "deadline_at"] {
        assert_eq!(fact(name), purchase[name].as_str().unwrap(), "{page}");
    }
    assert_eq!(fact("safe_to_refund"), "false");
    assert_eq!(fact("variation_code"), "-");
    assert_eq!(fact("phone"), "0803****567");
    assert_eq!(fact("amount_kobo"), "10000 (NGN 100)");
    assert!(fact("tenant").starts_with("sandbox-"), "{page}");
    assert_eq!(fact("acknowledged"), "true");

    let lines: Vec<&str> = history.lines().collect();
    assert_eq!(lines.len(), 2, "{page}");
    let column = |title: &str| lines[0].find(title).expect("a title");
    for (title, cell) in [("CALL", "pay"), ("CODE", "044"), ("CONCLUDED", "needs_review")] {
        assert!(lines[1][column(title)..].starts_with(cell), "{page}");
    }
    assert!(lines[1].starts_with("20") && lines[1].contains("Z  "), "{page}");
    assert!(page.lines().all(|line| line == line.trim_end()), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_is_shown_as_one_json_document_by_either_id() {
    let (gateway, purchase) = Gateway::with_review().await;
    let shown = gateway.show(id(&purchase)).await;
    assert!(!shown.to_string().contains(&PHONE[1..]), "{shown}");
    for (name, value) in purchase.as_object().unwrap() {
        let expected = if name == "phone" { "0803****567".into() } else { value.clone() };
        assert_eq!(shown[name], expected, "{name}");
    }
    let line = &shown["history"][0];
    assert_eq!((&line["call"], &line["code"]), (&"pay".into(), &"044".into()));
    assert_eq!(line["concluded"], "needs_review");
    assert!(line["at"].is_string() && line["note"].is_string(), "{line}");

    let request_id = purchase["request_id"].as_str().unwrap();
    assert_eq!(gateway.show(request_id).await, shown);
    assert_eq!(gateway.show(&id(&purchase).to_uppercase()).await, shown);
    let behind = gateway.run(&["purchase", "show", request_id, "--json"]).await.json();
    assert_eq!(behind, shown, "--json stands anywhere");

    // MTN knows a refill by the beginning of its id.
    let refill = gateway.refill("refill").await;
    let shown = gateway.show(id(&refill)).await;
    let reference = shown["request_id"].as_str().unwrap();
    assert_eq!(reference, &id(&refill)[..20]);
    assert_eq!(gateway.show(reference).await, shown);
    assert_eq!(gateway.show(&reference.to_uppercase()).await, shown);

    // An unknown id is not found.
    let (none, no_refill) = ("0".repeat(32), "0".repeat(20));
    let other_minute = format!("202001010000{}", id(&purchase));
    for unknown in [&*none, &no_refill, &other_minute, "nonsense", "", "' OR 1=1", "two\nlines"] {
        let message = gateway.run(&["purchase", "show", unknown]).await.refused(1);
        assert!(message.contains("no purchase has the id"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_names_the_sandbox_or_the_table_unless_an_argument_does() {
    let (gateway, purchase) = Gateway::with_review().await;
    let show = ["purchase", "show", id(&purchase)];
    let found = async |arguments: &[&str], vars: &[(&str, &str)]| {
        let page = run(arguments, vars).await.ok();
        assert!(page.contains(id(&purchase)), "{page}");
    };
    // A sandbox comes before AWS.
    let sandbox = ("TELCO_GATEWAY_SANDBOX", gateway.url());
    let aws = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("PURCHASES_TABLE", "another")];
    found(&show, &[sandbox, aws[0], aws[1]]).await;

    let mut vars = gateway.aws();
    found(&show, &vars).await;
    let place = vars.iter().position(|(name, _)| *name == "PURCHASES_TABLE").unwrap();
    let (_, table) = vars.remove(place);
    found(&[&show[..], &["--table", table]].concat(), &vars).await;
}
