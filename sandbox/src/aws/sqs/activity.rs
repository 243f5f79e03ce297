//! What is going on at each queue, as far as it is known without a look into the database.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The activity of all queues.
#[derive(Default)]
pub(super) struct Activity(Mutex<HashMap<String, Queue>>);

#[derive(Default)]
struct Queue {
    /// Until when nothing can be received, epoch milliseconds.
    idle_until: Option<i64>,
    /// How many messages were received and are not yet handled.
    in_hand: usize,
}

impl Activity {
    /// Until when nothing of a queue can be received, epoch milliseconds, as far as it is known.
    pub(super) fn idle_until(&self, queue: &str) -> Option<i64> {
        self.queues().get(queue)?.idle_until
    }

    /// Sets [`Activity::idle_until`]. To be called while the database is held.
    pub(super) fn set_idle_until(&self, queue: &str, until: Option<i64>) {
        self.queues().entry(queue.to_owned()).or_default().idle_until = until;
    }

    /// Messages of a queue were received.
    pub(super) fn received(&self, queue: &str, messages: usize) {
        self.queues().entry(queue.to_owned()).or_default().in_hand += messages;
    }

    /// Received messages were handled, whether that succeeded or not.
    pub(super) fn handled(&self, queue: &str, messages: usize) {
        if let Some(queue) = self.queues().get_mut(queue) {
            queue.in_hand = queue.in_hand.saturating_sub(messages);
        }
    }

    /// Whether every received message of a queue was handled.
    pub(super) fn all_handled(&self, queue: &str) -> bool {
        self.queues().get(queue).is_none_or(|queue| queue.in_hand == 0)
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
