//! Standard queues in SQLite: on disk before a send is acknowledged, by a clock that can be turned.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::Value;
use shared::world::{Clock, Random};

/// The queues.
pub struct Engine {
    database: Mutex<Connection>,
    clock: Clock,
    random: Random,
}

/// Why an operation is refused, in SQS's own terms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqsError {
    /// There is no such queue.
    #[error("The specified queue does not exist.")]
    NoQueue,
    /// A parameter is out of its range.
    #[error("{0}")]
    Invalid(String),
    /// The receipt handle is none of this queue's.
    #[error("The input receipt handle is invalid.")]
    InvalidReceipt,
    /// The disk failed.
    #[error("{0}")]
    Internal(String),
}

/// A message to send.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// The body.
    pub body: String,
    /// Under `message` the `MessageAttributes`, as they came; under `trace` the `AWSTraceHeader`.
    pub attributes: Value,
    /// Seconds until it is visible; the queue's own delay when not given.
    pub delay: Option<i64>,
}

/// A received message.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// What deletes it.
    pub receipt: String,
    /// The body.
    pub body: String,
    /// As they were sent.
    pub attributes: Value,
    /// When it was sent, epoch milliseconds.
    pub sent_ms: i64,
    /// How often it was received, this time included.
    pub receive_count: i64,
    /// When it was first received, epoch milliseconds.
    pub first_received_ms: i64,
}

/// How many messages a queue holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ready to be received.
    pub visible: i64,
    /// Received and not deleted.
    pub in_flight: i64,
    /// Not yet due.
    pub delayed: i64,
}

/// SQS's limit of one message, and of one batch.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
const MAX_DELAY_SECONDS: i64 = 900;
const MAX_VISIBILITY_SECONDS: i64 = 43_200;
const DEFAULT_VISIBILITY_SECONDS: i64 = 30;
const DEFAULT_RETENTION_SECONDS: i64 = 345_600;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, attributes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    attributes TEXT NOT NULL,
    sent_ms INTEGER NOT NULL,
    visible_ms INTEGER NOT NULL,
    receive_count INTEGER NOT NULL DEFAULT 0,
    first_received_ms INTEGER NOT NULL DEFAULT 0,
    receipt TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS by_visibility ON messages (queue, visible_ms);
CREATE INDEX IF NOT EXISTS by_age ON messages (queue, sent_ms);
CREATE INDEX IF NOT EXISTS by_receipt ON messages (receipt);
";

type Attributes = BTreeMap<String, String>;

impl Engine {
    /// Opens the queues in `file`, or in memory.
    ///
    /// # Errors
    /// [`SqsError::Internal`] when the file cannot be opened.
    pub fn open(file: Option<&Path>, clock: Clock, random: Random) -> Result<Self, SqsError> {
        let database = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        // A send is acknowledged only when it is on disk.
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        database.execute_batch(SCHEMA)?;
        Ok(Self { database: Mutex::new(database), clock, random })
    }

