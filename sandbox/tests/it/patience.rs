//! A test that hangs ends the whole run, by name: the runner itself would wait for it for ever.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Far beyond the longest test on a slow machine.
const LONGEST: Duration = Duration::from_secs(600);

/// A test's patience, while it is held.
pub struct Patience {
    _end: Sender<()>,
}

impl Patience {
    pub fn new() -> Self {
        Self::of(LONGEST, || std::process::abort())
    }

    fn of(longest: Duration, end: impl FnOnce() + Send + 'static) -> Self {
        let (sender, ended) = channel();
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        std::thread::spawn(move || {
            if ended.recv_timeout(longest) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} hangs: it runs for more than {} s", longest.as_secs());
                end();
            }
        });
        Self { _end: sender }
    }
}

#[test]
fn patience_ends_with_its_test_or_with_the_run() {
    for (held, aborts) in [(true, true), (false, false)] {
        let (aborted, end) = channel();
        let patience = Patience::of(Duration::from_millis(20), move || aborted.send(()).unwrap());
        let patience = held.then_some(patience);
        assert_eq!(end.recv_timeout(Duration::from_secs(10)).is_ok(), aborts, "held: {held}");
        drop(patience);
    }
}
