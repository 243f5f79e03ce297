//! The queues and the schedules, as the console shows them.

use serde_json::{Value, json};
use shared::platform::aws;

use crate::support::purchases::field;
use crate::support::{Caller, Gateway};

impl Caller {
    async fn queue(&self, name: &str) -> Value {
        let all = self.console("GET", "queues", &Value::Null).await;
        let mut queues = all["queues"].as_array().unwrap().iter();
        queues.find(|it| it["name"] == name).expect("the queue").clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_shown_with_its_due_time_until_it_was_handled() {
    let (_gateway, caller) = Gateway::with_caller().await;
    let bought = caller.bought_stuck("stuck").await;
    let queue = caller.queue("RequeryQueue").await;
    assert_eq!((&queue["function"], &queue["delayed"]), (&"requery".into(), &1.into()));
    let message = &queue["messages"][0];
    assert_eq!(message["body"]["purchase_id"], bought["purchase_id"]);
    assert_eq!(message["receive_count"], 0);
    let (sent, due) = (field(message, "sent_at"), field(message, "due_at"));
    assert!(sent < due, "{message}");
    caller.turn_on(45).await;
    let next = caller.queue("RequeryQueue").await;
    assert_eq!(next["delayed"], 1);
    assert!(field(&next["messages"][0], "due_at") > due, "the next step of the chain");
    let all = caller.console("GET", "queues", &Value::Null).await;
    assert_eq!((all["queues"].as_array().unwrap().len(), &all["own"]), (4, &true.into()));
    let schedules = all["schedules"].as_array().unwrap();
    assert!(schedules.iter().any(|it| it["function"] == "reconcile" && it["every_seconds"] == 900));
    assert!(schedules.iter().all(|it| it["last_at"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_counted_and_sent_back() {
    let (gateway, caller) = Gateway::with_caller().await;
    let vars = gateway.sandbox.lambda_vars.clone().into_iter().collect();
    let sqs = aws::sqs(&vars, &gateway.environment()).unwrap();
    let url = format!("{}/000000000000/FollowUpDeadLetterQueue", gateway.sandbox.sqs_url);
    let job = json!({ "kind": "masking" }).to_string();
    sqs.send_message().queue_url(&url).message_body(&job).send().await.unwrap();
    let queue = caller.queue("FollowUpQueue").await;
    assert_eq!(queue["dead_letter_queue"], "FollowUpDeadLetterQueue");
    assert_eq!((&queue["dead_letters"], &queue["waiting"]), (&1.into(), &0.into()));
    assert_eq!(queue["dead_messages"][0]["body"]["kind"], "masking");
    let health = caller.console("GET", "health", &Value::Null).await;
    assert_eq!(health["dead_letters"], 1);

    let moved = caller.console("POST", "queues/FollowUpQueue/redrive", &Value::Null).await;
    assert_eq!(moved, json!({ "moved": 1 }));
    crate::support::purchases::until("the message is handled", async || {
        let queue = caller.queue("FollowUpQueue").await;
        queue["dead_letters"] == 0 && queue["waiting"] == 0 && queue["in_flight"] == 0
    })
    .await;
    for name in ["Nothing", "FollowUpDeadLetterQueue"] {
        let reply = caller.to_console("POST", &format!("queues/{name}/redrive"), "").await;
        assert_eq!(reply.status, 404, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queues_of_another_sqs_are_not_shown() {
    let aws = Gateway::with_options(&[], |mut options| {
        options.template = "Resources: {}".to_owned();
        options
    })
    .await;
    let gateway = Gateway::with(&[("AWS_ENDPOINT_URL_SQS", aws.sandbox.sqs_url.as_str())]).await;
    let all = gateway.caller().console("GET", "queues", &Value::Null).await;
    assert_eq!((&all["own"], &all["queues"]), (&false.into(), &json!([])));
    // A template that sells nothing has no orders, and is healthy all the same.
    let health = aws.caller().console("GET", "health", &Value::Null).await;
    assert_eq!(health["open"], Value::Null);
    assert_eq!(aws.caller().to_console("GET", "orders", "").await.status, 404);
}
