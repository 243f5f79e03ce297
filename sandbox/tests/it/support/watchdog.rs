//! Ends the whole run if a test hangs, and names the test: the test runner would wait for ever.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Far beyond the longest test on a slow machine.
const LONGEST: Duration = Duration::from_secs(900);

/// Watches a test while it is held.
pub struct Watchdog {
    _end: Sender<()>,
}

impl Watchdog {
    pub fn new() -> Self {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        Self::firing_after(LONGEST, move || {
            // Not by `eprintln!`: the runner captures that, and loses it at the abort.
            let _ = writeln!(std::io::stderr(), "{test} hangs: over {} s", LONGEST.as_secs());
            std::process::abort();
        })
    }

    fn firing_after(longest: Duration, fire: impl FnOnce() + Send + 'static) -> Self {
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            if ended.recv_timeout(longest) == Err(RecvTimeoutError::Timeout) {
                fire();
            }
        });
        Self { _end: sender }
    }
}

#[test]
fn a_watchdog_fires_unless_its_test_ends() {
    for held in [true, false] {
        let (fired, received) = channel();
        let fire = move || fired.send(()).unwrap();
        let watchdog = Watchdog::firing_after(Duration::from_millis(20), fire);
        let watchdog = held.then_some(watchdog);
        assert_eq!(received.recv_timeout(Duration::from_secs(10)).is_ok(), held);
        drop(watchdog);
    }
}
