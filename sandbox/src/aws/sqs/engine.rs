//! The queues themselves: a message is on disk before its send is acknowledged, and all waits
//! follow a clock that a test can move.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde_json::{Value, json};
use shared::platform::environment::{Clock, Random};

use super::activity::Activity;
use crate::aws::switches::Switches;

/// All queues of the simulated account.
pub struct Engine {
    database: Mutex<Connection>,
    pub(super) activity: Activity,
    clock: Clock,
    random: Random,
    switches: Switches,
}

/// Why an operation fails, in SQS's own terms.
#[derive(Debug, thiserror::Error)]
pub enum SqsError {
    /// The queue does not exist.
    #[error("The specified queue does not exist.")]
    NoQueue,
    /// A parameter is out of its range.
    #[error("{0}")]
    Invalid(String),
    /// The database failed.
    #[error("{0}")]
    Internal(String),
}

/// A message to send.
pub struct NewMessage<'a> {
    /// The body.
    pub body: &'a str,
    /// The `AWSTraceHeader`.
    pub trace_header: Option<&'a str>,
    /// Seconds until it can be received.
    pub delay_seconds: i64,
}

/// A received message.
pub struct ReceivedMessage {
    /// Its id.
    pub id: String,
    /// The receipt handle, which deletes it.
    pub receipt: String,
    /// The body.
    pub body: String,
    /// The `AWSTraceHeader` that it was sent with.
    pub trace_header: Option<String>,
    /// When it was sent, epoch milliseconds.
    pub sent_ms: i64,
    /// How often it was received, this time included.
    pub receive_count: i64,
    /// When it was first received, epoch milliseconds.
    pub first_received_ms: i64,
}

