//! `doctor`: a healthy stack has no finding, and each planted fault is named, alone.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fake_aws::{ARN, Deployment, FakeAws, SECRET};
use crate::support::{Ended, Gateway, id, run};

const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
const DOCTOR: [&str; 3] = ["--stack", "telco", "doctor"];

async fn doctor(aws: &FakeAws) -> Ended {
    run(&[&DOCTOR[..], &["--json"]].concat(), &aws.vars()).await
}

fn findings(ended: &Ended) -> Vec<Value> {
    let document: Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    let findings = document["findings"].as_array().unwrap().clone();
    for finding in &findings {
        let section = finding["section"].as_str().unwrap();
        let is_heading = |line: &str| line.trim_start_matches('#').trim() == section;
        let headings = RUNBOOK.lines().filter(|line| line.starts_with("##"));
        assert!(headings.into_iter().any(is_heading), "the runbook has no section {section}");
    }
    findings
}

/// A stack with a wallet that was read, in which nothing is wrong.
async fn healthy() -> (Gateway, FakeAws) {
    let gateway = Gateway::start().await;
    gateway.note_balance(500_000_000, 60).await;
    let aws = FakeAws::of(&gateway).await;
    (gateway, aws)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_stack_has_no_finding() {
    let (_gateway, aws) = healthy().await;
    let ended = doctor(&aws).await;
    assert_eq!(findings(&ended), Vec::<Value>::new());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let page = run(&DOCTOR, &aws.vars()).await.ok();
    assert_eq!(page, "nothing is wrong that can be seen from here\n");
}

/// A fault: how it is planted, the kind and the severity of its finding, what it is about.
type Planted = (&'static str, &'static str, &'static str, fn(&mut Deployment));

const PLANTED: [Planted; 22] = [
    ("secret_missing", "fault", "MONO", |it| {
        it.secrets.remove("telco/mono");
    }),
    ("secret_placeholder", "fault", "VTPASS", |it| {
        let text = it.secrets["telco/vtpass"].replace(SECRET, "CHANGE_ME");
        it.secrets.insert("telco/vtpass".to_owned(), text);
    }),
    ("secret_incomplete", "fault", "MTN", |it| {
        let text = json!({ "MTN_API_KEY": SECRET }).to_string();
        it.secrets.insert("telco/mtn".to_owned(), text);
    }),
    ("secret_unreadable", "fault", "MONO", |it| {
        it.secrets.insert("telco/mono".to_owned(), SECRET.to_owned());
    }),
    ("alarms_unheard", "fault", "AlarmTopic", |it| it.subscriptions.clear()),
    ("alarms_unheard", "fault", "AlarmTopic", |it| {
        it.subscriptions = vec!["PendingConfirmation".to_owned()];
    }),
    ("older_function", "look", "AuthFunction", |it| {
        let configuration = &mut function(it, "AuthFunction")["Configuration"];
        configuration["LastModified"] = json!("2026-10-01T10:00:00.000+0000");
    }),
    ("same_code", "fault", "AuthFunction, VerifyFunction", |it| {
        function(it, "AuthFunction")["Configuration"]["CodeSha256"] =
            json!("code of VerifyFunction");
    }),
    ("function_update", "fault", "AuthFunction", |it| {
        function(it, "AuthFunction")["Configuration"]["LastUpdateStatus"] = json!("Failed");
    }),
    ("function_paused", "warning", "PurchaseFunction", |it| {
        let paused = json!({ "ReservedConcurrentExecutions": 0 });
        function(it, "PurchaseFunction")["Concurrency"] = paused;
    }),
    ("mapping_disabled", "fault", "RequeryFunctionRequeries", |it| {
        it.mappings.insert("RequeryFunctionRequeries".to_owned(), "Disabled".to_owned());
    }),
    ("variable_missing", "fault", "NotifyFunction", |it| {
        variables(it, "NotifyFunction").remove("EVENTS_TABLE");
    }),
    ("variable_elsewhere", "warning", "ConsentFunction", |it| {
        variables(it, "ConsentFunction").insert("ACCOUNTS_TABLE".to_owned(), json!("another"));
    }),
    ("table_without_ttl", "fault", "SessionsTable", |it| {
        it.tables_without.insert(("SessionsTable".to_owned(), "ttl"));
    }),
    ("table_without_recovery", "fault", "PurchasesTable", |it| {
        it.tables_without.insert(("PurchasesTable".to_owned(), "recovery"));
    }),
    ("table_unprotected", "warning", "TenantsTable", |it| {
        it.tables_without.insert(("TenantsTable".to_owned(), "protection"));
    }),
    ("queue_without_redrive", "fault", "NotifyQueue", |it| {
        it.queues_without_redrive.insert("NotifyQueue".to_owned());
    }),
    ("schedule_disabled", "fault", "ReconcileSchedule", |it| {
        it.schedules.get_mut("ReconcileSchedule").unwrap()["State"] = json!("DISABLED");
    }),
    ("schedule_silent", "fault", "BooksSchedule", |it| {
        it.silent.insert("BooksFunction".to_owned());
    }),
    ("alarm", "warning", "Alarm7", |it| it.ringing.push("Alarm7".to_owned())),
    ("stack_failed", "fault", "the stack telco", |it| {
        it.status = "UPDATE_ROLLBACK_COMPLETE".to_owned();
    }),
    ("not_in_stack", "fault", "EventsFunction", |it| {
        it.resources.remove("EventsFunction");
    }),
];

fn function<'a>(deployment: &'a mut Deployment, name: &str) -> &'a mut Value {
    deployment.functions.get_mut(name).unwrap()
}

