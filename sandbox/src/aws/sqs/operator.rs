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

/// A redrive that is done.
pub struct Move {
    /// The queue whose messages were moved.
    pub source: String,
    /// Where they were moved to.
    pub target: String,
    /// How many.
    pub moved: i64,
    /// When, epoch milliseconds.
    pub at_ms: i64,
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
        let now = self.now_ms();
        let moved = database.execute(
            "UPDATE messages SET queue = ?2, receive_count = 0, receipt = '', visible_ms = ?3
             WHERE queue = ?1",
            params![source, target, now],
        )?;
        let note = "INSERT INTO moves VALUES (?1, ?2, ?3, ?4)";
        database.execute(note, params![source, target, moved, now])?;
        Ok(moved)
    }

    /// The redrives of a queue, newest first, at most `most`.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn moves(&self, source: &str, most: i64) -> Result<Vec<Move>, SqsError> {
        let database = self.database();
        attributes(&database, source)?;
        let mut select = database.prepare_cached(
            "SELECT source, target, moved, at_ms FROM moves WHERE source = ?1
             ORDER BY rowid DESC LIMIT ?2",
        )?;
        let moves = select.query_map(params![source, most], |row| {
            Ok(Move {
                source: row.get(0)?,
                target: row.get(1)?,
                moved: row.get(2)?,
                at_ms: row.get(3)?,
            })
        })?;
        Ok(moves.collect::<Result<_, _>>()?)
    }

    /// Lets a received message be seen again `seconds` from now.
    ///
    /// # Errors
    /// [`SqsError`].
    pub fn change_visibility(
        &self,
        queue: &str,
        receipt: &str,
        seconds: i64,
    ) -> Result<(), SqsError> {
        let database = self.database();
        attributes(&database, queue)?;
        let until = self.now_ms() + seconds * 1000;
        self.no_longer_idle(queue);
        let change =
            "UPDATE messages SET visible_ms = ?3 WHERE queue = ?1 AND receipt = ?2 AND ?2 <> ''";
        database.execute(change, params![queue, receipt, until])?;
        Ok(())
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
