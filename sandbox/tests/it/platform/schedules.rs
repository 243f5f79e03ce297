//! The schedules of the sandbox: a function that is invoked at a fixed rate.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sandbox::aws::lambda::{Entry, Registry, StartFunction};
use serde_json::{Value, json};

use crate::support::Gateway;
use crate::support::purchases::until;

const TEMPLATE: &str = r#"
Resources:
  ClerkFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/clerk/
  Hourly:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(1 hour)
      FlexibleTimeWindow: { Mode: "OFF" }
      Target:
        Arn: !GetAtt ClerkFunction.Arn
        RoleArn: arn:aws:iam::000000000000:role/any
        Input: '{"kind":"count"}'
"#;

/// The events that the function received, and whether it fails.
#[derive(Default)]
struct Log {
    events: Mutex<Vec<Value>>,
    fails: Mutex<bool>,
}

fn clerk(log: Arc<Log>) -> StartFunction {
    let entry: Entry = Arc::new(move |event, _| {
        let log = log.clone();
        Box::pin(async move {
            log.events.lock().unwrap().push(serde_json::from_str(&event).unwrap());
            if *log.fails.lock().unwrap() { Err("as told".to_owned()) } else { Ok(json!(null)) }
        })
    });
    Arc::new(move |_, _| {
        let entry = entry.clone();
        Box::pin(async move { Ok(entry) })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_invokes_its_function_at_its_rate_and_repeats_what_failed() {
    let log: Arc<Log> = Arc::default();
    let registry = Registry::from([("clerk".to_owned(), clerk(log.clone()))]);
    let gateway = Gateway::with_options(&[], |mut options| {
        options.template = TEMPLATE.to_owned();
        options.registry = registry;
        options
    })
    .await;
    let count = || log.events.lock().unwrap().len();
    let reaches = async |wanted: usize| {
        until(&format!("{wanted} invocations"), async || count() == wanted).await;
        // Long enough for one invocation too many to be seen.
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(count(), wanted);
    };
    let turn = |seconds| gateway.clock.turn(Duration::from_secs(seconds));
    reaches(0).await;
    turn(3_599);
    reaches(0).await;
    turn(1);
    reaches(1).await;
    assert_eq!(log.events.lock().unwrap()[0], json!({ "kind": "count" }));

    // A failed invocation is repeated after one minute and after two more, and then no more.
    *log.fails.lock().unwrap() = true;
    turn(3_600);
    reaches(2).await;
    for (seconds, wanted) in [(59, 2), (1, 3), (119, 3), (1, 4), (600, 4)] {
        turn(seconds);
        reaches(wanted).await;
    }
    // The schedule itself goes on.
    *log.fails.lock().unwrap() = false;
    turn(3_600);
    reaches(5).await;
}
