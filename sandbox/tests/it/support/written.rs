//! Captures the log lines of this thread: a single-threaded test runs on one, with all that it starts.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::Subscriber;
use tracing::subscriber::DefaultGuard;

#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// Listens until the guard is dropped, by a subscriber that writes JSON lines here.
    pub fn listen<S: Subscriber + Send + Sync + 'static>(
        subscriber: impl FnOnce(Self) -> S,
    ) -> (Self, DefaultGuard) {
        let written = Self::default();
        let subscriber = subscriber(written.clone());
        (written, tracing::subscriber::set_default(subscriber))
    }

    pub fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
