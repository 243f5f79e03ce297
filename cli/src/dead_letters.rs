//! The commands `telco-gateway dead-letters list`, `show` and `redrive`: jobs that failed for days.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, ListMessageMoveTasksResultEntry, Message,
    MessageSystemAttributeName as Attribute, QueueAttributeName as QueueAttribute,
};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};
use shared::domain::event::NotifyJob;
use shared::domain::job::Job;
use shared::domain::time::to_iso;
use shared::domain::webhook::WebhookJob;
use shared::platform::aws::{self, AwsError};
use time::OffsetDateTime;

use crate::context::Context;
use crate::failure::Failure;
use crate::table::{columns, document};
use crate::target::Table;

/// How many seconds letters that are shown stay hidden from others, should the tool stop on the way.
const HIDDEN: i32 = 30;
/// How many letters one receive gives at most.
const BATCH: i32 = 10;
/// The pause between two looks at a redrive.
const PAUSE: Duration = Duration::from_secs(2);
/// How often a move is looked for that SQS does not show yet.
const MOST_LOOKS: usize = 10;
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

/// The arguments of `dead-letters`.
#[derive(Args)]
#[command(after_long_help = crate::help::DEAD_LETTERS)]
pub struct DeadLettersArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Count the dead letters of each queue (sqs:GetQueueAttributes)
    List,
    /// Show dead letters: what they are about, never their text (sqs:ReceiveMessage, sqs:ChangeMessageVisibility)
    Show {
        /// The queue whose dead letters are shown
        queue: QueueName,
        /// How many at most, 1 to 1000
        #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Move the dead letters back to their queue, and wait until they are moved
    ///
    /// Find the cause first: a redrive into the same fault comes back after four days. Needs sqs:StartMessageMoveTask,
    /// ListMessageMoveTasks, ReceiveMessage, DeleteMessage and GetQueueAttributes on the dead-letter queue and
    /// sqs:SendMessage on the queue. If the tool stops, the redrive goes on; run it again to follow it.
    Redrive {
        /// The queue whose dead letters are moved
        queue: QueueName,
        /// How many a second, 1 to 500: the rate spares the providers
        #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(i32).range(1..=500))]
        rate: i32,
    },
}

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

/// Runs a command and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn run(arguments: DeadLettersArguments, context: &Context) -> Result<String, Failure> {
    match arguments.command {
        Command::List => list(context).await,
        Command::Show { queue, limit } => {
            let queues = Queues::open(queue, context).await?;
            let letters = queues.letters(usize::from(limit)).await?;
            Ok(if context.json { document(&Value::Array(letters)) } else { page(&letters) })
        }
        Command::Redrive { queue, rate } => {
            let queues = Queues::open(queue, context).await?;
            queues.redrive(rate, context.json).await
        }
    }
}

async fn list(context: &Context) -> Result<String, Failure> {
    let mut counted = Vec::new();
    for name in QueueName::ALL {
        counted.push(Queues::open(name, context).await?.counts().await?);
    }
    if context.json {
        return Ok(document(&Value::Array(counted)));
    }
    let names = ["queue", "dead_letters", "hidden", "waiting", "delayed", "in_flight"];
    let head = names.map(|name| name.replace('_', " ").to_uppercase());
    let row = |it: &Value| {
        names.map(|name| it[name].as_str().map_or_else(|| it[name].to_string(), str::to_owned))
    };
    let rows: Vec<_> = std::iter::once(head).chain(counted.iter().map(row)).collect();
    Ok(columns(&rows))
}

