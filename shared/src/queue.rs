//! The SQS client: sending JSON messages, now or later.

use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeNameForSends as TraceHeader;
use aws_sdk_sqs::types::MessageSystemAttributeValue;
use serde::Serialize;

use crate::aws;
use crate::config::{ConfigError, Vars};
use crate::error::ApiError;
use crate::telemetry;
use crate::world::World;

/// The longest delay SQS takes.
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// A queue that messages are sent to.
#[derive(Debug, Clone)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

/// Why a message was not sent, or is not known to have been.
#[derive(Debug, thiserror::Error)]
#[error("queue: {0}")]
pub struct QueueError(String);

impl Queue {
    /// The queue whose URL stands in `variable`, such as `REQUERY_QUEUE_URL`.
    ///
    /// # Errors
    /// [`ConfigError`] when the variable, the region or the credentials are missing.
    pub fn from_vars(vars: &Vars, world: &World, variable: &str) -> Result<Self, ConfigError> {
        Ok(Self { client: aws::sqs(vars, world)?, url: vars.required(variable)?.to_owned() })
    }

    /// Sends `message` as JSON, to be delivered after `delay`.
    ///
    /// # Errors
    /// [`QueueError`] when the queue did not acknowledge it, or `delay` is above [`MAX_DELAY`].
    pub async fn send(&self, message: &impl Serialize, delay: Duration) -> Result<(), QueueError> {
        let seconds = i32::try_from(delay.as_secs())
            .ok()
            .filter(|_| delay <= MAX_DELAY)
            .ok_or_else(|| QueueError(format!("a delay of {} s is too long", delay.as_secs())))?;
        let body = serde_json::to_string(message).map_err(|error| QueueError(error.to_string()))?;
        let mut send = self.client.send_message().queue_url(&self.url).message_body(body);
        if let Some(trace) = telemetry::trace() {
            let header = MessageSystemAttributeValue::builder().data_type("String");
            let header = header.string_value(trace.header()).build();
            let header = header.map_err(|error| QueueError(error.to_string()))?;
            send = send.message_system_attributes(TraceHeader::AwsTraceHeader, header);
        }
        match send.delay_seconds(seconds).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(QueueError(crate::store::causes(&error))),
        }
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        Self::unavailable(error.to_string())
    }
}
