//! What CloudWatch would show of a queue.

use rusqlite::params;

use super::engine::{Engine, SqsError, attributes, oldest_kept};

/// The metrics of a queue that alarms watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueMetrics {
    /// `ApproximateNumberOfMessagesVisible`.
    pub visible: i64,
    /// `ApproximateAgeOfOldestMessage` in seconds. It counts from the sending, so a delay is part of
    /// it; 0 if no message is visible or in flight.
    pub oldest_age_seconds: i64,
}

impl Engine {
    /// The metrics of a queue.
    pub fn metrics(&self, queue: &str) -> Result<QueueMetrics, SqsError> {
        let database = self.database();
        let now = self.now_ms();
        let kept = oldest_kept(&attributes(&database, queue)?, now);
        let (visible, oldest): (i64, Option<i64>) = database.query_row(
            "SELECT coalesce(sum(visible_ms <= ?2), 0), min(sent_ms) FROM messages
             WHERE queue = ?1 AND sent_ms >= ?3 AND (visible_ms <= ?2 OR receive_count > 0)",
            params![queue, now, kept],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let age_ms = oldest.map_or(0, |sent| now - sent);
        Ok(QueueMetrics { visible, oldest_age_seconds: age_ms / 1000 })
    }
}