/// A queue and its dead-letter queue.
pub struct Queues {
    client: Client,
    name: QueueName,
    /// Its attributes.
    own: BTreeMap<QueueAttribute, String>,
    letters_url: String,
    /// The attributes of its dead-letter queue.
    letters: BTreeMap<QueueAttribute, String>,
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
    async fn counts(&self) -> Result<Value, Failure> {
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
    async fn letters(&self, limit: usize) -> Result<Vec<Value>, Failure> {
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

    /// Moves all letters, or follows a move that is under way.
    async fn redrive(&self, rate: i32, json: bool) -> Result<String, Failure> {
        let waiting = self.counts().await?["dead_letters"].as_u64().unwrap_or(0);
        let source = self.letters.get(&QueueAttribute::QueueArn).map_or("", String::as_str);
        let mut task = self.task(source).await?;
        let mut earlier = None;
        if !task.as_ref().is_some_and(is_running) {
            earlier = task.as_ref().map(|task| task.started_timestamp());
            if waiting == 0 {
                return Ok(moved(self.name, 0, json));
            }
            // The destination is named: SQS cannot guess it for messages that were sent there directly.
            let target = self.own.get(&QueueAttribute::QueueArn).map_or("", String::as_str);
            let start = self.client.start_message_move_task().source_arn(source);
            let start = start.destination_arn(target).max_number_of_messages_per_second(rate);
            start.send().await.map_err(failure)?;
            task = self.task(source).await?;
        }
        let bar = bar(waiting);
        for looks in 0.. {
            // SQS may show a new move late.
            match task.filter(|task| Some(task.started_timestamp()) != earlier) {
                Some(now) => {
                    let count = now.approximate_number_of_messages_moved();
                    let count = u64::try_from(count).unwrap_or(0);
                    bar.set_position(count);
                    if !is_running(&now) {
                        bar.finish_and_clear();
                        return finished(self.name, &now, count, json);
                    }
                }
                None if looks < MOST_LOOKS => {}
                None => break,
            }
            tokio::time::sleep(PAUSE).await;
            task = self.task(source).await?;
        }
        let unknown =
            "the redrive was begun, and SQS does not show it: run this again to follow it";
        Err(Failure::Unreachable(unknown.to_owned()))
    }

    /// The newest move of these letters.
    async fn task(&self, source: &str) -> Result<Option<ListMessageMoveTasksResultEntry>, Failure> {
        let list = self.client.list_message_move_tasks().source_arn(source).max_results(1);
        let answer = list.send().await.map_err(failure)?;
        Ok(answer.results.unwrap_or_default().into_iter().next())
    }
}

fn is_running(task: &ListMessageMoveTasksResultEntry) -> bool {
    matches!(task.status(), Some("RUNNING" | "CANCELLING"))
}

fn finished(
    name: QueueName,
    task: &ListMessageMoveTasksResultEntry,
    count: u64,
    json: bool,
) -> Result<String, Failure> {
    match task.status() {
        Some("COMPLETED") => Ok(moved(name, count, json)),
        status => {
            let status = status.unwrap_or("unknown").to_lowercase();
            let reason = task.failure_reason().unwrap_or("no reason is given");
            let message = format!("the redrive is {status} after {count}: {reason}");
            Err(Failure::Unreachable(message))
        }
    }
}

fn moved(name: QueueName, count: u64, json: bool) -> String {
    match (json, count) {
        (true, _) => document(&json!({ "queue": name.name(), "moved": count })),
        (false, 0) => format!("the {} queue has no dead letters\n", name.name()),
        (false, _) => format!("moved {count} back to the {} queue\n", name.name()),
    }
}

/// A bar on standard error, at a terminal only.
fn bar(count: u64) -> ProgressBar {
    let bar = ProgressBar::new(count);
    if let Ok(style) = ProgressStyle::with_template("moving {bar:30} {pos}/{len} {eta}") {
        bar.set_style(style);
    }
    bar
}

async fn attributes(
    client: &Client,
    url: &str,
) -> Result<BTreeMap<QueueAttribute, String>, Failure> {
    let get = client.get_queue_attributes().queue_url(url);
    let answer = get.attribute_names(QueueAttribute::All).send().await.map_err(failure)?;
    Ok(answer.attributes.unwrap_or_default().into_iter().collect())
}

fn failure(error: impl Into<AwsError>) -> Failure {
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

fn page(letters: &[Value]) -> String {
    let head = ["KIND", "ABOUT", "SENT", "EXPIRES", "MESSAGE"].map(str::to_owned);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |it: &Value| {
        let kind = if it["readable"] == true { text(&it["kind"]) } else { "unreadable".to_owned() };
        let about = it["about"].as_object().into_iter().flatten().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={value}")
        });
        let about = about.collect::<Vec<_>>().join(" ");
        [kind, about, text(&it["sent_at"]), text(&it["expires_at"]), text(&it["message_id"])]
    };
    let rows: Vec<_> = std::iter::once(head).chain(letters.iter().map(row)).collect();
    columns(&rows)
}
