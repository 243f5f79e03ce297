//! One attempt: the signed request, and what its answer means.

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use shared::domain::event::Event;
use shared::domain::webhook::{Attempt, Endpoint, Problem, payload};
use shared::lambda::queue_function::Retry;
use shared::platform::http::NoAnswer;
use shared::platform::outside::{OutsideAnswer, OutsideError};
use shared::platform::telemetry;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{Made, SendWebhook};

impl SendWebhook {
    /// Makes one attempt.
    ///
    /// # Errors
    /// Where the request cannot be made: nothing was sent.
    pub(crate) async fn attempt(
        &self,
        endpoint: &Endpoint,
        event: &Event,
        now: OffsetDateTime,
    ) -> Result<Made, Retry> {
        let body = payload(event).map_err(|error| Retry(error.to_string()))?;
        let headers = headers(endpoint, event, now, &body)?;
        let begun = Instant::now();
        let answer = self.client.post(&endpoint.url, headers, body).await;
        telemetry::called("webhook", "send", begun.elapsed());
        let (status, problem) = judged(&answer);
        let duration_ms = telemetry::ms(begun.elapsed());
        let (endpoint_id, event_id) = (endpoint.endpoint_id.as_str(), event.event_id.as_str());
        let tenant = endpoint.tenant.as_str();
        let why = problem.map(Problem::name);
        tracing::info!(
            tenant,
            endpoint_id,
            event_id,
            status,
            problem = why,
            duration_ms,
            "a webhook is sent"
        );
        Ok(Made {
            attempt: Attempt { at: now, status, problem, duration_ms },
            asked: answer.ok().and_then(|answer| answer.retry_after),
        })
    }
}

fn headers(
    endpoint: &Endpoint,
    event: &Event,
    now: OffsetDateTime,
    body: &str,
) -> Result<HeaderMap, Retry> {
    let signatures = endpoint.signatures(&event.event_id, now, body);
    let signatures = signatures.map_err(|error| Retry(error.to_string()))?;
    let mut headers = HeaderMap::new();
    let fixed = HeaderValue::from_static;
    headers.insert(CONTENT_TYPE, fixed("application/json"));
    headers.insert(USER_AGENT, fixed("telco-gateway"));
    headers.insert("webhook-timestamp", HeaderValue::from(now.unix_timestamp()));
    for (name, text) in
        [("webhook-id", event.event_id.as_str()), ("webhook-signature", &signatures)]
    {
        let value = HeaderValue::from_str(text).map_err(|error| Retry(error.to_string()))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The status of an answer, and why it does not mean that the event was taken.
fn judged(answer: &Result<OutsideAnswer, OutsideError>) -> (Option<u16>, Option<Problem>) {
    match answer {
        Ok(answer) => {
            let problem = (!answer.status.is_success()).then_some(Problem::Refused);
            (Some(answer.status.as_u16()), problem)
        }
        Err(OutsideError::Forbidden(_)) => (None, Some(Problem::ForbiddenAddress)),
        Err(OutsideError::NoAnswer(NoAnswer::Timeout)) => (None, Some(Problem::Timeout)),
        Err(OutsideError::NoAnswer(NoAnswer::NotSent | NoAnswer::Down(_))) => {
            (None, Some(Problem::NoConnection))
        }
        Err(OutsideError::NoAnswer(NoAnswer::Broken | NoAnswer::TooLarge)) => {
            (None, Some(Problem::Broken))
        }
    }
}
