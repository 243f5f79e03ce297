//! SQS over HTTP: the AWS JSON protocol in front of [`engine::Engine`].
//!
//! Standard queues only. No permissions, tags or message move history.

pub mod engine;

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

use self::engine::{Engine, Message, Outgoing, SqsError};
use crate::stack::queue_arn;
use crate::template::ACCOUNT;

/// How often a waiting receive looks again.
const POLL: Duration = Duration::from_millis(25);

/// The service at `url`.
pub fn router(engine: Arc<Engine>, url: String) -> Router {
    let service = Service { engine, url: Arc::from(url) };
    Router::new()
        .route("/", post(operation))
        .layer(DefaultBodyLimit::max(2 * engine::MAX_MESSAGE_BYTES))
        .with_state(service)
}

#[derive(Clone)]
struct Service {
    engine: Arc<Engine>,
    url: Arc<str>,
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
        _ => {
            // SQLite waits for the disk: not on the threads that serve everybody.
            let work = move || service.answer(&operation, &request);
            tokio::task::spawn_blocking(work)
                .await
                .map_err(|error| SqsError::Internal(error.to_string()))??
        }
    };
    Ok(([(header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer.to_string()).into_response())
}

impl Service {
    fn answer(&self, operation: &str, request: &Value) -> Result<Value, SqsError> {
        match operation {
            "CreateQueue" => self.create(request),
            "GetQueueUrl" => self.queue_url(request),
            "GetQueueAttributes" => self.queue_attributes(request),
            "ListQueues" => self.list(request),
            "PurgeQueue" => self.engine.purge(queue(request)?).map(|()| json!({})),
            "SendMessage" => self.send(request),
            "SendMessageBatch" => self.each(request, |entry| self.send_to(queue(request)?, entry)),
            "DeleteMessage" => self.delete(queue(request)?, request),
            "DeleteMessageBatch" => self.each(request, |entry| self.delete(queue(request)?, entry)),
            "ChangeMessageVisibility" => self.change_visibility(queue(request)?, request),
            "ChangeMessageVisibilityBatch" => {
                self.each(request, |entry| self.change_visibility(queue(request)?, entry))
            }
            "StartMessageMoveTask" => self.redrive(request),
            _ => Err(SqsError::Invalid(format!("The sandbox has no operation {operation}."))),
        }
    }

    fn create(&self, request: &Value) -> Result<Value, SqsError> {
        let name = word(request, "QueueName")?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !(1..=80).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(SqsError::Invalid("A queue's name has 1 to 80 of [A-Za-z0-9_-].".into()));
        }
        let attributes = request["Attributes"].as_object().into_iter().flatten();
        let attributes = attributes
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
        self.engine.create(name, &attributes.collect())?;
        Ok(json!({ "QueueUrl": self.url_of(name) }))
    }

    fn queue_url(&self, request: &Value) -> Result<Value, SqsError> {
        let name = word(request, "QueueName")?;
        self.engine.attributes(name)?;
        Ok(json!({ "QueueUrl": self.url_of(name) }))
    }

    fn queue_attributes(&self, request: &Value) -> Result<Value, SqsError> {
        let name = queue(request)?;
        let mut attributes = self.engine.attributes(name)?;
        let counts = self.engine.counts(name)?;
        let counted = [
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ("QueueArn", queue_arn(name)),
        ];
        attributes.extend(counted.map(|(key, value)| (key.to_owned(), value)));
        let wanted = request["AttributeNames"].as_array().cloned().unwrap_or_default();
        attributes.retain(|key, _| wanted.iter().any(|it| it == "All" || it == key.as_str()));
        Ok(json!({ "Attributes": attributes }))
    }

    fn list(&self, request: &Value) -> Result<Value, SqsError> {
        let prefix = request["QueueNamePrefix"].as_str().unwrap_or_default();
        let names = self.engine.names()?;
        let urls = names.iter().filter(|it| it.starts_with(prefix)).map(|it| self.url_of(it));
        Ok(json!({ "QueueUrls": urls.collect::<Vec<_>>() }))
    }

    fn send(&self, request: &Value) -> Result<Value, SqsError> {
        self.send_to(queue(request)?, request)
    }

    fn send_to(&self, queue: &str, entry: &Value) -> Result<Value, SqsError> {
        let message = Outgoing {
            body: word(entry, "MessageBody")?.to_owned(),
            attributes: json!({
                "message": entry["MessageAttributes"],
                "trace": entry["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"],
            }),
            delay: entry["DelaySeconds"].as_i64(),
        };
        let ids = self.engine.send(queue, std::slice::from_ref(&message))?;
        Ok(json!({ "MessageId": ids.first(), "MD5OfMessageBody": md5(&message.body) }))
    }

    fn delete(&self, queue: &str, entry: &Value) -> Result<Value, SqsError> {
        self.engine.delete(queue, word(entry, "ReceiptHandle")?).map(|()| json!({}))
    }

    fn change_visibility(&self, queue: &str, entry: &Value) -> Result<Value, SqsError> {
        let seconds = entry["VisibilityTimeout"].as_i64().unwrap_or(-1);
        let receipt = word(entry, "ReceiptHandle")?;
        self.engine.change_visibility(queue, receipt, seconds).map(|()| json!({}))
    }

    fn redrive(&self, request: &Value) -> Result<Value, SqsError> {
        let name = |field| Ok(word(request, field)?.rsplit(':').next().unwrap_or_default());
        let (source, target): (_, Result<_, SqsError>) =
            (name("SourceArn")?, name("DestinationArn"));
        let moved = self.engine.move_all(source, target?)?;
        Ok(json!({ "TaskHandle": format!("moved-{moved}") }))
    }

    /// Runs a batch, entry by entry: each fails alone.
    fn each(
        &self,
        request: &Value,
        run: impl Fn(&Value) -> Result<Value, SqsError>,
    ) -> Result<Value, SqsError> {
        self.engine.attributes(queue(request)?)?;
        let entries = request["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !(1..=10).contains(&entries.len()) {
            return Err(SqsError::Invalid("A batch has 1 to 10 entries.".to_owned()));
        }
        let bodies = entries.iter().filter_map(|it| it["MessageBody"].as_str());
        if bodies.map(str::len).sum::<usize>() > engine::MAX_MESSAGE_BYTES {
            return Err(SqsError::Invalid("The batch is larger than SQS takes.".to_owned()));
        }
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            let id = &entry["Id"];
            match run(entry) {
                Ok(mut answer) => {
                    answer["Id"] = id.clone();
                    done.push(answer);
                }
                Err(error) => failed.push(json!({
                    "Id": id, "SenderFault": true, "Code": error.code(), "Message": error.to_string(),
                })),
            }
        }
        Ok(json!({ "Successful": done, "Failed": failed }))
    }

    /// Waits up to `WaitTimeSeconds` for the first message.
    async fn receive(self, request: &Value) -> Result<Value, SqsError> {
        let most = request["MaxNumberOfMessages"].as_i64().unwrap_or(1);
        let wait = request["WaitTimeSeconds"].as_u64().unwrap_or(0);
        if !(1..=10).contains(&most) || wait > 20 {
            return Err(SqsError::Invalid("A number is out of its range.".to_owned()));
        }
        let visibility = request["VisibilityTimeout"].as_i64();
        let name: Arc<str> = Arc::from(queue(request)?);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(wait);
        loop {
            let (engine, name) = (self.engine.clone(), name.clone());
            let look = move || engine.receive(&name, most, visibility);
            let messages = tokio::task::spawn_blocking(look)
                .await
                .map_err(|error| SqsError::Internal(error.to_string()))??;
            if !messages.is_empty() {
                return Ok(json!({ "Messages": messages.iter().map(wire).collect::<Vec<_>>() }));
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(json!({}));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn url_of(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.url)
    }
}

fn wire(message: &Message) -> Value {
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
    if message.attributes["message"].is_object() {
        answer["MessageAttributes"] = message.attributes["message"].clone();
    }
    if message.attributes["trace"].is_string() {
        answer["Attributes"]["AWSTraceHeader"] = message.attributes["trace"].clone();
    }
    answer
}

fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

/// The queue's name: the last part of its URL.
fn queue(request: &Value) -> Result<&str, SqsError> {
    word(request, "QueueUrl")?.rsplit('/').next().ok_or(SqsError::NoQueue)
}

fn word<'a>(request: &'a Value, field: &str) -> Result<&'a str, SqsError> {
    request[field]
        .as_str()
        .ok_or_else(|| SqsError::Invalid(format!("The request must contain {field}.")))
}

impl SqsError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoQueue => "QueueDoesNotExist",
            Self::Invalid(_) => "InvalidParameterValue",
            Self::InvalidReceipt => "ReceiptHandleIsInvalid",
            Self::Internal(_) => "InternalFailure",
        }
    }

    fn query_error(&self) -> &'static str {
        match self {
            Self::NoQueue => "AWS.SimpleQueueService.NonExistentQueue;Sender",
            Self::Invalid(_) => "InvalidParameterValue;Sender",
            Self::InvalidReceipt => "ReceiptHandleIsInvalid;Sender",
            Self::Internal(_) => "InternalFailure;Receiver",
        }
    }
}

impl IntoResponse for SqsError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let kind = format!("com.amazonaws.sqs#{}", self.code());
        let body = json!({ "__type": kind, "message": self.to_string() });
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/x-amz-json-1.0"),
            ("x-amzn-query-error", self.query_error()),
        ];
        (status, headers, body.to_string()).into_response()
    }
}
