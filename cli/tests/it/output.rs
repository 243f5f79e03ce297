//! Output that cannot be written.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::{Ended, Gateway};

/// Runs the program with this standard output.
async fn run_into(stdout: impl Into<Stdio>, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_telco-gateway"));
    command.args(arguments).env_clear().stdout(stdout);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (code, stderr) = (output.status.code(), String::from_utf8(output.stderr).unwrap());
    Ended { code: code.expect("it ends by itself"), stdout: String::new(), stderr }
}

/// A disk without space.
fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// A pipe that nobody reads.
fn unread() -> impl Into<Stdio> {
    let (_, pipe) = std::io::pipe().unwrap();
    pipe
}

#[tokio::test(flavor = "multi_thread")]
async fn output_that_cannot_be_written_is_told_unless_nobody_reads_it() {
    let gateway = Gateway::start().await;
    let sandbox = ["--sandbox", gateway.url()];
    let list = [&sandbox[..], &["tenant", "list"]].concat();
    let message = run_into(full(), &list).await.refused(3);
    assert!(message.contains("its output could not be written"), "{message}");
    let ended = run_into(unread(), &list).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    // Findings, too.
    gateway.run(&["guard", "close", "mtn-data", "--because", "it is maintained"]).await.ok();
    let doctor = [&sandbox[..], &["doctor"]].concat();
    assert_eq!(run_into(unread(), &doctor).await.code, 1);
    let message = run_into(full(), &doctor).await.refused(3);
    assert!(message.contains("its output could not be written"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_an_endpoint_that_could_not_be_printed_is_told_with_the_endpoint() {
    let gateway = Gateway::start().await;
    let sandbox = ["--sandbox", gateway.url(), "webhook"];
    let add = [&sandbox[..], &["add", "acme", "--url", "http://localhost:3000/hooks"]].concat();
    let list = ["webhook", "list", "acme", "--json"];
    let message = run_into(unread(), &add).await.refused(3);
    let id = gateway.run(&list).await.json()[0]["id"].as_str().unwrap().to_owned();
    let expected = format!("the new secret of endpoint {id} is stored and could not be printed");
    assert!(message.contains(&expected), "{message}");
    let rotate = [&sandbox[..], &["rotate", "acme", &id]].concat();
    let message = run_into(full(), &rotate).await.refused(3);
    assert!(message.contains(&expected), "{message}");
}