/// SQS's limit for one message.
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
CREATE TABLE IF NOT EXISTS moves (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    moved INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS by_visibility ON messages (queue, visible_ms);
CREATE INDEX IF NOT EXISTS by_age ON messages (queue, sent_ms);
CREATE INDEX IF NOT EXISTS by_receipt ON messages (receipt);
";

/// A queue's attributes, as `CreateQueue` takes them.
type QueueAttributes = BTreeMap<String, String>;

impl Engine {
    /// Opens the queues in `file`, or in memory.
    pub fn open(
        file: Option<&Path>,
        clock: Clock,
        random: Random,
        switches: Switches,
    ) -> Result<Self, SqsError> {
        let database = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        // A send is acknowledged only when it is on disk.
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        // Else SQLite compiles a statement again for each new value that it compares.
        database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        database.execute_batch(SCHEMA)?;
        let (database, activity) = (Mutex::new(database), Activity::default());
        Ok(Self { database, activity, clock, random, switches })
    }

    /// Creates a queue, or gives an existing one these attributes.
    pub fn create(&self, name: &str, attributes: &QueueAttributes) -> Result<(), SqsError> {
        let attributes = serde_json::to_string(attributes).unwrap_or_default();
        self.database().execute(
            "INSERT INTO queues VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET attributes = excluded.attributes",
            params![name, attributes],
        )?;
        Ok(())
    }

    /// A queue's attributes.
    pub fn attributes(&self, queue: &str) -> Result<QueueAttributes, SqsError> {
        attributes(&self.database(), queue)
    }

    /// Sends a message and gives its id.
    pub fn send(&self, queue: &str, message: &NewMessage<'_>) -> Result<String, SqsError> {
        let database = self.database();
        attributes(&database, queue)?;
        check(message)?;
        let (id, now) = (self.id(), self.now_ms());
        self.no_longer_idle(queue);
        let visible = now + message.delay_seconds * 1000;
        let stored = json!({ "trace": message.trace_header }).to_string();
        let mut insert = database.prepare_cached(
            "INSERT INTO messages (id, queue, body, attributes, sent_ms, visible_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        insert.execute(params![id, queue, message.body, stored, now, visible])?;
        Ok(id)
    }

    /// Whether it is known, without a look into the database, that nothing of a queue can be received.
    /// Many pollers ask many times a second.
    pub fn is_idle(&self, queue: &str) -> bool {
        self.idle_until_ms(queue).is_some_and(|until| self.now_ms() < until)
    }

    /// When the next message of a queue can be received, epoch milliseconds, as far as it is known;
    /// `i64::MAX` where it has none. A receive that finds nothing makes it known.
    pub fn idle_until_ms(&self, queue: &str) -> Option<i64> {
        self.activity.idle_until(queue)
    }

    /// To be called while the database is held.
    pub(super) fn no_longer_idle(&self, queue: &str) {
        self.activity.set_idle_until(queue, None);
    }

    /// Receives up to `most` visible messages, oldest first unless the switch for reordering is on,
    /// and hides them for `visibility` seconds (the queue's `VisibilityTimeout` if not given).
    /// Messages that were received `maxReceiveCount` times move to the dead-letter queue first.
    pub fn receive(
        &self,
        queue: &str,
        most: i64,
        visibility: Option<i64>,
    ) -> Result<Vec<ReceivedMessage>, SqsError> {
        let mut database = self.database();
        let transaction = database.transaction()?;
        let attributes = attributes(&transaction, queue)?;
        let now = self.now_ms();
        let oldest = oldest_kept(&attributes, now);
        let expire = "DELETE FROM messages WHERE queue = ?1 AND sent_ms < ?2";
        transaction.prepare_cached(expire)?.execute(params![queue, oldest])?;
        let default =
            integer(&attributes, "VisibilityTimeout").unwrap_or(DEFAULT_VISIBILITY_SECONDS);
        let hidden_until = now + visibility_in_range(visibility.unwrap_or(default))? * 1000;
        if let Some((target, max_receives)) = redrive(&attributes) {
            let mut redrive = transaction.prepare_cached(
                "UPDATE messages SET queue = ?2, receive_count = 0, receipt = '', visible_ms = ?3
                 WHERE queue = ?1 AND visible_ms <= ?3 AND receive_count >= ?4",
            )?;
            if redrive.execute(params![queue, target, now, max_receives])? > 0 {
                self.no_longer_idle(&target);
            }
        }
        let mut messages = if self.switches.positions().reorder {
            let mut all = visible(&transaction, queue, now, i64::MAX)?;
            all.sort_by_cached_key(|_| self.random.bytes::<8>());
            all.truncate(usize::try_from(most).unwrap_or(0));
            all
        } else {
            visible(&transaction, queue, now, most)?
        };
        if messages.is_empty() {
            let until = next_visible(&transaction, queue)?;
            self.activity.set_idle_until(queue, Some(until));
        } else {
            self.no_longer_idle(queue);
            self.activity.received(queue, messages.len());
        }
        for message in &mut messages {
            message.receipt = self.id();
            let mut hide = transaction.prepare_cached(
                "UPDATE messages SET visible_ms = ?2, receipt = ?3, receive_count = ?4,
                 first_received_ms = iif(first_received_ms = 0, ?5, first_received_ms)
                 WHERE id = ?1",
            )?;
            let it = &*message;
            hide.execute(params![it.id, hidden_until, it.receipt, it.receive_count, now])?;
            if message.first_received_ms == 0 {
                message.first_received_ms = now;
            }
        }
        transaction.commit()?;
        Ok(messages)
    }

    /// Deletes a received message. Deleting it twice is not an error. The receipt handle of an earlier
    /// receive deletes nothing.
    pub fn delete(&self, queue: &str, receipt: &str) -> Result<(), SqsError> {
        let database = self.database();
        attributes(&database, queue)?;
        if receipt.is_empty() {
            return Err(SqsError::Invalid("The receipt handle is empty.".to_owned()));
        }
        self.no_longer_idle(queue);
        if self.is_duplicated() && self.keep_a_copy(&database, queue, receipt)? {
            return Ok(());
        }
        let delete = "DELETE FROM messages WHERE queue = ?1 AND receipt = ?2";
        database.prepare_cached(delete)?.execute(params![queue, receipt])?;
        Ok(())
    }

    /// Whether the switch for duplicates is on and it is this message's turn: every second one's.
    fn is_duplicated(&self) -> bool {
        self.switches.positions().duplicates && self.random.bytes::<1>()[0] < 128
    }

    /// Lets the delete miss one copy of the message, which is received once more, as if for the first
    /// time. A copy itself has no copy.
    fn keep_a_copy(
        &self,
        database: &Connection,
        queue: &str,
        receipt: &str,
    ) -> Result<bool, SqsError> {
        let kept = database.execute(
            "UPDATE messages SET attributes = json_set(attributes, '$.copy', 1), visible_ms = ?3,
                    receipt = '', receive_count = receive_count - 1
             WHERE queue = ?1 AND receipt = ?2 AND json_extract(attributes, '$.copy') IS NULL",
            params![queue, receipt, self.now_ms()],
        )?;
        Ok(kept > 0)
    }

    /// How many messages of a queue can be received now, how many are received and still hidden,
    /// and how many wait for the end of their delay.
    pub fn counts(&self, queue: &str) -> Result<[i64; 3], SqsError> {
        let database = self.database();
        attributes(&database, queue)?;
        Ok(database.query_row(
            "SELECT coalesce(sum(visible_ms <= ?2), 0),
                    coalesce(sum(visible_ms > ?2 AND receive_count > 0), 0),
                    coalesce(sum(visible_ms > ?2 AND receive_count = 0), 0)
             FROM messages WHERE queue = ?1",
            params![queue, self.now_ms()],
            |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]),
        )?)
    }

    pub(super) fn database(&self) -> MutexGuard<'_, Connection> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now_ms(&self) -> i64 {
        i64::try_from(self.clock.now().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }

    /// A UUID, the form of SQS's message ids.
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
) -> Result<Vec<ReceivedMessage>, SqsError> {
    let mut select = transaction.prepare_cached(
        "SELECT id, body, attributes, sent_ms, receive_count + 1, first_received_ms FROM messages
         WHERE queue = ?1 AND visible_ms <= ?2 ORDER BY visible_ms, rowid LIMIT ?3",
    )?;
    let messages = select.query_map(params![queue, now, most], message_of)?;
    Ok(messages.collect::<Result<_, _>>()?)
}

