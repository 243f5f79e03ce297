//! What an operator does with a whole queue.

use rusqlite::params;

use super::engine::{Engine, SqsError, attributes, redrive};

/// A message that is looked at and not received.
pub struct KeptMessage {
    /// Its id.
    pub id: String,
    /// The body.
    pub body: String,
    /// When it was sent, epoch milliseconds.
    pub sent_ms: i64,
    /// From when on it can be received, epoch milliseconds.
    pub visible_ms: i64,
    /// How often it was received.
    pub receive_count: i64,
}

impl Engine {
    /// The name of a queue's dead-letter queue; none if it has none.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn dead_letter_queue(&self, queue: &str) -> Result<Option<String>, SqsError> {
        Ok(redrive(&self.attributes(queue)?).map(|(name, _)| name))
    }

    /// The messages of a queue that come next, at most so many. Nothing in them changes.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn peek(&self, queue: &str, most: usize) -> Result<Vec<KeptMessage>, SqsError> {
        let database = self.database();
        let mut select = database.prepare_cached(
            "SELECT id, body, sent_ms, visible_ms, receive_count FROM messages
             WHERE queue = ?1 ORDER BY visible_ms, rowid LIMIT ?2",
        )?;
        let kept = select.query_map(params![queue, most], |row| {
            Ok(KeptMessage {
                id: row.get(0)?,
                body: row.get(1)?,
                sent_ms: row.get(2)?,
                visible_ms: row.get(3)?,
                receive_count: row.get(4)?,
            })
        })?;
        Ok(kept.collect::<Result<_, _>>()?)
    }

    /// Redrives: moves every message of `source` to `target`, where it can be received at once.
    pub fn move_all(&self, source: &str, target: &str) -> Result<usize, SqsError> {
        let database = self.database();
        attributes(&database, source)?;
        attributes(&database, target)?;
        self.no_longer_idle(target);
        Ok(database.execute(
            "UPDATE messages SET queue = ?2, receive_count = 0, receipt = '', visible_ms = ?3
             WHERE queue = ?1",
            params![source, target, self.now_ms()],
        )?)
    }

    /// Deletes every message of a queue.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn purge(&self, queue: &str) -> Result<usize, SqsError> {
        let database = self.database();
        attributes(&database, queue)?;
        Ok(database.execute("DELETE FROM messages WHERE queue = ?1", [queue])?)
    }
}
