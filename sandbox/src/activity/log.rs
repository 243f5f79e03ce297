//! The record itself: the last entries, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use shared::domain::time::to_iso;
use shared::platform::environment::Clock;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::Instant;

use super::entry::{Entry, Kind};

/// How many entries are kept: the stories of some thousand orders.
const MOST: usize = 50_000;

/// What happened lately. Clones share one record.
#[derive(Clone)]
pub struct Activity(Arc<Log>);

struct Log {
    clock: Clock,
    entries: Mutex<VecDeque<Entry>>,
    /// The number of the last entry.
    last: watch::Sender<u64>,
}

/// Something that began and has not ended.
pub struct Started {
    kind: Kind,
    who: String,
    at: OffsetDateTime,
    begun: Instant,
}

impl Activity {
    /// Nothing has happened yet.
    pub fn new(clock: Clock) -> Self {
        let last = watch::Sender::new(0);
        Self(Arc::new(Log { clock, entries: Mutex::default(), last }))
    }

    /// Notes when something begins.
    pub fn begin(&self, kind: Kind, who: &str) -> Started {
        Started { kind, who: who.to_owned(), at: self.0.clock.now(), begun: Instant::now() }
    }

    /// Adds what has ended.
    pub fn end(&self, it: &Started, what: String, about: Vec<String>, ok: bool, detail: Value) {
        let ms = u64::try_from(it.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (kind, who, at) = (it.kind, it.who.clone(), to_iso(it.at));
        let mut entries = self.entries();
        let n = entries.back().map_or(0, |last| last.n) + 1;
        if entries.len() == MOST {
            entries.pop_front();
        }
        entries.push_back(Entry { n, at, kind, who, what, about, ms, ok, detail });
        self.0.last.send_replace(n);
    }

    /// The entries after number `after`, about `about` if it is given: the first `most` of them.
    pub fn after(&self, after: u64, about: Option<&str>, most: usize) -> Vec<Entry> {
        let entries = self.entries();
        let first = entries.partition_point(|entry| entry.n <= after);
        let is_about =
            |entry: &&Entry| about.is_none_or(|id| entry.about.iter().any(|it| it == id));
        entries.range(first..).filter(is_about).take(most).cloned().collect()
    }

    /// The number of the last entry; 0 where nothing has happened.
    pub fn last(&self) -> u64 {
        *self.0.last.borrow()
    }

    /// Tells of each new entry.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.last.subscribe()
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn add(activity: &Activity, id: &str) {
        let started = activity.begin(Kind::Write, "purchase");
        activity.end(&started, "wrote".to_owned(), vec![id.to_owned()], true, json!({}));
    }

    fn numbers(entries: &[Entry]) -> Vec<u64> {
        entries.iter().map(|it| it.n).collect()
    }

    #[test]
    fn entries_are_numbered_and_read_in_order() {
        let activity = Activity::new(Clock::system());
        ["a", "b", "a", "b"].iter().for_each(|id| add(&activity, id));
        assert_eq!(activity.last(), 4);
        assert_eq!(numbers(&activity.after(0, None, 9)), [1, 2, 3, 4]);
        assert_eq!(numbers(&activity.after(1, None, 2)), [2, 3]);
        assert_eq!(numbers(&activity.after(1, Some("a"), 9)), [3]);
        assert!(activity.after(4, None, 9).is_empty());
    }

    #[test]
    fn the_oldest_entries_are_dropped() {
        let activity = Activity::new(Clock::system());
        (0..=MOST).for_each(|_| add(&activity, "a"));
        let kept = activity.after(0, None, usize::MAX);
        assert_eq!((kept.len(), kept[0].n, activity.last()), (MOST, 2, MOST as u64 + 1));
    }
}
