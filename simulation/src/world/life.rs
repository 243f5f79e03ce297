//! The life of an instance.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// The life of an instance.
#[derive(Default)]
pub struct Life {
    is_over: AtomicBool,
    ended: Notify,
}

impl Life {
    /// Ends it: what the instance is doing is never finished.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.ended.notify_one();
    }

    /// Waits for the end.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}