fn variables<'a>(
    deployment: &'a mut Deployment,
    name: &str,
) -> &'a mut serde_json::Map<String, Value> {
    let variables = &mut function(deployment, name)["Configuration"]["Environment"]["Variables"];
    variables.as_object_mut().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_planted_fault_is_named_alone_with_what_to_do() {
    let (gateway, _) = healthy().await;
    for (kind, severity, about, plant) in PLANTED {
        let aws = FakeAws::of(&gateway).await;
        plant(&mut aws.deployment());
        let ended = doctor(&aws).await;
        let found = findings(&ended);
        assert_eq!(found.len(), 1, "{kind}: {ended:?}");
        assert_eq!(found[0]["kind"], kind, "{ended:?}");
        assert_eq!(found[0]["severity"], severity, "{ended:?}");
        assert!(found[0]["about"].as_str().unwrap().contains(about), "{ended:?}");
        assert!(!found[0]["advice"].as_str().unwrap().is_empty(), "{ended:?}");
        assert_eq!(ended.code, i32::from(severity != "look"), "{ended:?}");
        assert!(!ended.stdout.contains(SECRET), "{ended:?}");
        let page = run(&DOCTOR, &aws.vars()).await;
        let (text, advice) = (&page.stdout, found[0]["advice"].as_str().unwrap());
        assert!(text.contains(about) && text.contains(advice), "{page:?}");
        assert!(text.contains("docs/runbook.md: "), "{page:?}");
        assert!(!text.contains('\u{1b}'), "no colours without a terminal: {page:?}");
        assert!(text.ends_with(&tally(severity)), "{page:?}");
    }
}

/// The last line of a page with one finding.
fn tally(severity: &str) -> String {
    let names = ["fault", "warning", "unchecked", "look"];
    let counts = names.map(|name| format!("{} {name}", u8::from(name == severity)));
    format!("{}\n", counts.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_are_found_of_a_stack_that_is_named_by_its_arn() {
    let (_gateway, aws) = healthy().await;
    aws.deployment().ringing.push("Alarm7".to_owned());
    let ended = run(&["--stack", ARN, "doctor", "--json"], &aws.vars()).await;
    let kinds: Vec<Value> = findings(&ended).iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, ["alarm"], "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_tables_and_queues_is_named_on_aws_and_in_the_sandbox() {
    let (gateway, aws) = healthy().await;
    let sandbox = async || gateway.run(&["--json", "doctor"]).await;
    assert_eq!(findings(&sandbox().await), Vec::<Value>::new());

    let close = ["guard", "close", "mtn-data", "--because", "it is maintained"];
    gateway.run(&close).await.ok();
    let purchase = gateway.needs_review("k").await;
    assert_eq!(sandbox().await.code, 1, "one that waits for a moment is no finding");
    gateway.backdate(id(&purchase), 30).await;
    let url = gateway.queue_url("FollowUpDeadLetterQueue");
    gateway.sqs().send_message().queue_url(url).message_body("x").send().await.unwrap();
    gateway.note_balance(0, 0).await;

    let expected = ["service_suspended", "reviews_wait", "dead_letters", "wallet_low"];
    for ended in [doctor(&aws).await, sandbox().await] {
        let found = findings(&ended);
        let kinds: BTreeSet<&str> = found.iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, expected.into(), "{ended:?}");
        assert_eq!((ended.code, found.len()), (1, 4), "{ended:?}");
        assert!(found.iter().all(|it| it["severity"] == "warning"), "{ended:?}");
        let review = found.iter().find(|it| it["kind"] == "reviews_wait").unwrap();
        assert!(review["problem"].as_str().unwrap().contains(id(&purchase)), "{review}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_said_to_be_unchecked() {
    let (_gateway, aws) = healthy().await;
    aws.deployment().forbidden.extend([
        "GetFunction",
        "GetSecretValue",
        "ListSubscriptionsByTopic",
        "DescribeAlarms",
        "GetSchedule",
        "DescribeTimeToLive",
        "GetQueueAttributes",
        "DescribeStacks",
        "Scan",
    ]);
    let ended = doctor(&aws).await;
    assert_eq!(ended.code, 1, "{ended:?}");
    let found = findings(&ended);
    assert!(found.iter().all(|it| it["severity"] == "unchecked"), "{ended:?}");
    for about in [
        "AuthFunction",
        "AlarmTopic",
        "the alarms",
        "BooksSchedule",
        "SessionsTable",
        "RequeryQueue",
        "the stack",
        "the purchases that wait for a person",
    ] {
        assert!(found.iter().any(|it| it["about"] == about), "{about}: {ended:?}");
    }
    aws.deployment().forbidden.insert("ListStackResources");
    let message = run(&DOCTOR, &aws.vars()).await.refused(3);
    assert!(message.contains("the stack telco cannot be read"), "{message}");
    let message = run(&["doctor"], &aws.vars()).await.refused(2);
    assert!(message.contains("--stack NAME"), "{message}");
}
