//! A queue and its dead-letter queue: how many messages they hold, and what the letters are about.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName as Attribute,
    QueueAttributeName as QueueAttribute,
};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use shared::domain::event::NotifyJob;
use shared::domain::job::Job;
use shared::domain::time::to_iso;
use shared::domain::webhook::WebhookJob;
use shared::platform::aws::{self, AwsError};
use time::OffsetDateTime;

use crate::context::Context;
use crate::failure::Failure;
use crate::target::Table;

/// How many seconds letters that are shown stay hidden from others, should the tool stop on the way.
const HIDDEN: i32 = 30;
/// How many letters one receive gives at most.
const BATCH: i32 = 10;
/// The fields of a job that name what it is about. None holds personal data.
const SUBJECT: [&str; 10] = [
    "tenant",
    "purchase_id",
    "account_id",
    "request_id",
    "endpoint_id",
    "event_id",
    "service_id",
    "key_id",
    "event",
    "step",
];

/// A queue that has a dead-letter queue.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum QueueName {
    /// The chains of purchases
    Requery,
    /// Hints, look backs, unlinks, withdrawals, repeated questions to MTN
    FollowUp,
    /// What tenants are told of
    Notify,
    /// What is sent to webhook endpoints
    Webhook,
}

impl QueueName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Requery, Self::FollowUp, Self::Notify, Self::Webhook];

    /// The name in arguments and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requery => "requery",
            Self::FollowUp => "follow-up",
            Self::Notify => "notify",
            Self::Webhook => "webhook",
        }
    }

    /// The variable that holds its URL, and a function that has it.
    fn place(self) -> Table<'static> {
        let (function, variable) = match self {
            Self::Requery => ("requery", "REQUERY_QUEUE_URL"),
            Self::FollowUp => ("requery", "FOLLOW_UP_QUEUE_URL"),
            Self::Notify => ("requery", "NOTIFY_QUEUE_URL"),
            Self::Webhook => ("send-webhook", "WEBHOOK_QUEUE_URL"),
        };
        Table { function, variable, given: None, also: &[] }
    }

    /// Whether this version can read a job on this queue.
    fn reads(self, body: &str) -> bool {
        match self {
            Self::Requery | Self::FollowUp => serde_json::from_str::<Job>(body).is_ok(),
            Self::Notify => serde_json::from_str::<NotifyJob>(body).is_ok(),
            Self::Webhook => serde_json::from_str::<WebhookJob>(body).is_ok(),
        }
    }
}

/// A queue and its dead-letter queue.
pub struct Queues {
    /// The client.
    pub client: Client,
    /// The queue's name.
    pub name: QueueName,
    /// Its attributes.
    pub own: BTreeMap<QueueAttribute, String>,
    letters_url: String,
    /// The attributes of its dead-letter queue.
    pub letters: BTreeMap<QueueAttribute, String>,
}

impl Queues {
    /// Reads the attributes of both.
    ///
    /// # Errors
    /// [`Failure`], also when the queue has no dead-letter queue.
    pub async fn open(name: QueueName, context: &Context) -> Result<Self, Failure> {
        let place = name.place();
        let vars = context.target.vars(&place, &context.environment).await?;
        context.environment.http.warm(&aws::sqs_url(&vars)?).await;
        let client = aws::sqs(&vars, &context.environment)?;
        let url = vars.required(place.variable)?;
        let own = attributes(&client, url).await?;
        let policy = own.get(&QueueAttribute::RedrivePolicy).map(String::as_str).unwrap_or("null");
        let policy: Value = serde_json::from_str(policy).unwrap_or_default();
        let arn = policy["deadLetterTargetArn"].as_str().unwrap_or_default();
        let place = arn.rsplit_once(':').zip(url.rsplit_once('/'));
        let Some(((_, letters_name), (account_url, _))) = place else {
            let name = name.name();
            return Err(Failure::Refused(format!("the {name} queue has no dead-letter queue")));
        };
        let letters_url = format!("{account_url}/{letters_name}");
        let letters = attributes(&client, &letters_url).await?;
        Ok(Self { client, name, own, letters_url, letters })
    }

