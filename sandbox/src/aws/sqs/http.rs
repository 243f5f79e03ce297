//! The AWS JSON protocol in front of the queues: one POST to `/` for each operation.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::engine::{
    Engine, MAX_MESSAGE_BYTES, NewMessage, ReceivedMessage, SqsError, visibility_in_range,
};
use crate::template::{ACCOUNT, queue_arn};

const CONTENT_TYPE: &str = "application/x-amz-json-1.0";
/// How often a long poll checks for messages.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The service; `url` is where it is reached.
pub(crate) fn router(engine: Arc<Engine>, url: String) -> Router {
    let service = Service { engine, url: Arc::from(url) };
    Router::new()
        .route("/", post(operation))
        .layer(DefaultBodyLimit::max(2 * MAX_MESSAGE_BYTES))
        .with_state(service)
}

/// The operations of SQS, each with its request and answer as JSON.
#[derive(Clone)]
pub struct Service {
    /// The queues.
    pub engine: Arc<Engine>,
    /// Where the service is reached.
    pub url: Arc<str>,
}

async fn operation(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, SqsError> {
    let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let request: Value = serde_json::from_slice(&body)
        .map_err(|_| SqsError::Invalid("The request is not JSON.".to_owned()))?;
    let operation = target.strip_prefix("AmazonSQS.").unwrap_or_default().to_owned();
    let answer = match operation.as_str() {
        "ReceiveMessage" => service.receive(&request).await?,
        _ => in_background(move || service.answer(&operation, &request)).await?,
    };
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], answer.to_string()).into_response())
}

/// SQLite waits for the disk, which must not block the threads that serve requests.
async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SqsError> + Send + 'static,
) -> Result<T, SqsError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(SqsError::Internal(error.to_string())))
}

