//! What an operator does with a whole queue.

use rusqlite::params;

use super::engine::{Engine, SqsError, attributes};

impl Engine {
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
