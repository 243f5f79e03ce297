//! Tells of messages: those that are sent, and those that are received.

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use serde_json::{Value, json};
use shared::domain::time::to_iso;
use time::{Duration, OffsetDateTime};

use super::ids::ids;
use super::log::{Activity, Started};

/// A message as an entry tells it.
pub(super) struct Sent {
    pub(super) what: String,
    pub(super) about: Vec<String>,
    pub(super) detail: Value,
}

/// The messages that an operation of SQS sends.
pub(super) fn sent(operation: &str, request: &Value, now: OffsetDateTime) -> Vec<Sent> {
    let queue = request["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next());
    let queue = queue.unwrap_or_default();
    match operation {
        "SendMessage" => vec![one(queue, request, now)],
        "SendMessageBatch" => {
            let entries = request["Entries"].as_array().into_iter().flatten();
            entries.map(|entry| one(queue, entry, now)).collect()
        }
        _ => Vec::new(),
    }
}

fn one(queue: &str, message: &Value, now: OffsetDateTime) -> Sent {
    let body = message["MessageBody"].as_str().unwrap_or_default();
    let delay = message["DelaySeconds"].as_i64().unwrap_or_default();
    let kind = kind(body);
    let due = if delay > 0 { format!(", due in {delay} s") } else { String::new() };
    Sent {
        what: format!("sent {kind} to {queue}{due}"),
        about: ids(body),
        detail: json!({ "queue": queue, "kind": kind, "due": to_iso(now + Duration::seconds(delay)) }),
    }
}

/// What a message says it is.
fn kind(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let event = body["event"].as_str().or_else(|| body["kind"].as_str());
    event.unwrap_or("a message").to_owned()
}

/// Records a message that a function received: whether it is done, or comes again.
pub(crate) fn received(
    activity: &Activity,
    it: &Started,
    queue: &str,
    message: &Message,
    ok: bool,
) {
    let body = message.body().unwrap_or_default();
    let kind = kind(body);
    let count = MessageSystemAttributeName::ApproximateReceiveCount;
    let receives = message.attributes().and_then(|all| all.get(&count)).cloned();
    let outcome = if ok { "is done with" } else { "failed, and receives again," };
    let detail = json!({ "queue": queue, "kind": kind, "receives": receives });
    activity.end(it, format!("{outcome} {kind} of {queue}"), ids(body), ok, detail);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sent_message_is_told_with_its_delay_and_its_ids() {
        let id = "fee424495bd69fe3b05ce1b22aa8f21e";
        let body = json!({ "kind": "purchase", "purchase_id": id }).to_string();
        let url = "http://127.0.0.1:1/000000000000/RequeryQueue";
        let request = json!({ "QueueUrl": url, "MessageBody": body, "DelaySeconds": 5 });
        let now = OffsetDateTime::UNIX_EPOCH;
        let [message] = &sent("SendMessage", &request, now)[..] else { panic!("one message") };
        assert_eq!(message.what, "sent purchase to RequeryQueue, due in 5 s");
        assert_eq!(message.about, [id]);
        assert_eq!(message.detail["due"], "1970-01-01T00:00:05.000Z");
        let batch = json!({ "QueueUrl": url, "Entries": [{ "MessageBody": body }, {}] });
        assert_eq!(sent("SendMessageBatch", &batch, now).len(), 2);
        assert!(sent("ReceiveMessage", &request, now).is_empty());
    }
}