impl Service {
    /// Answers every operation but `ReceiveMessage`, which waits.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn answer(&self, operation: &str, request: &Value) -> Result<Value, SqsError> {
        match operation {
            "CreateQueue" => self.create(request),
            "GetQueueAttributes" => self.queue_attributes(request),
            "SendMessage" => self.send(request),
            "DeleteMessage" => self.delete(queue(request)?, request),
            "DeleteMessageBatch" => self.delete_batch(request),
            "ChangeMessageVisibilityBatch" => self.change_visibility_batch(request),
            "StartMessageMoveTask" => self.redrive(request),
            "ListMessageMoveTasks" => self.redrives(request),
            _ => Err(SqsError::Invalid(format!("The sandbox has no operation {operation}."))),
        }
    }

    fn create(&self, request: &Value) -> Result<Value, SqsError> {
        let name = field(request, "QueueName")?;
        let attributes = request["Attributes"].as_object().into_iter().flatten();
        let attributes = attributes
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
        self.engine.create(name, &attributes.collect())?;
        Ok(json!({ "QueueUrl": format!("{}/{ACCOUNT}/{name}", self.url) }))
    }

    fn queue_attributes(&self, request: &Value) -> Result<Value, SqsError> {
        let name = queue(request)?;
        let mut attributes = self.engine.attributes(name)?;
        let [visible, in_flight, delayed] = self.engine.counts(name)?;
        let computed = [
            ("ApproximateNumberOfMessages", visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", delayed.to_string()),
            ("QueueArn", queue_arn(name)),
        ];
        attributes.extend(computed.map(|(key, value)| (key.to_owned(), value)));
        let wanted = request["AttributeNames"].as_array().map(Vec::as_slice).unwrap_or_default();
        attributes.retain(|key, _| wanted.iter().any(|it| it == "All" || it == key.as_str()));
        Ok(json!({ "Attributes": attributes }))
    }

    fn send(&self, request: &Value) -> Result<Value, SqsError> {
        let message = NewMessage {
            body: field(request, "MessageBody")?,
            trace_header: request["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"]
                .as_str(),
            delay_seconds: request["DelaySeconds"].as_i64().unwrap_or(0),
        };
        let id = self.engine.send(queue(request)?, &message)?;
        Ok(json!({ "MessageId": id, "MD5OfMessageBody": md5(message.body) }))
    }

    fn delete(&self, queue: &str, entry: &Value) -> Result<Value, SqsError> {
        self.engine.delete(queue, field(entry, "ReceiptHandle")?).map(|()| json!({}))
    }

    /// Deletes up to ten messages. Each entry succeeds or fails alone.
    fn delete_batch(&self, request: &Value) -> Result<Value, SqsError> {
        let queue = queue(request)?;
        self.each(request, |entry| self.delete(queue, entry))
    }

    fn change_visibility_batch(&self, request: &Value) -> Result<Value, SqsError> {
        let queue = queue(request)?;
        self.each(request, |entry| {
            let seconds = entry["VisibilityTimeout"].as_i64().unwrap_or(0);
            let change = (field(entry, "ReceiptHandle")?, visibility_in_range(seconds)?);
            self.engine.change_visibility(queue, change.0, change.1).map(|()| json!({}))
        })
    }

    /// Does something with each entry of a batch.
    fn each(
        &self,
        request: &Value,
        work: impl Fn(&Value) -> Result<Value, SqsError>,
    ) -> Result<Value, SqsError> {
        self.engine.attributes(queue(request)?)?;
        let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !(1..=10).contains(&entries.len()) {
            return Err(SqsError::Invalid("A batch has 1 to 10 entries.".to_owned()));
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            let id = &entry["Id"];
            match work(entry) {
                Ok(_) => successful.push(json!({ "Id": id })),
                Err(error) => failed.push(json!({
                    "Id": id, "SenderFault": true, "Code": error.code(), "Message": error.to_string(),
                })),
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }

    fn redrive(&self, request: &Value) -> Result<Value, SqsError> {
        let name = |arn| Ok(field(request, arn)?.rsplit(':').next().unwrap_or_default());
        let (source, target): (_, Result<_, SqsError>) =
            (name("SourceArn")?, name("DestinationArn"));
        let moved = self.engine.move_all(source, target?)?;
        Ok(json!({ "TaskHandle": format!("moved-{moved}") }))
    }

    /// The redrives of a queue. Each was done at once.
    fn redrives(&self, request: &Value) -> Result<Value, SqsError> {
        let source = field(request, "SourceArn")?.rsplit(':').next().unwrap_or_default();
        let most = request["MaxResults"].as_i64().unwrap_or(1);
        let moves = self.engine.moves(source, most)?;
        let results = moves.iter().map(|it| {
            json!({
                "Status": "COMPLETED",
                "SourceArn": queue_arn(&it.source),
                "DestinationArn": queue_arn(&it.target),
                "ApproximateNumberOfMessagesMoved": it.moved,
                "StartedTimestamp": it.at_ms,
            })
        });
        Ok(json!({ "Results": results.collect::<Vec<_>>() }))
    }

    /// Waits up to `WaitTimeSeconds` for the first message.
    async fn receive(self, request: &Value) -> Result<Value, SqsError> {
        let most = request["MaxNumberOfMessages"].as_i64().unwrap_or(1);
        let wait = request["WaitTimeSeconds"].as_u64().unwrap_or(0);
        if !(1..=10).contains(&most) || wait > 20 {
            let problem = "MaxNumberOfMessages must be 1 to 10, WaitTimeSeconds 0 to 20.";
            return Err(SqsError::Invalid(problem.to_owned()));
        }
        let visibility = request["VisibilityTimeout"].as_i64();
        let name: Arc<str> = Arc::from(queue(request)?);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(wait);
        loop {
            if !self.engine.is_idle(&name) {
                let (engine, name) = (self.engine.clone(), name.clone());
                let receive = move || engine.receive(&name, most, visibility);
                let messages = in_background(receive).await?;
                if !messages.is_empty() {
                    return Ok(
                        json!({ "Messages": messages.iter().map(wire).collect::<Vec<_>>() }),
                    );
                }
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(json!({}));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

fn wire(message: &ReceivedMessage) -> Value {
    let mut answer = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "MD5OfBody": md5(&message.body),
        "Attributes": {
            "ApproximateReceiveCount": message.receive_count.to_string(),
            "SentTimestamp": message.sent_ms.to_string(),
            "ApproximateFirstReceiveTimestamp": message.first_received_ms.to_string(),
            "SenderId": ACCOUNT,
        },
    });
    if let Some(trace_header) = &message.trace_header {
        answer["Attributes"]["AWSTraceHeader"] = json!(trace_header);
    }
    answer
}

fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

/// The queue's name: the last part of its URL.
fn queue(request: &Value) -> Result<&str, SqsError> {
    field(request, "QueueUrl")?.rsplit('/').next().ok_or(SqsError::NoQueue)
}

fn field<'a>(request: &'a Value, name: &str) -> Result<&'a str, SqsError> {
    request[name]
        .as_str()
        .ok_or_else(|| SqsError::Invalid(format!("The request must contain {name}.")))
}

impl SqsError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoQueue => "QueueDoesNotExist",
            Self::Invalid(_) => "InvalidParameterValue",
            Self::Internal(_) => "InternalFailure",
        }
    }
}

impl IntoResponse for SqsError {
    fn into_response(self) -> Response {
        const SENDER: StatusCode = StatusCode::BAD_REQUEST;
        const RECEIVER: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
        let (status, query_error) = match self {
            Self::NoQueue => (SENDER, "AWS.SimpleQueueService.NonExistentQueue;Sender"),
            Self::Invalid(_) => (SENDER, "InvalidParameterValue;Sender"),
            Self::Internal(_) => (RECEIVER, "InternalFailure;Receiver"),
        };
        let kind = format!("com.amazonaws.sqs#{}", self.code());
        let body = json!({ "__type": kind, "message": self.to_string() });
        let headers =
            [(header::CONTENT_TYPE.as_str(), CONTENT_TYPE), ("x-amzn-query-error", query_error)];
        (status, headers, body.to_string()).into_response()
    }
}
