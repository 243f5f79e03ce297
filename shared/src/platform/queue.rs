//! The queues: sending jobs as JSON to SQS, now or later.

use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeNameForSends as TraceHeader;
use aws_sdk_sqs::types::MessageSystemAttributeValue;
use serde::Serialize;

use crate::platform::aws::{self, AwsError, AwsErrorKind};
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::Environment;
use crate::platform::telemetry;

/// The longest delay SQS takes.
pub const MAX_DELAY: Duration = Duration::from_secs(900);

/// A queue that messages are sent to.
#[derive(Debug, Clone)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

/// Why a message was not sent, or is not known to have been sent.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// SQS did not acknowledge the message: try again.
    #[error("queue: {0}")]
    Unavailable(String),
    /// SQS refuses us: permissions or configuration must be mended.
    #[error("queue: not allowed: {0}")]
    NotAllowed(String),
    /// The message cannot be sent as it is.
    #[error("queue: the message cannot be sent: {0}")]
    Unsendable(String),
}

impl From<AwsError> for QueueError {
    fn from(error: AwsError) -> Self {
        match error.kind {
            AwsErrorKind::TryAgain => Self::Unavailable(error.reason),
            AwsErrorKind::NotAllowed => Self::NotAllowed(error.reason),
        }
    }
}

impl Queue {
    /// The queue whose URL stands in `variable`, such as `REQUERY_QUEUE_URL`.
    ///
    /// # Errors
    /// [`ConfigError`] when the variable, the region or the credentials are missing.
    pub fn from_vars(
        vars: &Vars,
        environment: &Environment,
        variable: &str,
    ) -> Result<Self, ConfigError> {
        Ok(Self { client: aws::sqs(vars, environment)?, url: vars.required(variable)?.to_owned() })
    }

    /// Sends `message` as JSON, to be delivered after `delay`.
    ///
    /// # Errors
    /// [`QueueError`] when the queue did not acknowledge it, or `delay` is above [`MAX_DELAY`].
    pub async fn send(&self, message: &impl Serialize, delay: Duration) -> Result<(), QueueError> {
        let seconds =
            i32::try_from(delay.as_secs()).ok().filter(|_| delay <= MAX_DELAY).ok_or_else(
                || QueueError::Unsendable(format!("a delay of {} s is too long", delay.as_secs())),
            )?;
        let body = serde_json::to_string(message)
            .map_err(|error| QueueError::Unsendable(error.to_string()))?;
        let mut send = self.client.send_message().queue_url(&self.url).message_body(body);
        if let Some(trace) = telemetry::trace() {
            let header = MessageSystemAttributeValue::builder().data_type("String");
            let header = header.string_value(trace.header()).build();
            let header = header.map_err(|error| QueueError::Unsendable(error.to_string()))?;
            send = send.message_system_attributes(TraceHeader::AwsTraceHeader, header);
        }
        send.delay_seconds(seconds).send().await.map_err(AwsError::from)?;
        Ok(())
    }
}