    /// Creates a queue, or gives an existing one these attributes.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn create(&self, name: &str, attributes: &Attributes) -> Result<(), SqsError> {
        let attributes = serde_json::to_string(attributes).unwrap_or_default();
        self.database().execute(
            "INSERT INTO queues VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET attributes = excluded.attributes",
            params![name, attributes],
        )?;
        Ok(())
    }

    /// The names of all queues.
    ///
    /// # Errors
    /// [`SqsError::Internal`].
    pub fn names(&self) -> Result<Vec<String>, SqsError> {
        let database = self.database();
        let mut select = database.prepare("SELECT name FROM queues ORDER BY name")?;
        let names = select.query_map([], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// A queue's attributes.
    ///
    /// # Errors
    /// [`SqsError::NoQueue`].
    pub fn attributes(&self, queue: &str) -> Result<Attributes, SqsError> {
        attributes(&self.database(), queue)
    }

    /// Sends messages, all or none, and gives their ids.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn send(&self, queue: &str, messages: &[Outgoing]) -> Result<Vec<String>, SqsError> {
        let mut database = self.database();
        let transaction = database.transaction()?;
        let attributes = attributes(&transaction, queue)?;
        let limit = integer(&attributes, "MaximumMessageSize")
            .and_then(|it| usize::try_from(it).ok())
            .unwrap_or(MAX_MESSAGE_BYTES);
        let usual_delay = integer(&attributes, "DelaySeconds").unwrap_or(0);
        let now = self.now_ms();
        let mut ids = Vec::new();
        for message in messages {
            check(message, limit)?;
            let id = self.id();
            let visible = now + message.delay.unwrap_or(usual_delay) * 1000;
            transaction.execute(
                "INSERT INTO messages (id, queue, body, attributes, sent_ms, visible_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![id, queue, message.body, message.attributes.to_string(), now, visible],
            )?;
            ids.push(id);
        }
        transaction.commit()?;
        Ok(ids)
    }

    /// Receives up to `most` visible messages, oldest first, and hides them for `visibility`
    /// seconds (the queue's own when not given). One received too often moves to the dead-letter
    /// queue instead.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn receive(
        &self,
        queue: &str,
        most: i64,
        visibility: Option<i64>,
    ) -> Result<Vec<Message>, SqsError> {
        let mut database = self.database();
        let transaction = database.transaction()?;
        let attributes = attributes(&transaction, queue)?;
        let now = self.now_ms();
        let retention = integer(&attributes, "MessageRetentionPeriod");
        let oldest = now - retention.unwrap_or(DEFAULT_RETENTION_SECONDS) * 1000;
        let expire = "DELETE FROM messages WHERE queue = ?1 AND sent_ms < ?2";
        transaction.execute(expire, params![queue, oldest])?;
        let usual = integer(&attributes, "VisibilityTimeout").unwrap_or(DEFAULT_VISIBILITY_SECONDS);
        let hidden_until = now + visibility_in_range(visibility.unwrap_or(usual))? * 1000;
        let mut messages = visible(&transaction, queue, now, most)?;
        if let Some((target, most_receives)) = redrive(&attributes) {
            let dead = |message: &Message| message.receive_count > most_receives;
            // What is received too often makes room for others, which may be so too.
            while messages.iter().any(dead) {
                for message in messages.iter().filter(|it| dead(it)) {
                    bury(&transaction, &message.id, &target, now)?;
                }
                messages = visible(&transaction, queue, now, most)?;
            }
        }
        for message in &mut messages {
            message.receipt = self.id();
            transaction.execute(
                "UPDATE messages SET visible_ms = ?2, receipt = ?3, receive_count = ?4,
                 first_received_ms = iif(first_received_ms = 0, ?5, first_received_ms)
                 WHERE id = ?1",
                params![message.id, hidden_until, message.receipt, message.receive_count, now],
            )?;
            if message.first_received_ms == 0 {
                message.first_received_ms = now;
            }
        }
        transaction.commit()?;
        Ok(messages)
    }

    /// Deletes a received message. Deleting twice is no error; a receipt of an older receive
    /// deletes nothing.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn delete(&self, queue: &str, receipt: &str) -> Result<(), SqsError> {
        let database = self.database();
        attributes(&database, queue)?;
        if receipt.is_empty() {
            return Err(SqsError::InvalidReceipt);
        }
        let delete = "DELETE FROM messages WHERE queue = ?1 AND receipt = ?2";
        database.execute(delete, params![queue, receipt])?;
        Ok(())
    }

    /// Hides a received message for `seconds` from now; zero shows it at once.
    ///
    /// # Errors
    /// [`SqsError::InvalidReceipt`] when it is not in flight by this receipt.
    pub fn change_visibility(
        &self,
        queue: &str,
        receipt: &str,
        seconds: i64,
    ) -> Result<(), SqsError> {
        let database = self.database();
        attributes(&database, queue)?;
        let visible = self.now_ms() + visibility_in_range(seconds)? * 1000;
        let changed = database.execute(
            "UPDATE messages SET visible_ms = ?3 WHERE queue = ?1 AND receipt = ?2 AND receipt <> ''",
            params![queue, receipt, visible],
        )?;
        if changed == 1 { Ok(()) } else { Err(SqsError::InvalidReceipt) }
    }

    /// Deletes all messages of a queue.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn purge(&self, queue: &str) -> Result<(), SqsError> {
        let database = self.database();
        attributes(&database, queue)?;
        database.execute("DELETE FROM messages WHERE queue = ?1", params![queue])?;
        Ok(())
    }

    /// Moves every message of `source` to `target`, ready to be received: a redrive.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn move_all(&self, source: &str, target: &str) -> Result<usize, SqsError> {
        let database = self.database();
        attributes(&database, source)?;
        attributes(&database, target)?;
        let moved = database.execute(
            "UPDATE messages SET queue = ?2, receive_count = 0, receipt = '', visible_ms = ?3
             WHERE queue = ?1",
            params![source, target, self.now_ms()],
        )?;
        Ok(moved)
    }

    /// How many messages a queue holds.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn counts(&self, queue: &str) -> Result<Counts, SqsError> {
        let database = self.database();
        attributes(&database, queue)?;
        let counts = database.query_row(
            "SELECT coalesce(sum(visible_ms <= ?2), 0),
                    coalesce(sum(visible_ms > ?2 AND receive_count > 0), 0),
                    coalesce(sum(visible_ms > ?2 AND receive_count = 0), 0)
             FROM messages WHERE queue = ?1",
            params![queue, self.now_ms()],
            |row| Ok(Counts { visible: row.get(0)?, in_flight: row.get(1)?, delayed: row.get(2)? }),
        )?;
        Ok(counts)
    }

    fn database(&self) -> MutexGuard<'_, Connection> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.clock.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// A UUID, as SQS gives for messages.
    fn id(&self) -> String {
        let id = self.random.id();
        [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-")
    }
}

