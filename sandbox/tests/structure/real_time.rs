//! Tests that read the real time: they would pass or fail by the hour at which they run.

use crate::sources::Sources;

/// What reads the real time.
const READS: [&str; 2] = ["OffsetDateTime::now_utc(", "SystemTime::now("];

/// Where a test must: the standard's own library for webhooks, and a call's deadline, compare with it.
const ALLOWED: [&str; 2] =
    ["sandbox/tests/it/functions/webhooks/mod.rs", "sandbox/tests/it/support/tap.rs"];

/// The integration tests that read the real time. Those of the tool are left out: it is a process of its
/// own, with the machine's clock.
pub fn readers(sources: &Sources) -> Vec<String> {
    let tests = sources.iter().filter(|(file, _)| {
        file.contains("/tests/it/") && !file.starts_with("cli/") && !ALLOWED.contains(&&***file)
    });
    let reading = tests.filter(|(_, text)| READS.iter().any(|read| text.contains(read)));
    reading.map(|(file, _)| format!("{file} reads the real time")).collect()
}
