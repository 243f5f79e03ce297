//! Functions that run as processes. The process of these tests does nothing: the test itself speaks with the
//! emulator of the Runtime API in its place.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use lambda_runtime::Context;
use sandbox::StartupError;
use sandbox::aws::lambda::Entry;
use sandbox::aws::processes::registry;
use shared::platform::environment::Environment;
use tempfile::TempDir;

use super::runtime_api::{Client, both};
use crate::support::purchases::until;

const NAME: &str = "auth";
/// A process that waits. It is not written here: a file that is open for writing anywhere cannot be started.
const SILENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/platform/silent.sh");

/// A folder with one function, and its processes that were started.
struct Folder(TempDir);

impl Folder {
    fn with(program: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let function = folder.path().join(NAME);
        fs::create_dir(&function).expect("a folder");
        symlink(program, function.join("bootstrap")).expect("a program");
        Self(folder)
    }

    async fn start(&self) -> Result<Entry, StartupError> {
        let vars = [("TOLD", "told"), ("EMPTY", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let registry = registry(self.0.path(), [NAME.to_owned()].into_iter());
        registry[NAME](vars.into_iter().collect(), Environment::real()).await
    }

    /// The function, started. The first process waits for an event.
    async fn started(&self) -> (Entry, Process, Asked) {
        let first = async {
            let process = self.process(0).await;
            let asked = process.asks();
            (process, asked)
        };
        let (entry, (process, asked)) = both(self.start(), first).await;
        (entry.expect("it starts"), process, asked)
    }

    /// The process that was started after so many others.
    async fn process(&self, others: usize) -> Process {
        let lines = || {
            let file = self.0.path().join(NAME).join("started");
            let text = fs::read_to_string(file).unwrap_or_default();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        until("a process was started", async || lines().len() > others).await;
        let line = lines().remove(others);
        let words: Vec<&str> = line.split(' ').collect();
        let [address, pid, function, told] = words[..] else { panic!("{line}") };
        assert_eq!([function, told], [NAME, "told"], "it has its variables and no others");
        Process { client: Client { address: address.to_owned() }, pid: pid.to_owned() }
    }

    /// Invokes the function, for which another process starts, and answers in its place.
    async fn answered_by_another(&self, entry: &Entry, others: usize) -> Process {
        let invoked = tokio::spawn(entry("2".to_owned(), context("another")));
        let process = self.process(others).await;
        process.answers(&process.asks().await.expect("an event")).await;
        let answer = invoked.await.expect("no panic").expect("an answer");
        assert_eq!(answer.to_string(), r#"{"echo":2}"#);
        process
    }
}

/// What asks for an event in place of a process. It gives the invocation's id and the event.
type Asked = tokio::task::JoinHandle<(String, String)>;

struct Process {
    client: Client,
    pid: String,
}

impl Process {
    fn asks(&self) -> Asked {
        let client = Client { address: self.client.address.clone() };
        tokio::spawn(async move {
            let (id, head, event) = client.next().await;
            assert!(!head.contains("trace-id"), "the trace is the event's: {head}");
            (id, event)
        })
    }

    async fn answers(&self, (id, event): &(String, String)) {
        let path = format!("/invocation/{id}/response");
        self.client.post(&path, &format!("{{\"echo\":{event}}}")).await;
    }

    /// A process that ended and that nobody waited for is still listed, as `Z`.
    fn is_alive(&self) -> bool {
        let stat = fs::read_to_string(Path::new("/proc").join(&self.pid).join("stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    fn kill(&self) {
        let status = std::process::Command::new("kill").args(["-9", &self.pid]).status();
        assert!(status.expect("kill").success());
    }
}

fn context(id: &str) -> Context {
    let mut context = Context::default();
    context.request_id = id.to_owned();
    context.deadline = u64::MAX;
    context
}

#[tokio::test]
async fn a_binary_that_is_missing_or_ends_does_not_start() {
    let missing = TempDir::new().expect("a folder");
    let none = registry(missing.path(), [NAME.to_owned()].into_iter());
    let error = none[NAME]([].into_iter().collect(), Environment::real())
        .await
        .err()
        .expect("none is there");
    assert!(error.to_string().contains("auth/bootstrap"), "{error}");

    let error = Folder::with("/bin/sh").start().await.err().expect("it ends");
    assert!(error.to_string().contains("its process ended by itself"), "{error}");
}

#[tokio::test]
async fn a_process_takes_one_event_after_the_other_and_a_second_one_starts_when_it_is_busy() {
    let folder = Folder::with(SILENT);
    let (entry, first, asked) = folder.started().await;
    let one = tokio::spawn(entry("1".to_owned(), context("one")));
    let given = asked.await.expect("an event");
    assert_eq!(given, ("one".to_owned(), "1".to_owned()));

    let second = folder.answered_by_another(&entry, 1).await;
    assert_ne!(first.pid, second.pid);
    first.answers(&given).await;
    assert_eq!(one.await.expect("no panic").expect("an answer").to_string(), r#"{"echo":1}"#);

    let asked = first.asks();
    let three = tokio::spawn(entry("3".to_owned(), context("three")));
    let given = asked.await.expect("the one that was idle last gets it");
    let path = format!("/invocation/{}/error", given.0);
    first.client.post(&path, r#"{"errorMessage":"no table"}"#).await;
    let error = three.await.expect("no panic").expect_err("it fails");
    assert!(error.contains("no table"), "{error}");

    let asked = first.asks();
    let four = tokio::spawn(entry("4".to_owned(), context("four")));
    first.answers(&asked.await.expect("a process goes on after an error")).await;
    assert!(four.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn an_invocation_that_is_stopped_takes_its_process_with_it() {
    let folder = Folder::with(SILENT);
    let (entry, first, asked) = folder.started().await;
    let stopped = tokio::spawn(entry("1".to_owned(), context("one")));
    asked.await.expect("an event");
    stopped.abort();
    until("the process is gone", async || !first.is_alive()).await;
    folder.answered_by_another(&entry, 1).await;
}

#[tokio::test]
async fn a_process_that_ends_fails_its_invocation_and_another_one_takes_the_next() {
    let folder = Folder::with(SILENT);
    let (entry, first, asked) = folder.started().await;
    let lost = tokio::spawn(entry("1".to_owned(), context("one")));
    asked.await.expect("an event");
    first.kill();
    let error = lost.await.expect("no panic").expect_err("it is lost");
    assert!(error.contains("ended by itself"), "{error}");

    // One that ended while it was idle is not asked, either.
    let second = folder.answered_by_another(&entry, 1).await;
    second.kill();
    until("the process is gone", async || !second.is_alive()).await;
    folder.answered_by_another(&entry, 2).await;
}