fn visible(
    transaction: &Transaction<'_>,
    queue: &str,
    now: i64,
    most: i64,
) -> Result<Vec<Message>, SqsError> {
    let mut select = transaction.prepare_cached(
        "SELECT id, body, attributes, sent_ms, receive_count + 1, first_received_ms FROM messages
         WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY visible_ms, rowid LIMIT ?3",
    )?;
    let messages = select.query_map(params![queue, now, most], message_of)?;
    Ok(messages.collect::<Result<_, _>>()?)
}

/// Moves a message to its dead-letter queue, where its receives are counted anew.
fn bury(transaction: &Transaction<'_>, id: &str, target: &str, now: i64) -> Result<(), SqsError> {
    transaction.execute(
        "UPDATE messages SET queue = ?2, receive_count = 0, receipt = '', visible_ms = ?3
         WHERE id = ?1",
        params![id, target, now],
    )?;
    Ok(())
}

fn message_of(row: &Row<'_>) -> rusqlite::Result<Message> {
    let attributes: String = row.get(2)?;
    Ok(Message {
        id: row.get(0)?,
        receipt: String::new(),
        body: row.get(1)?,
        attributes: serde_json::from_str(&attributes).unwrap_or_default(),
        sent_ms: row.get(3)?,
        receive_count: row.get(4)?,
        first_received_ms: row.get(5)?,
    })
}

fn attributes(database: &Connection, queue: &str) -> Result<Attributes, SqsError> {
    let found: Option<String> = database
        .prepare_cached("SELECT attributes FROM queues WHERE name = ?1")?
        .query_row([queue], |row| row.get(0))
        .optional()?;
    let found = found.ok_or(SqsError::NoQueue)?;
    serde_json::from_str(&found).map_err(|error| SqsError::Internal(error.to_string()))
}

fn integer(attributes: &Attributes, name: &str) -> Option<i64> {
    attributes.get(name)?.parse().ok()
}

/// The dead-letter queue's name and `maxReceiveCount`.
fn redrive(attributes: &Attributes) -> Option<(String, i64)> {
    let policy: Value = serde_json::from_str(attributes.get("RedrivePolicy")?).ok()?;
    let target = policy["deadLetterTargetArn"].as_str()?.rsplit(':').next()?.to_owned();
    let most = &policy["maxReceiveCount"];
    Some((target, most.as_i64().or_else(|| most.as_str()?.parse().ok())?))
}

fn check(message: &Outgoing, limit: usize) -> Result<(), SqsError> {
    let size =
        message.body.len() + message.attributes["message"].as_object().map_or(0, |it| it.len());
    let text = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    if message.body.is_empty() {
        Err(SqsError::Invalid("The request must contain the parameter MessageBody.".to_owned()))
    } else if size > limit {
        Err(SqsError::Invalid(format!("Message must be shorter than {limit} bytes.")))
    } else if !message.body.chars().all(text) {
        Err(SqsError::Invalid("Message contains characters outside the allowed set.".to_owned()))
    } else if !(0..=MAX_DELAY_SECONDS).contains(&message.delay.unwrap_or(0)) {
        let value = message.delay.unwrap_or(0);
        Err(SqsError::Invalid(format!(
            "Value {value} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= {MAX_DELAY_SECONDS}."
        )))
    } else {
        Ok(())
    }
}

fn visibility_in_range(seconds: i64) -> Result<i64, SqsError> {
    if (0..=MAX_VISIBILITY_SECONDS).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(SqsError::Invalid(format!("Value {seconds} for VisibilityTimeout is invalid.")))
    }
}

impl From<rusqlite::Error> for SqsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Internal(error.to_string())
    }
}