/// When the next message of a queue can be received; the end of time where there is none.
pub(super) fn next_visible(database: &Connection, queue: &str) -> Result<i64, SqsError> {
    let mut select = database
        .prepare_cached("SELECT coalesce(min(visible_ms), ?2) FROM messages WHERE queue = ?1")?;
    Ok(select.query_row(params![queue, i64::MAX], |row| row.get(0))?)
}

fn message_of(row: &Row<'_>) -> rusqlite::Result<ReceivedMessage> {
    let stored: String = row.get(2)?;
    let stored: Value = serde_json::from_str(&stored).unwrap_or_default();
    Ok(ReceivedMessage {
        id: row.get(0)?,
        receipt: String::new(),
        body: row.get(1)?,
        trace_header: stored["trace"].as_str().map(str::to_owned),
        sent_ms: row.get(3)?,
        receive_count: row.get(4)?,
        first_received_ms: row.get(5)?,
    })
}

pub(super) fn attributes(database: &Connection, queue: &str) -> Result<QueueAttributes, SqsError> {
    let found: Option<String> = database
        .prepare_cached("SELECT attributes FROM queues WHERE name = ?1")?
        .query_row([queue], |row| row.get(0))
        .optional()?;
    let found = found.ok_or(SqsError::NoQueue)?;
    serde_json::from_str(&found).map_err(|error| SqsError::Internal(error.to_string()))
}

/// When the oldest message was sent that the queue still keeps, epoch milliseconds.
pub(super) fn oldest_kept(attributes: &QueueAttributes, now_ms: i64) -> i64 {
    let retention = integer(attributes, "MessageRetentionPeriod");
    now_ms - retention.unwrap_or(DEFAULT_RETENTION_SECONDS) * 1000
}

fn integer(attributes: &QueueAttributes, name: &str) -> Option<i64> {
    attributes.get(name)?.parse().ok()
}

/// The dead-letter queue's name and `maxReceiveCount`.
pub(super) fn redrive(attributes: &QueueAttributes) -> Option<(String, i64)> {
    let policy: Value = serde_json::from_str(attributes.get("RedrivePolicy")?).ok()?;
    let target = policy["deadLetterTargetArn"].as_str()?.rsplit(':').next()?.to_owned();
    let most = &policy["maxReceiveCount"];
    Some((target, most.as_i64().or_else(|| most.as_str()?.parse().ok())?))
}

fn check(message: &NewMessage<'_>) -> Result<(), SqsError> {
    let text = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    let problem = if message.body.is_empty() {
        "The request must contain the parameter MessageBody.".to_owned()
    } else if message.body.len() > MAX_MESSAGE_BYTES {
        format!("Message must be shorter than {MAX_MESSAGE_BYTES} bytes.")
    } else if !message.body.chars().all(text) {
        "Message contains characters outside the allowed set.".to_owned()
    } else if !(0..=MAX_DELAY_SECONDS).contains(&message.delay_seconds) {
        format!("DelaySeconds must be >= 0 and <= {MAX_DELAY_SECONDS}.")
    } else {
        return Ok(());
    };
    Err(SqsError::Invalid(problem))
}

pub(super) fn visibility_in_range(seconds: i64) -> Result<i64, SqsError> {
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
