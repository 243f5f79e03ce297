//! Every log line of the whole suite against every secret, number, OTP, session, code and token that
//! the suite uses: at the end of each test there must be none.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

#[derive(Default)]
struct Watch {
    /// All words of all lines so far.
    written: HashSet<String>,
    /// What must not be among them.
    secret: HashSet<String>,
    leaks: Vec<String>,
    lines: usize,
}

static WATCH: LazyLock<Mutex<Watch>> = LazyLock::new(|| {
    let subscriber = tracing_subscriber::registry().with(shared::log::json_lines(Lines));
    tracing::subscriber::set_global_default(subscriber).expect("nobody else listens");
    Mutex::default()
});

fn watch() -> std::sync::MutexGuard<'static, Watch> {
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shorter words may be anything.
const SHORTEST: usize = 6;

fn words(text: &str) -> impl Iterator<Item = &str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c| !word(c)).filter(|it| it.len() >= SHORTEST)
}

/// From now on, and looking back, no line may hold this.
pub fn secret(text: &str) {
    // What a test made up of plain words is no secret.
    let plain = !text.contains(|c: char| c.is_ascii_digit() || c == '_');
    if plain || words(text).next() != Some(text) {
        return;
    }
    let mut watch = watch();
    if watch.secret.insert(text.to_owned()) && watch.written.contains(text) {
        watch.leaks.push(text.to_owned());
    }
}

/// The same for a number, in all its forms.
pub fn number(phone: &str) {
    secret(phone);
    if let Ok(msisdn) = shared::phone::Msisdn::parse(phone) {
        secret(&msisdn.local());
        secret(&msisdn.international());
        secret(&msisdn.local()[1..]);
    }
}

/// What a request or an answer carries by these names.
pub fn document(body: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    for part in [&value, &value["data"]] {
        for name in ["otp", "voucher_code", "session_id"] {
            part[name].as_str().into_iter().for_each(secret);
        }
        for name in ["phone", "fixedLine", "receivingCustomerId"] {
            part[name].as_str().into_iter().for_each(number);
        }
        // In an error `code` is its name.
        if value["status"] != "failed" {
            part["code"].as_str().into_iter().for_each(secret);
        }
    }
}

/// At the end of a test.
pub fn none() {
    let watch = watch();
    assert!(watch.leaks.is_empty(), "in the log: {:?}", watch.leaks);
}

struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let mut watch = watch();
        watch.lines += 1;
        for word in words(&text) {
            if watch.secret.contains(word) {
                watch.leaks.push(format!("{word} in {text}"));
            }
            if !watch.written.contains(word) {
                watch.written.insert(word.to_owned());
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_is_logged_is_seen_and_a_leak_would_be_found() {
    let gateway = crate::support::Gateway::start().await;
    let before = watch().lines;
    gateway.caller().get("/purchases").await.ok();
    assert!(watch().lines > before, "the function's own line");
    assert!(watch().secret.contains(crate::support::KEY));
    let line = r#"{"detail":"sent to +2348031234567, tok_0123456789"}"#;
    let found: Vec<_> = words(line).collect();
    assert!(found.contains(&"2348031234567") && found.contains(&"tok_0123456789"));
}