    /// How many messages are in both, about.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn counts(&self) -> Result<Value, Failure> {
        let count = |attributes: &BTreeMap<QueueAttribute, String>, name| -> u64 {
            attributes.get(&name).and_then(|count| count.parse().ok()).unwrap_or(0)
        };
        Ok(json!({
            "queue": self.name.name(),
            "dead_letters": count(&self.letters, QueueAttribute::ApproximateNumberOfMessages),
            "hidden": count(&self.letters, QueueAttribute::ApproximateNumberOfMessagesNotVisible),
            "waiting": count(&self.own, QueueAttribute::ApproximateNumberOfMessages),
            "delayed": count(&self.own, QueueAttribute::ApproximateNumberOfMessagesDelayed),
            "in_flight": count(&self.own, QueueAttribute::ApproximateNumberOfMessagesNotVisible),
        }))
    }

    /// Receives letters and gives them back at once.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn letters(&self, limit: usize) -> Result<Vec<Value>, Failure> {
        let mut shown = BTreeMap::new();
        let mut handles = Vec::new();
        while shown.len() < limit {
            let receive = self
                .client
                .receive_message()
                .queue_url(&self.letters_url)
                .max_number_of_messages(BATCH)
                .visibility_timeout(HIDDEN)
                .wait_time_seconds(1)
                .message_system_attribute_names(Attribute::All);
            let received = receive.send().await.map_err(failure)?.messages.unwrap_or_default();
            if received.is_empty() {
                break;
            }
            for message in received {
                handles.extend(message.receipt_handle.clone());
                let letter = self.letter(&message);
                let key = (letter["sent_at"].to_string(), letter["message_id"].to_string());
                shown.insert(key, letter);
            }
        }
        self.give_back(&handles).await;
        Ok(shown.into_values().take(limit).collect())
    }

    /// Lets others see the letters at once. They come back by themselves if this fails.
    async fn give_back(&self, handles: &[String]) {
        for batch in handles.chunks(10) {
            let entries = batch.iter().enumerate().filter_map(|(number, handle)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder();
                let entry = entry.id(number.to_string()).receipt_handle(handle);
                entry.visibility_timeout(0).build().ok()
            });
            let change = self.client.change_message_visibility_batch().queue_url(&self.letters_url);
            let _ = change.set_entries(Some(entries.collect())).send().await;
        }
    }

    /// What a letter is about. Its text is not shown: it may be a stranger's.
    fn letter(&self, message: &Message) -> Value {
        let body = message.body().unwrap_or_default();
        let is_readable = self.name.reads(body);
        let job: Map<String, Value> = serde_json::from_str(body).unwrap_or_default();
        let word = |name: &str| job.get(name).filter(|value| is_word(value)).cloned();
        let about = SUBJECT.iter().filter(|_| is_readable);
        let about: Map<String, Value> =
            about.filter_map(|name| Some(((*name).to_owned(), word(name)?))).collect();
        let number =
            |name: &Attribute| -> Option<i64> { message.attributes()?.get(name)?.parse().ok() };
        let sent = number(&Attribute::SentTimestamp).and_then(from_ms);
        let kept = self.letters.get(&QueueAttribute::MessageRetentionPeriod);
        let kept = kept.and_then(|seconds| seconds.parse().ok()).map(time::Duration::seconds);
        json!({
            "message_id": message.message_id(),
            "kind": word("kind"),
            "readable": is_readable,
            "about": about,
            "sent_at": sent.map(to_iso),
            "expires_at": sent.zip(kept).map(|(sent, kept)| to_iso(sent + kept)),
        })
    }
}

async fn attributes(
    client: &Client,
    url: &str,
) -> Result<BTreeMap<QueueAttribute, String>, Failure> {
    let get = client.get_queue_attributes().queue_url(url);
    let answer = get.attribute_names(QueueAttribute::All).send().await.map_err(failure)?;
    Ok(answer.attributes.unwrap_or_default().into_iter().collect())
}

/// Why a call of SQS failed.
pub fn failure(error: impl Into<AwsError>) -> Failure {
    Failure::Unreachable(format!("queue: {}", error.into()))
}

fn is_word(value: &Value) -> bool {
    let is_word = |text: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        text.len() <= 64 && text.bytes().all(is_part)
    };
    value.as_str().map_or(value.is_u64(), is_word)
}

fn from_ms(ms: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).ok()
}
