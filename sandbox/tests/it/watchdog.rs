//! A test that hangs ends the whole run, by name: the runner itself would wait for it for ever.

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
        Self::barking_after(LONGEST, move || {
            // Past the runner, which keeps what tests print and would lose it.
            let _ = writeln!(std::io::stderr(), "{test} hangs: over {} s", LONGEST.as_secs());
            std::process::abort();
        })
    }

    fn barking_after(longest: Duration, bark: impl FnOnce() + Send + 'static) -> Self {
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            if ended.recv_timeout(longest) == Err(RecvTimeoutError::Timeout) {
                bark();
            }
        });
        Self { _end: sender }
    }
}

#[test]
fn a_watchdog_barks_unless_its_test_ends() {
    for held in [true, false] {
        let (barked, heard) = channel();
        let bark = move || barked.send(()).unwrap();
        let watchdog = Watchdog::barking_after(Duration::from_millis(20), bark);
        let watchdog = held.then_some(watchdog);
        assert_eq!(heard.recv_timeout(Duration::from_secs(10)).is_ok(), held);
        drop(watchdog);
    }
}
