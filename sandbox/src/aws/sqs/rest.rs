//! Whether the queues are at rest, and until when: a clock that is turned waits for the one and goes on to
//! the other.

use std::time::Duration;

use super::engine::{Engine, next_visible};

impl Engine {
    /// Reports that received messages were handled, whether that succeeded or not.
    pub(crate) fn handled(&self, queue: &str, messages: usize) {
        self.activity.handled(queue, messages);
    }

    /// Whether no message of these queues can be received now and none is being handled. Nothing is sent or
    /// received while it looks, and whoever handled a message has sent all that follows from it.
    pub(crate) fn are_at_rest(&self, queues: &[&str]) -> bool {
        let database = self.database();
        let is_later =
            |queue| next_visible(&database, queue).is_ok_and(|next| next > self.now_ms());
        queues.iter().all(|queue| self.activity.all_handled(queue))
            && queues.iter().all(|queue| is_later(queue))
    }

    /// How long until a message of a queue can be received: [`Duration::MAX`] where it has none.
    pub(crate) fn next_message_in(&self, queue: &str) -> Duration {
        match next_visible(&self.database(), queue) {
            Ok(i64::MAX) => Duration::MAX,
            next => {
                let wait = next.unwrap_or_default() - self.now_ms();
                Duration::from_millis(u64::try_from(wait).unwrap_or(0))
            }
        }
    }
}
