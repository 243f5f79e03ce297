//! Checks that no log line of the whole suite, and no record of the sandbox, holds a secret, number, OTP, session, code or token that
//! the suite uses. Every test asserts it at its end.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;

#[derive(Default)]
struct Watch {
    /// All words of all log lines so far.
    written: HashSet<String>,
    /// Words that must not be among them.
    secret: HashSet<String>,
    leaks: Vec<String>,
    lines: usize,
}

static WATCH: LazyLock<Mutex<Watch>> = LazyLock::new(|| {
    let subscriber =
        tracing_subscriber::registry().with(shared::platform::telemetry::log::json_lines(
            || Lines,
            sandbox::functions::logged_packages(),
        ));
    tracing::subscriber::set_global_default(subscriber).expect("there is no other subscriber");
    Mutex::default()
});

fn watch() -> MutexGuard<'static, Watch> {
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shorter words may occur by chance.
const SHORTEST: usize = 6;

pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c| !word(c)).filter(|it| it.len() >= SHORTEST)
}

/// No log line may hold this text, neither earlier nor later ones.
pub fn secret(text: &str) {
    // A text of plain letters, made up by a test, is not a secret.
    let plain = !text.contains(|c: char| c.is_ascii_digit() || c == '_');
    if plain || words(text).next() != Some(text) {
        return;
    }
    let mut watch = watch();
    if watch.secret.insert(text.to_owned()) && watch.written.contains(text) {
        watch.leaks.push(text.to_owned());
    }
}

/// No log line may hold this number, in any of its forms.
pub fn number(phone: &str) {
    secret(phone);
    if let Ok(msisdn) = shared::domain::msisdn::Msisdn::parse(phone) {
        secret(&msisdn.local());
        secret(&msisdn.international());
        secret(&msisdn.local()[1..]);
    }
}

/// Marks the secret fields of a request or an answer.
pub fn document(body: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    for part in [&value, &value["data"]] {
        for name in ["otp", "voucher_code", "session_id"] {
            part[name].as_str().into_iter().for_each(secret);
        }
        for name in ["phone", "fixedLine", "receivingCustomerId"] {
            part[name].as_str().into_iter().for_each(number);
        }
        // The `code` of an error is not a secret.
        if value["status"] != "failed" {
            part["code"].as_str().into_iter().for_each(secret);
        }
    }
}

/// A text that a person or a program may read, such as a log line.
pub fn shown(text: &str) {
    let mut watch = watch();
    for word in words(text) {
        if watch.secret.contains(word) {
            watch.leaks.push(format!("{word} in {text}"));
        }
        if !watch.written.contains(word) {
            watch.written.insert(word.to_owned());
        }
    }
}

/// Asserts that nothing leaked. For the end of a test.
pub fn none() {
    let watch = watch();
    assert!(watch.leaks.is_empty(), "in the log: {:?}", watch.leaks);
}

struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        watch().lines += 1;
        shown(&String::from_utf8_lossy(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// How many lines were read so far.
pub fn lines() -> usize {
    watch().lines
}

/// Whether no log line may hold this text.
pub fn is_secret(text: &str) -> bool {
    watch().secret.contains(text)
}
