//! `dead-letters list`, `show` and `redrive`.

use serde_json::{Value, json};

use crate::fake_aws::FakeAws;
use crate::support::{Ended, Gateway, PHONE, id, run};

/// Puts messages into the dead-letter queue of the follow-up queue.
async fn park(gateway: &Gateway, bodies: &[String]) {
    let url = gateway.queue_url("FollowUpDeadLetterQueue");
    for body in bodies {
        let send = gateway.sqs().send_message().queue_url(&url).message_body(body);
        send.send().await.unwrap();
    }
}

fn hint(id: &str) -> String {
    json!({ "kind": "hint", "tenant": "acme", "purchase_id": id, "step": 3 }).to_string()
}

async fn letters(gateway: &Gateway) -> Value {
    gateway.run(&["--json", "dead-letters", "list"]).await.json()[1]["dead_letters"].take()
}

async fn redrive(gateway: &Gateway, queue: &str) -> Ended {
    gateway.run(&["--json", "dead-letters", "redrive", queue]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_counted_shown_and_moved_back() {
    let (gateway, purchase) = Gateway::with_review().await;
    let tenant = gateway.show(id(&purchase)).await["tenant"].as_str().unwrap().to_owned();
    let list = gateway.run(&["--json", "dead-letters", "list"]).await.json();
    let names: Vec<&Value> = list.as_array().unwrap().iter().map(|it| &it["queue"]).collect();
    assert_eq!(names, ["requery", "follow-up", "notify", "webhook"]);
    assert!(list.as_array().unwrap().iter().all(|it| it["dead_letters"] == 0), "{list}");

    let job = hint(id(&purchase)).replace("acme", &tenant);
    let bodies: Vec<String> = (0..24).map(|number| hint(&format!("{number:032x}"))).collect();
    park(&gateway, &[&[job][..], &bodies].concat()).await;
    assert_eq!(letters(&gateway).await, 25);
    let page = gateway.run(&["dead-letters", "list"]).await.ok();
    assert!(page.lines().any(|line| line.starts_with("follow-up  25")), "{page}");

    // Shown in the order in which they were sent, and again at once.
    for _ in 0..2 {
        let show = ["--json", "dead-letters", "show", "follow-up", "--limit", "25"];
        let shown = gateway.run(&show).await.json();
        assert_eq!(shown.as_array().unwrap().len(), 25);
        let first = shown.as_array().unwrap().iter().find(|it| it["about"]["tenant"] != "acme");
        let first = first.unwrap();
        assert_eq!((&first["kind"], &first["readable"]), (&"hint".into(), &true.into()));
        assert_eq!(first["about"]["purchase_id"], purchase["purchase_id"]);
        assert_eq!(first["about"]["step"], 3);
        let (sent, ends) =
            (first["sent_at"].as_str().unwrap(), first["expires_at"].as_str().unwrap());
        assert!(sent < ends, "{first}");
    }
    let page = gateway.run(&["dead-letters", "show", "follow-up", "--limit", "3"]).await.ok();
    assert_eq!(page.lines().count(), 4, "{page}");
    assert!(page.lines().next().unwrap().starts_with("KIND"), "{page}");

    gateway.script(json!([{ "call": "requery", "code": "016" }])).await;
    let moved = redrive(&gateway, "follow-up").await;
    assert_eq!(moved.stderr, "", "no progress bar without a terminal");
    assert_eq!(moved.json(), json!({ "queue": "follow-up", "moved": 25 }));
    gateway.until(id(&purchase), "failed").await;
    assert_eq!(letters(&gateway).await, 0);
    assert_eq!(redrive(&gateway, "follow-up").await.json()["moved"], 0);
    let page = gateway.run(&["dead-letters", "redrive", "webhook"]).await.ok();
    assert_eq!(page, "the webhook queue has no dead letters\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_cannot_be_read_is_not_shown() {
    let gateway = Gateway::start().await;
    let strange = [
        format!("{{\"kind\":\"other\",\"phone\":\"{PHONE}\"}}"),
        format!("call {PHONE}"),
        format!("{{\"kind\":\"\\u001b[2J {PHONE}\"}}"),
    ];
    park(&gateway, &strange).await;
    for json in [&[][..], &["--json"]] {
        let show = [json, &["dead-letters", "show", "follow-up"]].concat();
        let shown = gateway.run(&show).await.ok();
        assert!(!shown.contains(PHONE) && !shown.contains('\u{1b}'), "{shown}");
        let unreadable = if json.is_empty() { "unreadable" } else { "\"readable\": false" };
        assert_eq!(shown.matches(unreadable).count(), 3, "{shown}");
    }
    for wrong in [
        &["show", "other"][..],
        &["show"],
        &["show", "notify", "--limit", "0"],
        &["redrive", "notify", "--rate", "501"],
    ] {
        let ended = gateway.run(&[&["dead-letters"][..], wrong].concat()).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_is_followed_to_its_end_also_one_that_somebody_else_began() {
    let gateway = Gateway::start().await;
    park(&gateway, &[hint(&"0".repeat(32)), hint(&"1".repeat(32))]).await;
    let aws = FakeAws::of(&gateway).await;
    let seen = |status: &str, moved: u8, started: u64| {
        Some(json!({ "Status": status, "ApproximateNumberOfMessagesMoved": moved,
                     "StartedTimestamp": started, "FailureReason": "CouldNotDetermine" }))
    };
    let redrive = ["--stack", "telco", "dead-letters", "redrive", "follow-up"];
    // An older one is not taken for the new one, which SQS shows late.
    let older = seen("COMPLETED", 9, 1);
    let late = [older.clone(), older, seen("FAILED", 1, 2)];
    aws.deployment().moves.extend(late);
    let message = run(&redrive, &aws.vars()).await.refused(3);
    assert!(message.contains("failed after 1: CouldNotDetermine"), "{message}");

    aws.deployment().moves.extend([seen("RUNNING", 1, 3), seen("COMPLETED", 2, 3)]);
    let page = run(&redrive, &aws.vars()).await.ok();
    assert_eq!(page, "moved 2 back to the follow-up queue\n");
    aws.deployment().forbidden.insert("GetQueueAttributes");
    let message = run(&redrive, &aws.vars()).await.refused(3);
    assert!(message.contains("not authorized"), "{message}");
}
